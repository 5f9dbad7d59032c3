"""Which fields a ticket gets, decided from a team's table alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.config.policy_tables import TicketFields
from audit_assets.linear.issues import PRIORITY
from audit_assets.linear.routing import Fields, TicketSubject, applies, fields_for, rows_in_other_teams
from audit_assets.tickets.ticket import subject_of
from audit_assets_tests.tickets.sample_findings import ALICE, action_summary, burst, finding, new_type, together

TABLE = (
    TicketFields(actors=("terraform*",), priority="low", labels=("automation",)),
    TicketFields(touching=("*token*", "*firewall*"), team="NET", project="Edge", labels=("keys",), assignee="ben"),
    TicketFields(severities=("urgent", "high"), team="IR", assignee="anne", priority=1, labels=("page", "keys")),
    TicketFields(labels=("cloudflare",)),
)


def of(severity: str = "medium", actor: str = "alice@example.com", touched: tuple[str, ...] = ()) -> Fields:
    return fields_for(TicketSubject(severity, frozenset({actor, ALICE}), frozenset(touched)), TABLE)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("subject", "fields"),
    [
        ({}, Fields(3, labels=("cloudflare",))),
        ({"severity": "urgent"}, Fields(1, team="IR", labels=("page", "keys", "cloudflare"), assignee="anne")),
        ({"severity": "high"}, Fields(1, team="IR", labels=("page", "keys", "cloudflare"), assignee="anne")),
        ({"touched": ("WAF", "API_Tokens")}, Fields(3, "NET", "Edge", ("keys", "cloudflare"), "ben")),
        ({"touched": ("user", "token_create")}, Fields(3, "NET", "Edge", ("keys", "cloudflare"), "ben")),
        (
            {"severity": "urgent", "touched": ("firewall_rule",)},
            Fields(1, "NET", "Edge", ("keys", "page", "cloudflare"), "ben"),
        ),
        ({"severity": "urgent", "actor": "Terraform [prod]"},
         Fields(4, "IR", None, ("automation", "page", "keys", "cloudflare"), "anne")),
    ],
)  # fmt: skip
def test_the_first_row_that_applies_decides_and_labels_add_up(subject: dict[str, Any], fields: Fields) -> None:
    assert of(**subject) == fields


@pytest.mark.parametrize("severity", PRIORITY)
def test_without_a_table_the_severity_is_the_priority_and_the_settings_decide(severity: Any) -> None:
    assert fields_for(TicketSubject(severity), ()) == Fields(PRIORITY[severity])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (TicketFields(team="T", actors=(ALICE,)), True),
        (TicketFields(team="T", actors=("ALICE@example.com",)), True),
        (TicketFields(team="T", actors=("bob*", "*@example.com")), True),
        (TicketFields(team="T", actors=("alice",)), False),
        (TicketFields(team="T", touching=("dns_record?",)), False),
        (TicketFields(team="T", touching=("delete",)), True),
        (TicketFields(team="T", touching=("api_tokens",)), True),
        (TicketFields(team="T", touching=("zone",)), False),
        (TicketFields(team="T", severities=("high",), actors=(ALICE,), touching=("*dns*",)), True),
        (TicketFields(team="T", severities=("low",), actors=(ALICE,), touching=("*dns*",)), False),
    ],
)
def test_a_row_asks_for_what_the_ticket_is_about(row: TicketFields, *, expected: bool) -> None:
    found = finding(
        action_summaries=(action_summary(), action_summary(action=None, resource_type=None)),
        deviations=(burst(), new_type()),
    )
    assert applies(row, subject_of(found)) is expected


def test_nothing_but_a_star_matches_other_letters() -> None:
    row = TicketFields(team="T", actors=("deploy [prod]",))
    assert applies(row, subject_of(finding(actor="Deploy [prod]")))
    assert not applies(row, subject_of(finding(actor="deploy p")))
    assert applies(TicketFields(team="T", actors=("why?*",)), subject_of(finding(actor="Why? [this one]")))


def test_the_organisation_is_an_actor_of_its_own_and_not_its_members() -> None:
    subject = subject_of(finding(actor_key="organisation", actor="the organisation", deviations=(together("anne"),)))
    assert applies(TicketFields(team="T", actors=("the organisation",)), subject)
    assert not applies(TicketFields(team="T", actors=("anne",)), subject)


def test_of_a_ticket_of_many_its_severity_is_known_and_no_actor_or_resource_type() -> None:
    subject = TicketSubject("high")
    assert fields_for(subject, TABLE) == Fields(1, "IR", None, ("page", "keys", "cloudflare"), "anne")
    assert not applies(TicketFields(team="T", actors=("*",)), subject)
    assert not applies(TicketFields(team="T", touching=("*",)), subject)


def test_rows_that_may_meet_are_found() -> None:
    assert rows_in_other_teams(TABLE) == [(0, 1), (0, 2), (2, 1), (3, 1), (3, 2)]
    apart = (
        TicketFields(actors=("anne",), team="A", severities=("low",)),
        TicketFields(actors=("ben",), labels=("b",)),
        TicketFields(actors=("anne",), labels=("c",), severities=("high",)),
        TicketFields(actors=("anne",), team="A", labels=("d",)),
        TicketFields(touching=("zone",), severities=("low", "medium"), labels=("e",)),
    )
    assert rows_in_other_teams(apart) == [(2, 3), (4, 0), (4, 3)]


NAMES = st.sampled_from(["terraform", "alice", "[", "*", "zone", "api_token"])
ROWS = st.builds(
    TicketFields,
    severities=st.none() | st.lists(st.sampled_from(list(PRIORITY)), min_size=1).map(tuple),
    touching=st.none() | st.lists(NAMES, min_size=1).map(tuple),
    actors=st.none() | st.lists(NAMES, min_size=1).map(tuple),
    team=st.sampled_from(["A", "B"]),
    labels=st.lists(NAMES, max_size=3).map(tuple),
    priority=st.none() | st.sampled_from([1, 2, "low"]),
)
SUBJECTS = st.builds(TicketSubject, st.sampled_from(list(PRIORITY)), st.frozensets(NAMES), st.frozensets(NAMES))


@given(table=st.lists(ROWS, max_size=4), subject=SUBJECTS)
def test_rows_that_do_not_apply_change_nothing_and_later_rows_only_add(
    table: list[TicketFields], subject: TicketSubject
) -> None:
    applying = [row for row in table if applies(row, subject)]
    found = fields_for(subject, table)
    assert found == fields_for(subject, applying)
    for count in range(len(table)):
        fewer = fields_for(subject, table[:count])
        assert found.labels[: len(fewer.labels)] == fewer.labels
        assert fewer.team in (None, found.team)
    assert found.priority in (1, 2, 3, 4)
