"""In terminals of 60 to 120 columns no column disappears and no name breaks in two."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from audit_assets.config.policy import policy
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.reports.backtest import run_backtest
from audit_assets.reports.backtest_export import read_file
from audit_assets.reports.backtest_summary import summarize_backtest
from audit_assets.reports.backtest_terminal import print_backtest
from audit_assets.reports.summary_terminal import print_demo, print_hour, print_period
from audit_assets.reports.watch_replay import Replay, print_replay

WIDTHS = (60, 80, 100, 120)
NAMES = (
    'token "github-actions-deploy" of ci-deploy@harbourline.example',
    "dawid.baran-nowakowska@customers.harbourline.example",
    "x",
)
"""The words of the longest fit 60 columns, not all of them beside what stands before them."""

LAST = datetime(2026, 9, 1, 12, tzinfo=UTC)
PAGE = "file:///home/somebody/with/a/long/path/to/a/folder/.audit_assets/demo/tickets.html#SEC-1"


def shown(width: int, show: Callable[[Console], None]) -> list[str]:
    """The lines of a terminal of this width."""
    written = io.StringIO()
    show(Console(file=written, width=width, highlight=False))
    return written.getvalue().splitlines()


def check(lines: list[str], width: int, *whole: str) -> None:
    """All words are on one line each, and no line is longer than the terminal but one that is an address."""
    for text in whole:
        for word in text.split():
            assert any(word in line.split() or f"{word}:" in line.split() for line in lines), word
    assert [line for line in lines if len(line.rstrip()) > width and PAGE not in line] == []
    assert not any("…" in line for line in lines)


def actor(name: str) -> dict[str, Any]:
    words = "first change to logpush_job on record (3 changes); 1 of 42 actors made one on record"
    deviation = {"disposition": "below_threshold", "in_words": words}
    ticket = {"identifier": "SEC-1", "url": "http://127.0.0.1:8641", "page": PAGE, "outcome": "opened", "closed": False}
    about = {"hour": "2026-09-01-12:00", "actor": name, "severity": "urgent", "in_words": [words]}
    return {**about, "ticket": ticket, "deviations": [deviation], "identifier": "SEC-1", "url": "u", "page": PAGE}


@pytest.mark.parametrize("width", WIDTHS)
def test_summaries(width: int) -> None:
    actors, entries = [actor(name) for name in NAMES], {"pulled": 1, "changes": 1, "quarantined": 0, "unreadable": 3}
    hour: dict[str, Any] = {"hour": "2026-09-01-12:00", "flagged": actors, "below_threshold": actors}
    counts = {"entries": {**entries, "ingested": 1, "outside": 9}, "digests": []}
    demo = {**hour, **counts, "hours": ["2026-09-01-12:00"], "history_hours": 1, "warnings": []}
    proof = {"proof": {"found": 1, "expected": 1}}
    period: dict[str, Any] = {
        "period": "2026-09",
        "tickets": [{**each, "hours": ["2026-09-01-12:00"]} for each in actors],
    }
    period |= {"outcomes": {}, "without_ticket": {}, "below_threshold": actors, **counts, "hours": 1, "missing": []}
    age = timedelta(hours=80)
    prints: list[Callable[[Console], None]] = [
        lambda console: print_demo(console, {**demo, **proof}, age),
        lambda console: print_hour(console, {**hour, **counts}, age),  # type: ignore[arg-type]
        lambda console: print_period(console, period, age),  # type: ignore[arg-type]
    ]
    for each in prints:
        lines = shown(width, each)
        check(lines, width, *NAMES, "2026-09-01-12:00", "urgent", PAGE)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_backtest(width: int, tmp_path: Path) -> None:
    quiet = [(LAST - timedelta(days=day), name) for name in NAMES for day in range(1, 40) for _ in range(2)]
    burst = [(LAST, NAMES[0])] * 90 + [(LAST, NAMES[1])] * 70
    table = {"time": [at for at, _ in (*quiet, *burst)], "actor": [name for _, name in (*quiet, *burst)]}
    events = pl.DataFrame(table).with_columns(actor_type=pl.lit("user"), resource_type=pl.lit("dns_record"))
    events.write_parquet(tmp_path / "e.parquet")
    data = read_file(tmp_path / "e.parquet")
    summary = summarize_backtest(run_backtest(data, policy()), data, policy())
    assert {ticket["actor"] for ticket in summary["tickets"]} >= {*NAMES[:2]}
    lines = shown(width, lambda console: print_backtest(console, summary))
    check(lines, width, *NAMES[:2], "2026-09-01T12", "90", "70")
    assert "budget  realised  tickets" in "\n".join(lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_replay_of_watch_rules(width: int) -> None:
    rules = load_watch_rules()
    replay = Replay(LAST - timedelta(days=1), LAST, 24, rules, {rules.rule[0].name: 12_345})
    lines = shown(width, lambda console: print_replay(console, replay))[1:]
    check(lines, width, *(rule.name for rule in rules.rule), "12,345")
    severities = [line for line in lines if any(name in line for name in ("low", "medium", "high", "urgent"))]
    assert len(severities) >= len(rules.rule), "each rule shows its severity"
    assert sum("disabled" in line.split() for line in lines) == sum(not rule.enabled for rule in rules.rule)
