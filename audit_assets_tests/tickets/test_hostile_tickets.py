"""Whatever an attacker, or a team's own file, has written: a ticket keeps its structure and its length."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.tickets.deviation_sentences import describe
from audit_assets.tickets.finding import (
    ActionSummary,
    ChangeTotal,
    Chart,
    Deviation,
    EntryLine,
    Finding,
    Origin,
    WatchedRule,
)
from audit_assets.tickets.markdown import address
from audit_assets.tickets.opening_sentences import TITLE_LENGTH
from audit_assets.tickets.related_ticket import RelatedBy, RelatedTicket
from audit_assets.tickets.ticket import (
    COMMENT_LENGTH,
    DESCRIPTION_LENGTH,
    comment_for,
    link_for,
    related_comment,
    ticket_for,
    ticket_id,
)
from audit_assets_tests.tickets.sample_findings import ACCOUNT, ALICE, HOUR, finding
from audit_assets_tests.tickets.test_markdown import all_tokens, hostile
from audit_assets_tests.tickets.test_model_note import notes

hostile_or_nothing = st.none() | hostile
counts = st.integers(0, 10**12)
figures = st.none() | st.floats()
times = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
entries = st.builds(
    EntryLine,
    time=times,
    **dict.fromkeys(
        (
            "action",
            "resource_type",
            "resource_id",
            "zone",
            "ip_address",
            "interface",
            "result",
            "actor",
            "excerpt",
            "values",
        ),
        hostile_or_nothing,
    ),
)
rules = st.builds(
    WatchedRule,
    title=hostile,
    severity=st.sampled_from(["urgent", "high", "medium", "low"]),
    technique=hostile,
    why=hostile,
    check=st.lists(hostile, max_size=5).map(tuple),
    benign=st.lists(hostile, max_size=5).map(tuple),
    entries=st.lists(entries, max_size=6).map(tuple),
)
deviations = st.builds(
    Deviation,
    kind=st.sampled_from(["volume", "new_resource_type", "organisation", "unreadable_entries", "watch_rule"]),
    watch=st.none() | rules,
    resource_type=hostile_or_nothing,
    changes=counts,
    baseline_mean=figures,
    ratio=figures,
    baseline_max=st.none() | counts,
    active_hours=counts,
    first_ever=st.none() | st.booleans(),
    last_touched=st.none() | times,
    judged_against=st.sampled_from(["actor", "organisation", "newcomers"]),
    new_to_organisation=st.none() | st.booleans(),
    horizon_hours=st.sampled_from([1, 6, 24, 14 * 24]),
    counts_hours=st.booleans(),
    slow_growth=st.booleans(),
    time_share=st.none() | st.floats(0, 1),
    p_origin=st.none() | st.floats(0, 1),
    new_origins=st.lists(st.sampled_from(["network", "product", "interface", "token"]), max_size=4).map(tuple),
    new_network_here=st.none() | st.booleans(),
    hours_since_first=st.none() | counts,
    smaller_hours=st.none() | counts,
    known_hours=st.none() | counts,
    return_period_years=figures,
    colleagues=st.none() | counts,
    organisation_actors=st.none() | counts,
    new_types=st.none() | counts,
    touched_types=st.none() | counts,
    members=st.lists(hostile, max_size=30).map(tuple),
)
change_totals = st.builds(
    ChangeTotal,
    kind=st.sampled_from(["create", "update", "delete", None]),
    resource_type=hostile_or_nothing | st.sampled_from(["zone", "dns_records", "API_key", "policy"]),
    changes=st.integers(1, 10**12),
    resources=st.none() | st.integers(1, 10**12),
    zones=counts,
    zone=hostile_or_nothing,
)
action_summaries = st.builds(
    ActionSummary,
    action=hostile_or_nothing,
    resource_type=hostile_or_nothing,
    changes=counts,
    oldest=times,
    newest=times,
    deletes=st.booleans(),
)
origins = st.builds(
    Origin,
    kind=st.sampled_from(["address", "user agent", "interface", "API token"]),
    value=hostile_or_nothing,
    changes=counts,
    days=st.integers(0, 30),
    first_used=st.none() | times,
    label=hostile_or_nothing,
    others=st.none() | counts,
)
related = st.builds(
    RelatedTicket,
    id=st.just(ticket_id(ACCOUNT, ALICE)),
    identifier=st.sampled_from([None, "SEC-1", "SECURITY-12345"]),
    actor=hostile,
    severity=st.sampled_from(["urgent", "low"]),
    reason=st.sampled_from(get_args(RelatedBy)),
    value=hostile,
    values=st.integers(1, 10**6),
)
CHART_URLS = (
    "https://uploads.linear.app/3f2b9c1e/6a1d",
    f"https://uploads.example/{'x' * 900}?a=1)&b=](<c> [d]`e`",
)
"""As far as an address of Linear's own may go wrong and still be used (uploads.py)."""

long_urls = st.just("") | st.integers(0, 20_000).map(lambda length: "https://app.axiom.co/q?" + "%7B" * (length // 3))
findings = st.builds(
    Finding,
    account_id=st.just(ACCOUNT),
    actor_key=st.just(ALICE),
    actor=hostile,
    actor_type=hostile | st.sampled_from(["token", "user", "system"]),
    hour=times,
    severity=st.sampled_from(["urgent", "high", "medium", "low"]),
    deviations=st.lists(deviations, max_size=12).map(tuple),
    entries=st.lists(entries, max_size=8).map(lambda some: tuple(some * 3)),
    entries_total=counts,
    last_entries=st.lists(entries, max_size=10).map(tuple),
    change_totals=st.lists(change_totals, max_size=4).map(tuple),
    action_summaries=st.lists(action_summaries, max_size=8).map(lambda some: tuple(some * 2)),
    other_changes=counts,
    origins=st.lists(origins, max_size=10).map(lambda some: tuple(some * 3)),
    active_days=st.none() | st.integers(0, 30),
    too_many_origins=st.booleans(),
    axiom_url=long_urls,
    entries_url=long_urls,
    run_id=st.just("") | st.uuids().map(str),
    run_url=st.sampled_from(["", "https://dagster.example.com/runs/x"]),
    severity_because=st.lists(hostile, max_size=5).map(tuple),
    learning=st.booleans(),
    note=st.none() | notes,
    created_at=st.none() | times,
    created_by=hostile_or_nothing,
    related=st.lists(related, max_size=20).map(tuple),
    chart=st.none() | st.builds(Chart, st.sampled_from(CHART_URLS), st.just("Changes per hour, 1,204 in that hour")),
)

HEADINGS = (
    "Why this is unusual",
    "Why this alerts, whatever is usual",
    "What to check next",
    "Related tickets",
    "What was done",
    "What was done in this hour",
    "What could not be read",
    "From where",
    "Triage note",
    "Links",
    "How to close this ticket",
)

OURS = frozenset(
    {
        "paragraph_open",
        "heading_open",
        "bullet_list_open",
        "list_item_open",
        "table_open",
        "thead_open",
        "tbody_open",
        "tr_open",
        "th_open",
        "td_open",
        "link_open",
        "image",
        "text",
        "softbreak",
        "code_inline",
        "fence",
        "strong_open",
        "inline",
    }
)


@settings(max_examples=150, deadline=None)
@given(findings)
def test_whatever_was_found_a_ticket_is_well_formed_and_fits(found: Finding) -> None:
    ticket, comment, hour = ticket_for(found), comment_for(found), link_for(found)
    assert len(ticket.title) <= TITLE_LENGTH
    assert len(ticket.description) <= DESCRIPTION_LENGTH
    assert len(comment.body) <= COMMENT_LENGTH
    assert len(hour.subtitle) <= TITLE_LENGTH
    assert {token.type for token in all_tokens(ticket.title)} <= {"paragraph_open", "inline", "text", "paragraph_close"}
    about_others = related_comment(ticket.id, found.hour, found.related)
    assert len(about_others.body) <= COMMENT_LENGTH
    for text in (ticket.description, comment.body):
        found_tokens = all_tokens(text)
        assert {token.type for token in found_tokens if not token.type.endswith("_close")} <= OURS
        links = [token.attrs["href"] for token in found_tokens if token.type == "link_open"]
        ours = [address(url) for url in (found.axiom_url, found.entries_url, found.run_url) if url]
        pictures = [address(found.chart.url)] if found.chart else []
        assert [token.attrs["src"] for token in found_tokens if token.type == "image"] == pictures, "ours, and no other"
        strong = [token.type for token in found_tokens].count("strong_open")
        assert strong <= bool(found.deviations) + len(found.rules) + 1, "what to do now, and the titles of rules"
        assert set(links) <= set(ours)
        assert len(links) <= len(ours)
        assert {len(row) for row in table_rows(text)} <= {4}
        for url in sorted([*ours, *pictures], key=len, reverse=True):
            text = text.replace(f"({url})", "")  # noqa: PLW2901 - what is left of it
        assert "://" not in text
        assert "linear.app" not in text.lower()
        pairs = pairwise(found_tokens)  # by the parser: in a fence a name may look like a heading
        headings = [inline.content for start, inline in pairs if (start.type, start.tag) == ("heading_open", "h2")]
        assert headings == [heading for heading in HEADINGS if heading in headings], "in this order, each once"
        folds = re.findall(r"^\+\+\+(.*)$", text, re.MULTILINE)
        assert [bool(title) for title in folds] == [True, False] * (len(folds) // 2), "opened and closed in turn"
    for deviation in found.deviations:
        assert describe(deviation, learning=found.learning).isprintable()


def table_rows(markdown: str) -> list[list[str]]:
    """The cells of each row of the tables."""
    rows: list[list[str]] = []
    for token in all_tokens(markdown):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            rows[-1].append(token.type)
    return rows


def test_an_attacker_can_not_write_the_beginning_by_which_an_hour_is_known() -> None:
    later = HOUR + timedelta(hours=1)
    posing = replace(finding(), actor=f"In the hour {later:%Y-%m-%d %H:%M} UTC, ")
    assert ticket_for(posing).description.startswith("In the hour 2026-11-22 10:00 UTC, `In the hour 2026-11-22 11:00")


def test_a_name_in_a_fence_that_looks_like_a_heading_is_none() -> None:
    many = ("LINEAR。APP/acme", "bob", "carol", "## 0")
    deviation = replace(finding().deviations[0], members=many)
    tokens = all_tokens(ticket_for(finding(deviations=(deviation,))).description)
    headings = [inline.content for start, inline in pairwise(tokens) if start.type == "heading_open"]
    assert "0" not in headings
    assert any(token.type == "fence" and "## 0" in token.content for token in tokens)
