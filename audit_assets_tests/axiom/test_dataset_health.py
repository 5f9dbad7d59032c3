"""The issues of a dataset; what the token can't see is reported as unknown."""

import pytest

from audit_assets.axiom.dataset_health import find_issues
from audit_assets.axiom.ingest_receipts import DatasetLimits


def issues(retention: int | None = 90, fields: int | None = 40, incomplete: int = 0) -> list[tuple[str, str]]:
    return [(issue.kind, issue.what) for issue in find_issues(DatasetLimits(retention, fields), incomplete)]


def test_a_dataset_with_enough_room_and_retention_has_no_issues() -> None:
    assert issues() == []
    assert issues(retention=45) == []


def test_a_retention_that_cuts_into_the_window_is_a_problem() -> None:
    assert issues(retention=44) == [("problem", "the dataset keeps 44 days: too few for a baseline of 30")]


@pytest.mark.parametrize(
    ("fields", "issue"),
    [
        (230, None),
        (231, "the dataset has 231 fields of the 256 that Personal plans allow"),
        (256, "the dataset has 256 fields of the 256 that Personal plans allow"),
        (257, None),
        (921, None),
        (922, "the dataset has 922 fields of the 1,024 that Cloud plans allow"),
        (1_024, "the dataset has 1,024 fields of the 1,024 that Cloud plans allow"),
        (2_000, "the dataset has 2,000 fields, more than the 1,024 that any known plan allows"),
    ],
)
def test_a_field_limit_is_reported_when_it_is_near(fields: int, issue: str | None) -> None:
    assert issues(fields=fields) == ([("advice", issue)] if issue else [])


def test_what_the_token_can_not_see_is_unknown_and_never_guessed() -> None:
    assert [kind for kind, _ in issues(retention=None, fields=None)] == ["unknown", "unknown"]


def test_fields_that_were_dropped_are_a_problem() -> None:
    assert issues(incomplete=1_200) == [("problem", "1,200 events in the dataset lack fields that they were sent with")]
