"""A network is new to an actor, or to everybody here; where too little is known, nothing is new."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_assets.detection.origin_uses import CUT, ORIGIN_USES
from audit_assets.watch.new_networks import MOST_NETWORKS, with_new_networks

AT = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
DAY = timedelta(days=1)

Use = tuple[str, timedelta, str | None]

HOME: list[Use] = [("anne", 60 * DAY, "home"), ("boris", 60 * DAY, "office"), ("anne", DAY, "home")]


def new(network: str | None, *uses: Use, actor: str = "anne", part: str = "network") -> tuple[bool, bool]:
    """Whether it is new here, and new to the actor, at AT; uses so long before."""
    rows = [(name, (AT - before).replace(minute=0), "network", value, False) for name, before, value in uses if value]
    rows += [(name, AT.replace(minute=0), CUT, None, False) for name, _, value in uses if value is None]
    known = pl.DataFrame(rows, schema=ORIGIN_USES, orient="row")
    entry = pl.LazyFrame(
        {"actor_key": [actor], "time": [AT], "network": [network]}, schema_overrides={"network": pl.String}
    )
    found = with_new_networks(entry.cast({"time": pl.Datetime("us", "UTC")}), known).collect()
    return found.select("new_here", "new_to_actor").row(0)


@pytest.mark.parametrize(
    ("network", "uses", "expected"),
    [
        ("home", [], (False, False)),
        ("hosting", [], (True, True)),
        ("office", [], (False, True)),
        (None, [], (False, False)),
        ("hosting", [("carol", timedelta(hours=2), "hosting")], (False, True)),  # earlier that day
        ("hosting", [("anne", timedelta(0), "hosting")], (True, True)),  # the hour itself
        ("hosting", [("anne", 91 * DAY, "hosting")], (True, True)),
        ("hosting", [("boris", DAY, None)], (False, True)),  # not all of his are listed
        ("hosting", [("anne", DAY, None)], (False, False)),
        ("hosting", [("anne", DAY, f"net {number}") for number in range(MOST_NETWORKS)], (False, False)),
    ],
)
def test_new_is_what_nobody_or_not_the_actor_used_in_an_earlier_hour(
    network: str | None, uses: list[Use], expected: tuple[bool, bool]
) -> None:
    assert new(network, *HOME, *uses) == expected


def test_with_little_history_nothing_is_new() -> None:
    assert new("hosting", ("anne", 29 * DAY, "home")) == (False, True)
    assert new("hosting", ("boris", 31 * DAY, "office"), ("anne", 13 * DAY, "home")) == (True, False)
    assert new("hosting") == (False, False)
    assert new("hosting", *HOME, actor="somebody new") == (True, False)
