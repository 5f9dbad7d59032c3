"""Hours of a confirmed incident: whose they are, and that nothing is learned from them."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

from audit_assets.config.policy_tables import ConfirmedIncident
from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.confirmed_incidents import mark_incidents
from audit_assets.detection.schemas import ACTOR_ACTIVITY
from audit_assets_tests.detection.streams import at, burst, quiet, score_activity, stream

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
NAMES = pl.DataFrame({"actor_key": ["k1", "k2", "k3", "k4"], "actor": ["anne", "ben", "anne", None]})


def marked(*incidents: ConfirmedIncident) -> set[tuple[str, int]]:
    """The actors and hours of the day that are marked, of four actors who are active in each hour."""
    rows = [(f"k{n}", "user", TEN.replace(hour=hour), "dns", 1) for n in range(1, 5) for hour in range(24)]
    activity = pl.DataFrame(rows, schema=ACTOR_ACTIVITY, orient="row")
    found = mark_incidents(activity, incidents, NAMES)
    assert found.drop("confirmed").equals(activity)
    return set(found.filter("confirmed").select("actor", pl.col("hour").dt.hour()).rows())


def test_without_incidents_no_hour_is_marked() -> None:
    assert marked() == set()
    empty = pl.DataFrame(schema=ACTOR_ACTIVITY)
    incident = ConfirmedIncident("k1", TEN, TEN + AN_HOUR)
    assert mark_incidents(empty, [incident], NAMES).schema == {**ACTOR_ACTIVITY, "confirmed": pl.Boolean}


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (TEN, TEN + AN_HOUR, {10}),
        (TEN, TEN + 3 * AN_HOUR, {10, 11, 12}),
        (TEN + AN_HOUR / 2, TEN + AN_HOUR * 1.1, {10, 11}),
        (TEN.replace(tzinfo=timezone(2 * AN_HOUR)), TEN, {8, 9}),
    ],
)
def test_every_hour_that_an_incident_has_a_part_of_is_marked(start: datetime, end: datetime, hours: set[int]) -> None:
    assert marked(ConfirmedIncident("k2", start, end)) == {("k2", hour) for hour in hours}


def test_a_name_means_all_who_are_called_so() -> None:
    assert marked(ConfirmedIncident("anne", TEN, TEN + AN_HOUR)) == {("k1", 10), ("k3", 10)}
    assert marked(ConfirmedIncident("nobody", TEN, TEN + AN_HOUR)) == set()
    two = (ConfirmedIncident("ben", TEN, TEN + AN_HOUR), ConfirmedIncident("k4", TEN + AN_HOUR, TEN + 2 * AN_HOUR))
    assert marked(*two) == {("k2", 10), ("k4", 11)}


def test_who_takes_the_name_of_an_incident_is_as_unusual_as_without_it() -> None:
    """A token may be called as another one is."""
    attacks = [burst(actor, at(100, 10), 300, "never-seen") for actor in ("actor-0", "actor-1")]
    activity = count_changes(stream([quiet(days=120, seed=5), *attacks]))
    names = pl.DataFrame({"actor_key": ["actor-0", "actor-1"], "actor": ["ci", "ci"]})
    incident = ConfirmedIncident("ci", at(100, 10), at(100, 11))
    hours = (score_activity(mark_incidents(activity, each, names)) for each in ([], [incident]))
    without, with_name = (
        scores.filter(pl.col("hour") == at(100, 10), pl.col("actor") == "actor-1") for scores in hours
    )
    assert with_name["confirmed"].to_list() == with_name["flagged"].to_list() == [True]
    columns = ["p_volume", "p_novelty", "p", "severity"]
    assert with_name.select(columns).equals(without.select(columns))


def test_what_an_attack_did_is_as_unusual_when_it_comes_again() -> None:
    attacks = [burst("actor-0", at(day, 10), 300, "never-seen") for day in (100, 110)]
    activity = count_changes(stream([quiet(days=120, seed=5), *attacks]))
    incident = ConfirmedIncident("actor-0", at(100, 10), at(100, 11))
    names = pl.DataFrame(schema={"actor_key": pl.String, "actor": pl.String})

    def again(*incidents: ConfirmedIncident) -> dict[str, object]:
        scores = score_activity(mark_incidents(activity, incidents, names))
        (row,) = scores.filter(pl.col("actor") == "actor-0", pl.col("hour") == at(110, 10)).to_dicts()
        return row

    learned, known = again(), again(incident)
    assert (learned["new_resource_types"], known["new_resource_types"]) == ([], ["never-seen"])
    assert float(str(known["baseline_mean"])) < float(str(learned["baseline_mean"]))
    assert float(str(known["p_volume"])) < float(str(learned["p_volume"]))
