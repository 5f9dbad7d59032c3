"""The page of a backtest: its content, that it is self-contained, and that no name in it becomes markup or script."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from audit_assets.cli.main import app
from audit_assets.detection.schemas import ORGANISATION
from audit_assets.detection.volume import HORIZONS
from audit_assets.reports.backtest import BACKTEST_SCORES, Backtest, backtest_policy, run_backtest
from audit_assets.reports.backtest_export import read_file
from audit_assets.reports.backtest_input import BacktestInput
from audit_assets.reports.backtest_page import backtest_html
from audit_assets.reports.backtest_summary import SPANS, summarize_backtest
from audit_assets.reports.backtest_terminal import print_backtest
from audit_assets.reports.backtest_tickets import BACKTEST_TICKETS
from audit_assets.reports.html_page import PageError, write_html
from audit_assets_tests.reports.test_backtest import BURST, quiet_months
from audit_assets_tests.sandbox.test_query_page import hostile
from audit_assets_tests.sandbox.test_ticket_pages import CHROMIUM, in_chromium

EVIL = "</script><img src=x onerror=alert(1)>"
BIDI = "eve\u202e\u2066gro.elpmaxe@\u200b"
FRAME = frozenset({"html", "head", "meta", "title", "style", "body", "main", "script", "noscript"})
TAGS = FRAME | frozenset({"h1", "h2", "p", "span", "div", "ul", "li", "b", "bdi", "svg", "rect", "line"})
TABLE = frozenset({"table", "thead", "tbody", "tr", "th", "td"})


class Held(HTMLParser):
    """The tags and attributes of a page, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.comments: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def points_on(page: str) -> dict[str, Any]:
    return json.loads(Held(page).scripts[0])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BacktestInput:
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    quiet_months().write_parquet(path)
    return read_file(path)


@pytest.fixture(scope="module")
def tested(data: BacktestInput) -> Backtest:
    return run_backtest(data, backtest_policy("calibrated", 0.5))


def summary(tested: Backtest, data: BacktestInput, rule: str = "calibrated") -> dict[str, Any]:
    return summarize_backtest(tested, data, backtest_policy(rule, 0.5))


def page(tested: Backtest, data: BacktestInput, rule: str = "calibrated") -> str:
    return backtest_html(tested.scores, summary(tested, data, rule))


def named_page(tested: Backtest, data: BacktestInput, name: str, resource_type: str) -> str:
    """The page of the same hours, of actors who are called so, touched this type for the first time in each hour and
    were allowed to for a reason like their name, and of a ticket about the type and all of them."""
    everybody = tested.scores["actor_key"].unique().to_list()
    of_all = tested.tickets.tail(1).with_columns(
        actor_key=pl.lit(ORGANISATION), resource_type=pl.lit(resource_type), changes=pl.lit(9), members=everybody
    )
    scores = tested.scores.with_columns(
        actor=pl.lit(name), new_resource_types=pl.lit([resource_type]), allowed_because=pl.lit(name)
    )
    called = replace(data, actors=data.actors.with_columns(name=pl.lit(name)))
    return page(Backtest(scores, pl.concat([tested.tickets, of_all.cast(BACKTEST_TICKETS)])), called)


def test_the_command_writes_a_page_with_a_point_per_active_hour(tmp_path: Path) -> None:
    quiet_months().write_parquet(tmp_path / "events.parquet")
    target = tmp_path / "page.html"
    out = tmp_path / "scores.parquet"
    options = ["--chart", str(target), "--out", str(out), "--json"]
    done = CliRunner().invoke(app, ["backtest", str(tmp_path / "events.parquet"), *options])
    printed, html, scores = json.loads(done.stdout), target.read_text(), pl.read_parquet(out)
    points = points_on(html)
    assert len(points["hour"]) == printed["active_hours"]
    assert sum(level > 0 for level in points["level"]) == scores["flagged"].sum()
    assert scores["ticket"].drop_nulls().n_unique() == len(printed["tickets"])
    burst = points["hour"].index(int(BURST.timestamp()) // 3600 - points["first"])
    assert points["actors"][points["actor"][burst]] == "person-3"
    assert (points["changes"][burst], points["level"][burst]) == (120, 4)
    assert [points["names"][each] for each in points["types"][burst]] == ["api_token"]
    assert [line[:2] for line in points["lines"]] == [[0.25, "0.25"], [0.5, "0.5"], [1.0, "1"], [2.0, "2"]]


def test_the_page_shows_what_each_budget_opens_and_lists_the_tickets(tested: Backtest, data: BacktestInput) -> None:
    html, shown = page(tested, data), summary(tested, data)
    rows = re.findall(r'<td class="right">(.*?)</td>', html)
    assert rows == [
        cell
        for row in shown["trade_off"]
        for cell in (f"{row['asked']:g}", f"{row['realised']:.2f}", str(row["tickets"]))
    ]
    assert html.count('class="when"') == len(shown["tickets"]) + len(shown["tickets_at_other_budgets"])
    text = re.sub(r"\s*\n\s*", "", Held(html).text)
    assert f"{len(shown['tickets'])} tickets in 99 days" in text
    assert "Realised is counted from 2026-07-31 on: by then the threshold was learned." in text
    assert re.search(r"2026-08-2012:00urgentperson-3120 changes, usual is [\d.]+; .*?new: api_token0.25 0.5 1 2", text)


@pytest.mark.parametrize(
    ("horizon", "sentence"),
    [
        ("6h", "24 changes in 6 hours, usual is 3"),
        ("24h", "24 changes in 24 hours, usual is 3"),
        ("24h, lagged", "24 changes in 24 hours, usual was 3 a month before"),
        ("active hours", "active in 24 of 24 hours, usual is 3"),
        ("14d", "24 changes in 14 days without the busiest, usual was 3 a month before"),
    ],
)
def test_what_was_unusual_over_many_hours_is_so_in_words(
    tested: Backtest, data: BacktestInput, horizon: str, sentence: str
) -> None:
    of_span = {"horizon": pl.lit(horizon), "horizon_changes": 24, "horizon_baseline_mean": 3.0}
    scores = tested.scores.with_columns(**of_span, reasons=pl.lit(["volume"])).cast(BACKTEST_SCORES)
    html = page(Backtest(scores, tested.tickets), data)
    assert set(points_on(html)["span"]) == {sentence.replace("3", "3.0")}
    assert f"; {sentence}" in Held(html).text
    printed = StringIO()
    print_backtest(Console(file=printed, width=200), summary(Backtest(scores, tested.tickets), data))
    assert sentence in printed.getvalue()
    by_type = scores.with_columns(reasons=pl.lit(["new_resource_type"])).cast(BACKTEST_SCORES)
    assert f"; {sentence}" not in Held(page(Backtest(by_type, tested.tickets), data)).text


def test_every_horizon_but_the_hour_has_words() -> None:
    assert [each.name for each in HORIZONS if each.hours > 1] == [*SPANS]


def test_the_plain_rule_has_a_page_too(data: BacktestInput) -> None:
    html = page(run_backtest(data, backtest_policy("plain", 0.5)), data, "plain")
    assert "The plain rule has no budget" in html
    assert points_on(html)["lines"] == [[10.0, "rule", True]]
    assert "at a budget of" not in html


def test_of_many_active_hours_the_rarest_are_drawn_and_the_page_notes_it(
    tested: Backtest, data: BacktestInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit_assets.reports.backtest_page.DRAWN", 80)
    monkeypatch.setattr("audit_assets.reports.backtest_page.LISTED", 7)
    html, scores = page(tested, data), tested.scores
    points = points_on(html)
    assert len(points["hour"]) == 80
    assert sum(level > 0 for level in points["level"]) == scores["flagged"].sum()
    without = [value for value, level in zip(points["value"], points["level"], strict=True) if level == 0]
    left_out = scores.filter(~pl.col("flagged"))["tickets_a_day"].sort().to_list()[len(without) :]
    assert max(without) <= min(left_out) * 1.01
    drawn = f"80 most unusual of {scores.height:,} active hours: the tickets, and what is rarer than {max(without):.3g}"
    assert f"Drawn are the {drawn} a day." in html
    assert html.count('class="when"') == 7
    assert "The 7 rarest of " in html


@pytest.mark.parametrize("rule", ["calibrated", "plain"])
def test_a_single_event_has_a_page(tmp_path: Path, rule: str) -> None:
    (tmp_path / "e.csv").write_text("time,actor,actor_type,resource_type\n2026-11-22T10:00:00Z,a,human,dns\n")
    alone = read_file(tmp_path / "e.csv")
    html = page(run_backtest(alone, backtest_policy(rule, 0.5)), alone, rule)
    assert points_on(html)["hour"] == [0]
    assert " in 1 hour</h1>" in html


def test_a_page_that_can_not_be_written_is_one_sentence(tested: Backtest, data: BacktestInput, tmp_path: Path) -> None:
    with pytest.raises(PageError, match=r"nowhere/page.html can't be written: No such file or directory\."):
        write_html(backtest_html(tested.scores, summary(tested, data)), tmp_path / "nowhere" / "page.html")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(hostile, st.sampled_from([EVIL, BIDI])), hostile)
def test_no_name_becomes_markup(tested: Backtest, data: BacktestInput, actor: str, resource_type: str) -> None:
    actor, resource_type = (name.encode(errors="replace").decode() for name in (actor, resource_type))
    html = named_page(Backtest(tested.scores.head(60), tested.tickets), data, actor, resource_type)
    held = Held(html)
    assert held.tags <= TAGS | TABLE
    assert not [name for name in held.attributes if name in ("src", "href", "style") or name.startswith("on")]
    assert len(held.scripts) == 2
    assert held.comments == []
    points = points_on(html)
    assert len(points["actors"]) == tested.scores.head(60)["actor_key"].n_unique()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", html.replace("\n", ""))


def test_a_browser_draws_the_page_and_a_name_stays_a_name(
    tested: Backtest, data: BacktestInput, tmp_path: Path
) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    html = named_page(tested, data, f"{EVIL}{BIDI}", f"<!--<script>{EVIL}")
    target = tmp_path / "page.html"
    target.write_text(html)
    dom, log = in_chromium(CHROMIUM, target.as_uri(), tmp_path / "profile")
    drawn = re.search(r'<path class="urgent" d="(.*?)"', dom)
    assert drawn
    assert drawn[1].count("M") == tested.scores.filter(pl.col("severity") == "urgent").height
    assert "Content Security Policy" not in log
    assert "Uncaught" not in log
    assert "<img" not in dom
    assert dom.count("<script") == 2


def test_hovering_shows_the_hour_as_plain_text(tested: Backtest, data: BacktestInput, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    html = named_page(tested, data, f"{EVIL}{BIDI}", EVIL)
    unguarded = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    moved = """<script>
      const box = chart.getBoundingClientRect(), at = points.level.indexOf(4);
      const move = { clientX: box.left + positions[at][0], clientY: box.top + positions[at][1] };
      chart.querySelector("svg").dispatchEvent(new PointerEvent("pointermove", move));
    </script>"""
    target = tmp_path / "page.html"
    target.write_text(unguarded.replace("</body>", f"{moved}</body>"))
    dom, log = in_chromium(CHROMIUM, target.as_uri(), tmp_path / "profile")
    details = re.search(r'<div id="details"[^>]*>(.*?)</div></div>', dom)
    assert details, log
    lines = re.findall(r"<bdi>(.*?)</bdi>", details[1])
    assert lines[0] == "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;eve\\u202e\\u2066gro.elpmaxe@\\u200b"
    assert re.fullmatch(r"2026-\d\d-\d\d \d\d:00 UTC", lines[1])
    assert lines[2] == "Ticket: urgent"
    assert lines[3] == f"Allowed: {lines[0]}"
    assert re.fullmatch(r"As rare as once in [\d,.]+ (days|years)", lines[4])
    assert re.fullmatch(r"\d+ changes, usual is [\d.]+", lines[5])
    assert lines[-1] == "New: &lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"
    assert "<img" not in dom
