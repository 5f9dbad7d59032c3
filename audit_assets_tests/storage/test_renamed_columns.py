"""An hour that was stored before columns and values were renamed is read under the names of today."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ASSESSED, BASELINES, DIGESTS, ENTRIES, FLAGGED, TICKETS

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_an_hour_that_was_written_under_old_names_is_read_under_those_of_today(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    old = pl.DataFrame({"actor_key": ["a", "b"], "standing": ["under_budget", "ticket"], "once_in_years": [1.5, 90.0]})
    store.write(FLAGGED, HOUR, old.with_columns(usual=pl.lit(3.0), most=pl.lit(7)), {"made_by": "an old version"})
    assert store.require(FLAGGED, HOUR).to_dict(as_series=False) == {
        "actor_key": ["a", "b"],
        "disposition": ["below_threshold", "ticket"],
        "return_period_years": [1.5, 90.0],
        "baseline_mean": [3.0, 3.0],
        "baseline_max": [7, 7],
    }
    assert store.require(FLAGGED, HOUR, ["baseline_mean"]).columns == ["baseline_mean"]
    (part,) = store.parts(FLAGGED, HOUR)
    assert part.equals(store.require(FLAGGED, HOUR))
    assert store.metadata(FLAGGED, HOUR) == {"made_by": "an old version"}
    store.write(BASELINES, HOUR, pl.DataFrame({"usual": [3.0], "most": [7]}))
    assert store.require(BASELINES, HOUR).columns == ["baseline_mean", "baseline_max"]
    store.write(ASSESSED, HOUR, pl.DataFrame({"usual": [3.0], "horizon_usual": [7.0]}))
    assert store.require(ASSESSED, HOUR).columns == ["baseline_mean", "horizon_baseline_mean"]


def test_what_became_of_tickets_and_digests_has_the_values_of_today(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    store.write(TICKETS, HOUR, pl.DataFrame({"outcome": ["rolled_up", "seen", "opened", None], "would": [None] * 4}))
    tickets = store.require(TICKETS, HOUR)
    assert tickets["outcome"].to_list() == ["on_shared_ticket", "already_on_ticket", "opened", None]
    assert tickets.columns == ["outcome", "planned_action"]
    store.write_json(DIGESTS, HOUR, {"outcome": "told", "identifier": "SEC-1"})
    assert store.read_json(DIGESTS, HOUR) == {"outcome": "published", "identifier": "SEC-1"}
    store.write_json(DIGESTS, HOUR, {"outcome": "too_old"})
    assert store.read_json(DIGESTS, HOUR) == {"outcome": "too_old"}


def test_other_tables_are_read_as_they_are(tmp_path: Path) -> None:
    store = HourStore(str(tmp_path))
    store.write(ENTRIES, HOUR, pl.DataFrame({"outcome": ["seen"], "most": ["x"]}))
    assert store.require(ENTRIES, HOUR).to_dicts() == [{"outcome": "seen", "most": "x"}]
