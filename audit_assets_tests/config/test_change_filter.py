"""What counts as a change is the same in Axiom as in the Parquet hour, whatever a team leaves out."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_assets.axiom.events import events_from
from audit_assets.config.change_filter import ChangeFilter, is_change
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.axiom.made_entries import AT, HOUR, client_of, entries
from audit_assets_tests.support import JumpingClock

KINDS = ["create", "update", "delete", None]
RESULTS = ["success", "failure", "", "partial"]


def varied() -> pl.DataFrame:
    """An entry for each kind, result, stream and product."""
    combined = [(kind, result) for kind in KINDS for result in RESULTS] * 2
    return entries(
        len(combined),
        change_kind=[kind for kind, _ in combined],
        action=[kind or "view" for kind, _ in combined],
        action_result=[result for _, result in combined],
        stream=["v1"] * 16 + ["v2"] * 16,
        resource_product=["dns", None] * 16,
        actor_type=["token", "user", "system", None] * 8,
    )


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (ChangeFilter(), 18),
        (ChangeFilter(without_results=()), 24),
        (ChangeFilter(without_results=("failure", "unknown")), 12),
        (ChangeFilter(without_streams=("v1",)), 9),
        (ChangeFilter(without_kinds=("update", "create")), 6),
        (ChangeFilter(without_actions=("delete",)), 12),
        (ChangeFilter(without_products=("dns",)), 6),
        (ChangeFilter(without_actor_types=("token", "unknown")), 6),
    ],
)
def test_axiom_counts_as_the_parquet_hour_does(
    sandbox: Sandbox, clock: JumpingClock, counted: ChangeFilter, expected: int
) -> None:
    whole = varied()
    assert len(whole.filter(is_change(counted))) == expected
    with client_of(sandbox, clock, change_filter=counted) as axiom:
        axiom.ingest(events_from(whole))
        assert axiom.prove(whole).holds
        alone = axiom.activity(whole["actor_key"].unique().to_list(), AT, AT + HOUR)
        assert alone["changes"].sum() == expected
        assert_frame_equal(axiom.organisation_activity(AT, AT + HOUR), alone)
        assert axiom.organisation_hours(AT, AT + HOUR)["changes"].sum() == expected
        assert axiom.organisation_types(AT, AT + HOUR)["changes"].sum() == expected


def test_by_default_what_counts_is_what_an_entry_calls_a_change() -> None:
    whole = varied().with_columns(
        is_change=pl.col("change_kind").is_not_null() & (pl.col("action_result") != "failure")
    )
    assert whole.select(is_change(ChangeFilter()).alias("is_change")).equals(whole.select("is_change"))
