import subprocess
import sys

import polars as pl
import pytest

from audit_assets_tests.benchmarks.detection import opens_ticket
from audit_assets_tests.benchmarks.detection_peers import PLAIN, active_hours, tickets
from audit_assets_tests.detection.streams import at, burst, quiet, stream


def test_the_benchmark_prints_the_recall_of_what_was_injected(tmp_path):
    quiet_days = quiet(days=100)
    (victim,) = quiet_days["actor"].value_counts(sort=True).head(1)["actor"]
    attack = at(90, 3)
    labels = pl.DataFrame({"kind": ["burst_abs500"], "actor": [victim], "start": [attack]})
    stream([quiet_days, burst(victim, attack, 500, "type-0")]).write_parquet(tmp_path / "events.parquet")
    labels.with_columns(pl.col("start").dt.cast_time_unit("us")).write_parquet(tmp_path / "labels.parquet")
    command = [sys.executable, "-m", "audit_assets_tests.benchmarks.detection"]
    files = [tmp_path / "events.parquet", tmp_path / "labels.parquet"]
    printed = subprocess.run([*command, *files], capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603 - our own
    trade_off, *_ = printed.split("Recall of the hours that alert")
    assert [line.split()[-1] for line in trade_off.splitlines() if line.startswith("burst_abs500")] == ["1.00"]
    assert "realised / budget" in printed
    few = subprocess.run([*command, *files, "--few"], capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603 - our own
    assert [line.split()[1:] for line in few.splitlines() if line.startswith("burst_abs500")] == [["1.00"] * 4]
    assert "natural tickets a day" in few


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_peer_ranks_an_obvious_burst_of_new_types_first(name):
    attack = at(50, 3)
    new_types = [f"new-type-{number}" for number in range(8)]
    hours = active_hours(stream([quiet(days=60), burst("actor-1", attack, 2000, *new_types)]))
    ranked = tickets(hours, PLAIN[name](hours)).drop_nulls("p").sort("p", "hour")
    first = ranked.filter(pl.col("p") == ranked["p"][0])
    assert ("actor-1", attack) in first.select("actor", "hour").rows()


@pytest.mark.parametrize("name", sorted(PLAIN.keys() - {"both rules"}))  # it joins ranks among all hours
def test_a_plain_peer_sees_nothing_after_the_hour(name):
    whole = active_hours(quiet(days=60))
    until = at(40)
    cut = active_hours(quiet(days=60).filter(pl.col("time") < until))
    assert PLAIN[name](cut).to_list() == PLAIN[name](whole.filter(pl.col("hour") < until)).to_list()


def test_equal_hours_share_what_is_left_of_the_budget():
    day = [at(0)] * 6
    marked = pl.DataFrame({"hour": day, "kind": [None] * 4 + ["burst"] * 2, "p": [-3.0, -2.0, -2.0, None, -2.0, None]})
    shares = {budget: marked.select(opens_ticket(marked, budget)).to_series().to_list() for budget in (1, 2, 3)}
    assert shares == {
        1: [1, 0, 0, 0, 0, 0],
        2: [1, 0.5, 0.5, 0, 0.5, 0],
        3: [1, 1, 1, 0, 1, 0],
    }
