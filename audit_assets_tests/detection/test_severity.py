"""How severe an actor's hour is, and what raises it."""

from datetime import UTC, datetime

import polars as pl

from audit_assets.config.policy_tables import Sensitive
from audit_assets.detection.severity import (
    SEVERITIES,
    SEVERITY_RAISES,
    TOUCHES,
    raise_severity,
    severity_by_rarity,
    severity_of_rank,
    severity_rank,
)

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)
TABLE = (
    Sensitive("deletes", kinds=("delete",)),
    Sensitive("API tokens", ("*token*",), raises=2),
)


def touches(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    return pl.DataFrame([(HOUR, *row) for row in rows], schema=TOUCHES, orient="row")


def test_what_matches_adds_up_and_counts_once_however_often_it_was_touched() -> None:
    found = raise_severity(
        touches(
            ("a", "api_token", "delete", "delete"),
            ("a", "api_token", "create", "create"),
            ("a", "dns_record", "delete", "delete"),
            ("b", "user", "TOKEN_create", "create"),
            ("c", "dns_record", "update", "update"),
        ),
        TABLE,
    )
    assert found.schema == SEVERITY_RAISES
    assert found.sort("actor_key").rows() == [(HOUR, "a", 3, ["deletes", "API tokens"]), (HOUR, "b", 2, ["API tokens"])]


def test_of_a_change_of_unknown_kind_its_type_counts_and_no_kind_is_guessed() -> None:
    unknown = pl.DataFrame([(HOUR, "a", "api_token", None, None)], schema=TOUCHES, orient="row")
    assert raise_severity(unknown, TABLE).rows() == [(HOUR, "a", 2, ["API tokens"])]
    assert raise_severity(unknown, [Sensitive("new tokens", ("*token*",), kinds=("create", "update"))]).is_empty()


def test_nothing_is_raised_by_an_empty_table_or_no_touches() -> None:
    assert raise_severity(touches(("a", "api_token", "delete", "delete")), ()).is_empty()
    assert raise_severity(touches(), TABLE).is_empty()


def test_severity_follows_from_how_rare_a_ticket_is() -> None:
    rates = pl.DataFrame({"rate": [0.05, 0.3, 0.7, 1.0, 1.1]})
    severities = rates.select(severity_by_rarity(pl.col("rate"), 1.0)).to_series()
    assert severities.to_list() == ["urgent", "high", "medium", "low", None]


def test_a_rank_beyond_the_ends_is_the_end() -> None:
    ranks = pl.DataFrame({"rank": [-1, 0, 1, 2, 3, 7]}).select(severity_of_rank(pl.col("rank")))
    assert ranks.to_series().to_list() == ["low", *SEVERITIES, "urgent"]
    assert ranks.select(severity_rank(pl.col("rank"))).to_series().to_list() == [0, 0, 1, 2, 3, 3]
