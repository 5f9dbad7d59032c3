"""What could not be read is flagged by its reasons."""

from datetime import UTC, datetime

import polars as pl

from audit_assets.detection.schemas import FLAG
from audit_assets.detection.unreadable_entries import UNREADABLE, UNREADABLE_COUNTS, count_unreadable, flag_unreadable

HOUR = datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_an_hour_with_nothing_unreadable_is_not_flagged() -> None:
    nothing = count_unreadable(pl.DataFrame(schema={"reason": pl.String}), HOUR)
    assert (nothing.schema, nothing.height) == (UNREADABLE_COUNTS, 0)
    assert flag_unreadable(nothing).equals(FLAG.to_frame())


def test_each_reason_is_a_row_the_most_frequent_first() -> None:
    reasons = ["it has no id", "it holds text that is no Unicode (a lone surrogate or a broken byte)", "it has no id"]
    flags = flag_unreadable(count_unreadable(pl.DataFrame({"reason": reasons}), HOUR))
    assert flags.schema == FLAG
    assert flags.select("hour", "actor_key", "kind", "resource_type", "changes", "disposition").rows() == [
        (HOUR, UNREADABLE, UNREADABLE, "it has no id", 2, "ticket"),
        (HOUR, UNREADABLE, UNREADABLE, "it holds text that is no Unicode", 1, "ticket"),
    ]
