"""A ticket explains itself to a person on a phone, and has the same id however often it is made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.linear.markdown import address
from audit_assets.linear.tickets import (
    COMMENT_LENGTH,
    DESCRIPTION_LENGTH,
    TITLE_LENGTH,
    Deviation,
    EntryLine,
    Finding,
    comment_for,
    describe,
    link_for,
    ticket_for,
    ticket_id,
)
from audit_assets_tests.linear.findings import ACCOUNT, ALICE, HOUR, burst, entry, finding, new_type
from audit_assets_tests.linear.test_markdown import all_tokens, hostile

LAST_TOUCHED = datetime(2026, 9, 30, 8, tzinfo=UTC)


def test_a_ticket_reads_from_what_happened_to_where_to_look() -> None:
    ticket = ticket_for(
        finding(
            severity="urgent",
            deviations=(burst(), new_type(new_to_organisation=True)),
            entries=(entry(11), entry(12, zone=None, interface=None, result="failure")),
            entries_total=214,
        )
    )
    assert ticket.title == ("alice@example·com: 214 changes in an hour, usually 3; 1 more reason (10:00 UTC, 22 Nov)")
    assert ticket.priority == 1
    assert ticket.description == (
        "In the hour 2026-11-22 10:00 UTC, `alice@example[.]com` made 214 changes and changed a resource type new to"
        " it: `api_tokens`.\n"
        "\n"
        "## Why this is unusual\n"
        "\n"
        "- 214 changes in the hour 2026-11-22 10:00 UTC; usual is 3.1 per active hour over 12 active hours in 30 days;"
        " at most 9 in any of them; 69 times the usual\n"
        "- first change to `api_tokens` on record (4 changes); nobody here touched it in 30 days\n"
        "\n"
        "| What | This hour | Usual | Judged against |\n"
        "| --- | --- | --- | --- |\n"
        "| changes | 214 | 3.1 (69 times) | its own 12 active hours |\n"
        "| changes to `api_tokens` | 4 | none on record | its own 12 active hours |\n"
        "\n"
        "## The entries behind it\n"
        "\n"
        "```text\n"
        "10:00:11  delete dns_records · 0000000000000000000000000000000b · example[.]com · 203.0.113.7 · dash"
        " · success\n"
        "10:00:12  delete dns_records · 0000000000000000000000000000000c · 203.0.113.7 · failure\n"
        "```\n"
        "\n"
        "and 212 more\n"
        "\n"
        "## Where to look\n"
        "\n"
        "[Open this query in Axiom](https://app.axiom.co/acme/query"
        "?initForm=%7B%22startTime%22%3A%222026-11-22T10%3A00%22%7D)\n"
        "\n"
        "Urgent severity · actor type `user` · actor key `a11ce000000000000000000000000000`"
        " · account `023e105f4ecef8ad9ca31a8372d0c353`"
    )


@pytest.mark.parametrize(
    ("deviation", "said"),
    [
        (
            burst(),
            "214 changes in the hour; usual is 3.1 per active hour over 12 active hours in 30 days;"
            " at most 9 in any of them; 69 times the usual",
        ),
        (
            burst(changes=1_204, usual=0.04, ratio=30_100.0, most=1, active_hours=1),
            "1,204 changes in the hour; usual is 0.04 per active hour over 1 active hour in 30 days;"
            " at most 1 in any of them; 30,100 times the usual",
        ),
        (
            burst(changes=50, usual=4.2, ratio=11.9, most=None, active_hours=0, judged_against="organisation"),
            "50 changes in the hour; usual is 4.2 per active hour of an actor here; 12 times the usual;"
            " judged against the organisation, as this actor has no history",
        ),
        (burst(usual=None, ratio=None, most=None), "214 changes in the hour"),
        (new_type(), "first change to api_tokens on record (4 changes)"),
        (
            new_type(first_ever=False, last_touched=LAST_TOUCHED, changes=1),
            "a change to api_tokens, last touched 2026-09-30 (1 change)",
        ),
        (new_type(first_ever=None), "a change to api_tokens, not touched in 30 days (4 changes)"),
        (
            new_type(judged_against="organisation", new_to_organisation=True, active_hours=0),
            "first change to api_tokens on record (4 changes); nobody here touched it in 30 days;"
            " judged against the organisation, as this actor has no history",
        ),
    ],
)
def test_a_deviation_is_said_in_one_line(deviation: Deviation, said: str) -> None:
    assert describe(deviation) == said


@pytest.mark.parametrize(
    ("deviations", "title"),
    [
        ((burst(changes=2_000, usual=12.4),), "alice@example·com: 2,000 changes in an hour, usually 12"),
        ((burst(usual=0.4),), "alice@example·com: 214 changes in an hour, usually 0.4"),
        ((burst(usual=None),), "alice@example·com: 214 changes in an hour"),
        ((new_type(),), "alice@example·com: first change to api_tokens on record"),
        (
            (new_type(first_ever=False, last_touched=LAST_TOUCHED), new_type(), new_type()),
            "alice@example·com: a change to api_tokens, last touched 2026-09-30; 2 more reasons",
        ),
    ],
)
def test_a_title_says_who_and_what(deviations: tuple[Deviation, ...], title: str) -> None:
    assert ticket_for(finding(deviations=deviations)).title == f"{title} (10:00 UTC, 22 Nov)"


def test_many_entries_are_folded_away_and_the_rest_is_counted() -> None:
    described = ticket_for(
        finding(entries=tuple(entry(number) for number in range(25)), entries_total=1_214)
    ).description
    assert described.count("delete dns_records") == 20
    assert "+++ 20 of 1,214 (UTC)\n\n```text\n10:00:00" in described
    assert "\n```\n\nand 1,194 more\n\n+++\n\n## Where to look" in described


def test_no_entries_are_no_section() -> None:
    assert "entries" not in ticket_for(finding(entries=(), entries_total=0)).description


def test_priority_follows_severity() -> None:
    priorities = {level: ticket_for(finding(severity=level)).priority for level in ("urgent", "high", "medium", "low")}
    assert priorities == {"urgent": 1, "high": 2, "medium": 3, "low": 4}


def test_a_ticket_is_the_same_actor_s_whatever_the_hour_and_whatever_was_found() -> None:
    one = ticket_for(finding())
    other = ticket_for(finding(hour=HOUR + timedelta(days=3), severity="low", actor="Alice", deviations=(new_type(),)))
    assert one.id == other.id == ticket_id(ACCOUNT, ALICE)


def test_ids_never_change_and_have_the_shape_of_v4() -> None:
    assert str(ticket_id(ACCOUNT, ALICE)) == "0a6554f7-5e38-4213-a0e8-38d27c13158c"
    assert str(comment_for(finding()).id) == "4bc93afd-1c8a-4c27-898b-93dddaeca607"


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_two_actors_never_share_an_id(account: str, actor: str, other_account: str, other_actor: str) -> None:
    one, other = ticket_id(account, actor), ticket_id(other_account, other_actor)
    assert one.version == 4
    assert UUID(str(one)) == one
    assert (one == other) == ((account, actor) == (other_account, other_actor))


def test_an_hour_is_the_same_hour_in_any_time_zone() -> None:
    kolkata = HOUR.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert comment_for(finding(hour=kolkata)).id == comment_for(finding()).id
    assert ticket_for(finding(hour=kolkata)).title == ticket_for(finding()).title
    assert comment_for(finding(hour=HOUR + timedelta(hours=1))).id != comment_for(finding()).id


def test_a_comment_says_the_same_as_a_ticket_in_less_room() -> None:
    many = finding(
        deviations=tuple(new_type(resource_type=f"type_{number}" * 20) for number in range(100)),
        entries=tuple(entry(number) for number in range(20)),
        entries_total=500,
        axiom_url="https://app.axiom.co/" + "x" * 2_900,
    )
    body = comment_for(many).body
    assert len(body) <= COMMENT_LENGTH
    assert body.startswith("In the hour 2026-11-22 10:00 UTC, ")
    assert "more like these" in body
    assert "## The entries behind it\n\n500, to be read in Axiom." in body
    assert "[Open this query in Axiom](" in body


def test_a_link_that_is_too_long_to_stand_in_the_text_is_said_to_be_elsewhere() -> None:
    long = finding(axiom_url="https://app.axiom.co/" + "x" * 15_000)
    assert "The query is among this ticket's links." in ticket_for(long).description
    assert link_for(long).url == long.axiom_url


def test_the_link_marks_the_hour() -> None:
    hour = link_for(finding(deviations=(burst(), new_type(resource_type="{x__since}`<b>"))))
    assert hour.title == "Axiom: 2026-11-22 10:00 UTC"
    assert hour.subtitle == "214 changes in an hour, usually 3; 1 more reason"
    assert hour.metadata == {"hour": "2026-11-22T10:00:00+00:00", "severity": "high"}


hostile_or_nothing = st.none() | hostile
counts = st.integers(0, 10**12)
figures = st.none() | st.floats()
times = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
deviations = st.builds(
    Deviation,
    kind=st.sampled_from(["volume", "new_resource_type"]),
    resource_type=hostile_or_nothing,
    changes=counts,
    usual=figures,
    ratio=figures,
    most=st.none() | counts,
    active_hours=counts,
    first_ever=st.none() | st.booleans(),
    last_touched=st.none() | times,
    judged_against=st.sampled_from(["actor", "organisation"]),
    new_to_organisation=st.none() | st.booleans(),
)
entries = st.builds(
    EntryLine,
    time=times,
    **dict.fromkeys(
        ("action", "resource_type", "resource_id", "zone", "ip_address", "interface", "result"), hostile_or_nothing
    ),
)
findings = st.builds(
    Finding,
    account_id=st.just(ACCOUNT),
    actor_key=st.just(ALICE),
    actor=hostile,
    actor_type=hostile,
    hour=times,
    severity=st.sampled_from(["urgent", "high", "medium", "low"]),
    deviations=st.lists(deviations, max_size=12).map(tuple),
    entries=st.lists(entries, max_size=8).map(lambda some: tuple(some * 3)),
    entries_total=counts,
    axiom_url=st.integers(0, 20_000).map(lambda length: "https://app.axiom.co/q?" + "%7B" * (length // 3)),
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
        "text",
        "softbreak",
        "code_inline",
        "fence",
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
    for text in (ticket.description, comment.body):
        found_tokens = all_tokens(text)
        assert {token.type for token in found_tokens if not token.type.endswith("_close")} <= OURS
        links = [token.attrs["href"] for token in found_tokens if token.type == "link_open"]
        assert links in ([], [address(found.axiom_url)])
        assert {len(row) for row in table_rows(text)} <= {4}
        assert "://" not in text.replace(address(found.axiom_url), "")
    for deviation in found.deviations:
        assert describe(deviation).isprintable()


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
