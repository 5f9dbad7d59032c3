"""An origin that is new to the actor makes its hour more unusual, and by itself it is no deviation."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from audit_assets.detection.activity_arrays import count_changes
from audit_assets.detection.hour_scores import build_organisation, score_hours, score_stream
from audit_assets.detection.origin_uses import CUT, ORIGIN_USES
from audit_assets.detection.ranking import rank_scores
from audit_assets.detection.unusual_origins import UNUSUAL_ORIGINS, find_unusual_origins
from audit_assets_tests.detection.streams import at, burst, quiet, stream

JUDGED = at(80, 10)
NOBODY = pl.DataFrame(schema={"actor": pl.String, "hour": pl.Datetime("us", "UTC")})

Row = tuple[str, datetime, str, str | None, bool]


def from_network(actor: str, network: str, days: Iterable[float], hour: int = 9) -> list[Row]:
    return [(actor, at(day, hour), "network", network, True) for day in days]


def habits(actors: int = 10, until: int = 80) -> list[Row]:
    """Everybody acts from a network of their own every day, anne and boris among them, and zoe from another each
    day."""
    names = ["anne", "boris", *(f"actor-{number}" for number in range(actors))]
    rows = [row for name in names for row in from_network(name, f"home of {name}", range(until))]
    return rows + [row for day in range(until) for row in from_network("zoe", f"hotel {day}", [day])]


def found(*rows: Sequence[Row], confirmed: pl.DataFrame = NOBODY) -> dict[str, dict[str, Any]]:
    """What is unusual in the judged hour, by actor."""
    uses = pl.DataFrame([row for part in rows for row in part], schema=ORIGIN_USES, orient="row")
    unusual = find_unusual_origins(uses, confirmed, since=JUDGED)
    assert unusual.schema == UNUSUAL_ORIGINS
    return {row["actor"]: row for row in unusual.filter(pl.col("hour") == JUDGED).to_dicts()}


def now(actor: str, network: str) -> list[Row]:
    return [(actor, JUDGED, "network", network, True)]


def test_a_network_that_nobody_had_weighs_more_than_a_colleagues_and_a_usual_one_nothing() -> None:
    unusual = found(habits(), now("anne", "hosting"), now("boris", "home of anne"), now("actor-1", "home of actor-1"))
    assert unusual.keys() == {"anne", "boris"}
    anne, boris = unusual["anne"], unusual["boris"]
    assert (anne["new_origins"], anne["new_network_here"]) == (["network"], True)
    assert (boris["new_origins"], boris["new_network_here"]) == (["network"], False)
    assert anne["origin_factor"] < boris["origin_factor"] < 1


def test_whoever_is_elsewhere_each_day_is_usual_elsewhere() -> None:
    unusual = found(habits(), now("zoe", "another hotel"), now("anne", "another hotel"))
    assert unusual["zoe"]["p_origin"] > 0.5 > 5 * unusual["anne"]["p_origin"]


def test_a_newcomer_and_somebody_who_was_long_away_have_no_usual_origin() -> None:
    away = from_network("nadia", "home of nadia", range(10))
    new = from_network("new", "home of new", range(76, 80))
    assert found(habits(), away, new, now("nadia", "hosting"), now("new", "hosting")) == {}


def test_with_two_weeks_of_origins_nothing_is_called_new() -> None:
    young = [row for row in habits() if row[1] >= at(68)]
    assert found(young, now("anne", "hosting")) == {}
    old = [row for row in habits() if row[1] >= at(60)]
    assert found(old, now("anne", "hosting")).keys() == {"anne"}


def test_a_part_that_is_missing_is_nothing_new_and_each_part_counts_by_itself() -> None:
    products = [(name, at(day, 9), "product", "Chrome", True) for name in ("anne", "boris") for day in range(80)]
    with_curl = [("anne", JUDGED, "product", "curl", True), *now("anne", "home of anne")]
    unusual = found(habits(), products, with_curl, now("boris", "home of boris"))
    assert {name: row["new_origins"] for name, row in unusual.items()} == {"anne": ["product"]}


def test_views_and_sign_ins_from_a_network_make_it_no_usual_one() -> None:
    viewed = [("anne", at(79, 9), "network", "hosting", False)]
    assert found(habits(), viewed, now("anne", "hosting")).keys() == {"anne"}


def test_nothing_is_learned_from_a_confirmed_incident() -> None:
    earlier = from_network("anne", "hosting", [70]), now("anne", "hosting")
    assert found(habits(), *earlier) == {}
    confirmed = pl.DataFrame({"actor": ["anne"], "hour": [at(70, 9)]}, schema=NOBODY.schema)
    (anne,) = found(habits(), *earlier, confirmed=confirmed).values()
    assert anne["new_network_here"]


def test_an_actor_of_whom_not_everything_is_listed_costs_nobody_else_the_factor() -> None:
    flood = [("boris", JUDGED, CUT, None, False)]
    unusual = found(habits(), flood, now("anne", "hosting"), now("boris", "hosting"))
    assert unusual.keys() == {"anne"}


def origins_of(events: pl.DataFrame) -> pl.DataFrame:
    """Everybody acts from home; one hour in eight is elsewhere, by its number."""
    hours = events.select("actor", hour=pl.col("time").dt.truncate("1h")).unique().sort("actor", "hour")
    number = pl.col("hour").dt.epoch("s") // 3600
    elsewhere = pl.when(number % 8 == 0).then(pl.format("net {}", number % 97)).otherwise(pl.format("home {}", "actor"))
    return hours.select("actor", "hour", part=pl.lit("network"), value=elsewhere, changed=pl.lit(value=True)).cast(
        ORIGIN_USES
    )


def test_a_new_origin_is_no_deviation_by_itself_and_makes_one_weigh_more() -> None:
    events = stream([quiet(days=100, actors=12, a_day=40), burst("actor-3", at(95, 3), 60, "type-1")])
    activity, origins = count_changes(events), origins_of(events)
    there = pl.DataFrame([("actor-3", at(95, 3), "network", "hosting", True)], schema=ORIGIN_USES, orient="row")
    judged = pl.col("actor") == "actor-3", pl.col("hour") == at(95, 3)
    with_origin = score_stream(activity, pl.concat([origins, there])).filter(judged).row(0, named=True)
    without = score_stream(activity).filter(judged).row(0, named=True)
    assert with_origin["p_volume"] < without["p_volume"]
    assert "network" in with_origin["new_origins"]
    assert (without["p_origin"], without["new_origins"], without["new_network_here"]) == (None, None, None)
    ones = score_stream(activity, origins)
    usual = pl.col("p_volume") == 1
    assert ones.filter(usual).height == score_stream(activity).filter(usual).height


def test_one_hour_alone_has_the_origin_that_it_has_in_the_stream() -> None:
    events = quiet(days=130, actors=12, a_day=40)
    activity, origins = count_changes(events), origins_of(events)
    whole = rank_scores(score_stream(activity, origins), budget=1.0)
    new = whole.filter(pl.col("new_origins").is_not_null(), pl.col("hour") >= at(128))["hour"]
    assert not new.is_empty()
    hour = new.max()
    assert isinstance(hour, datetime)
    day = hour.replace(hour=0)
    organisation = build_organisation(activity, day, origins)
    here = origins.filter(pl.col("hour").is_between(day, hour))
    theirs = activity.join(activity.filter(pl.col("hour").is_between(day, hour)), on="actor", how="semi")
    alone = score_hours(theirs.filter(pl.col("hour") <= hour), organisation, since=day, origins=here)
    ranked = rank_scores(pl.concat([whole.filter(pl.col("hour") < day), alone]), budget=1.0, since=day)
    expected = whole.filter(pl.col("hour").is_between(day, hour))
    assert_frame_equal(ranked, expected, check_row_order=False, check_exact=True)
