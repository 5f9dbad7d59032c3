"""What is set is checked, and what is wrong with it is one clear sentence."""

from contextlib import closing
from typing import Any

import pytest

from audit_assets.config.errors import AuditAssetsError, Incomplete, Refused, SettingError
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.linear.reply_parser import KEY_FORBIDDEN, KEY_REFUSED
from audit_assets.sandbox.linear.linear_service import API_KEY
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.linear.workspace import FIRST, Connect, only_issue, plan, written
from audit_assets_tests.tickets.sample_findings import burst, finding


def test_check_shows_what_the_settings_lead_to_and_writes_nothing(sandbox: Sandbox, connect: Connect) -> None:
    facts = connect(label="cloudflare-audit").linear.check()
    assert (facts.who, facts.team_key, facts.team) == ("Audit bot", "SEC", "Security")
    assert (facts.state, facts.label) == ("Backlog", "cloudflare-audit")
    assert connect().linear.check().label is None
    assert written(sandbox) == {}


def test_the_team_s_own_label_goes_before_others_of_that_name(sandbox: Sandbox, connect: Connect) -> None:
    connect(label="cloudflare-audit", team_key="ENG").open_ticket(FIRST)
    issue = only_issue(sandbox)
    assert (issue["team"], issue["labels"]) == ("ENG", ["cloudflare-audit"])


def test_a_label_of_the_workspace_will_do(connect: Connect) -> None:
    assert connect(label="Improvement").linear.check().label == "Improvement"


@pytest.mark.parametrize("label", ["nonesuch", "bug"])
def test_a_missing_label_is_one_clear_sentence_and_costs_no_ticket(
    sandbox: Sandbox, connect: Connect, label: str
) -> None:
    sentence = (
        f"Linear has no label '{label}' for the team 'SEC' (a group of labels is none, nor is a retired one): create "
        "it there, or set LINEAR_LABEL to one that exists, or leave it empty; until then tickets open without it."
    )
    assert connect(label=label).linear.check().problems == (sentence,)
    assert connect(label=label).open_ticket(FIRST).refused == sentence
    assert only_issue(sandbox)["labels"] == []


def test_a_missing_team_is_one_clear_sentence(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused) as caught:
        connect(team_key="NOPE").open_ticket(FIRST)
    assert str(caught.value) == (
        "Linear shows no team with the key 'NOPE' to this API key: set LINEAR_TEAM_KEY to one that it sees, which are "
        "ENG (Engineering), SEC (Security), or let the API key into that team."
    )
    assert written(sandbox) == {}


def test_a_team_in_the_wrong_case_is_named_as_linear_has_it(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused) as caught:
        connect(team_key="sec").open_ticket(FIRST)
    assert str(caught.value) == (
        "Linear shows no team with the key 'sec' to this API key: set LINEAR_TEAM_KEY to 'SEC', spelled as Linear "
        "has it."
    )
    assert written(sandbox) == {}


@pytest.mark.parametrize(("call", "what"), [("viewer", "teams"), ("issueLabels", "labels")])
def test_wrong_teams_and_wrong_labels_are_refused(sandbox: Sandbox, connect: Connect, call: str, what: str) -> None:
    plan(sandbox, call, "wrong_nodes")
    with pytest.raises(Incomplete, match=f"{what} that were not asked for"):
        connect(label="cloudflare-audit").linear.check()


def test_a_bad_key_is_one_clear_sentence(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused) as caught:
        connect(api_key="lin_api_canary").open_ticket(FIRST)
    assert str(caught.value) == KEY_REFUSED
    assert sandbox.shared.call_counts() == {("linear", "issues"): 1}


def test_a_missing_permission_is_one_clear_sentence(sandbox: Sandbox, client: TicketOpener) -> None:
    plan(sandbox, "issueCreate", "forbidden")
    with pytest.raises(Refused) as caught:
        client.open_ticket(FIRST)
    assert str(caught.value) == KEY_FORBIDDEN


def test_a_key_that_was_copied_with_its_bearer_works(connect: Connect) -> None:
    assert connect(api_key=f" Bearer {API_KEY}\n").linear.check().team == "Security"


def test_an_oauth_token_keeps_its_bearer(connect: Connect) -> None:
    with pytest.raises(Refused) as caught:
        connect(api_key="Bearer canary").linear.check()
    assert str(caught.value) == KEY_REFUSED


@pytest.mark.parametrize("name", ["api_key", "team_key", "url"])
@pytest.mark.parametrize("value", ["", "  ", "a\nb", "a\x00b", "a\ud800b"])
def test_a_setting_that_can_not_be_right_is_named(name: str, value: str) -> None:
    setting = {"api_key": "LINEAR_API_KEY", "team_key": "LINEAR_TEAM_KEY", "url": "LINEAR_API_URL"}[name]
    settings: dict[str, Any] = {"api_key": "lin_api_x", "team_key": "SEC", name: value}
    with pytest.raises(SettingError, match=setting):
        LinearClient(**settings)


@pytest.mark.parametrize("key", ["lin_api_é", "lin api x", "Bearer ", "Bearer lin_api_x y"])
def test_a_key_that_can_not_be_one_is_never_sent(key: str) -> None:
    with pytest.raises(SettingError, match="LINEAR_API_KEY"):
        LinearClient(api_key=key, team_key="SEC")


@pytest.mark.parametrize("url", ["localhost:1/graphql", "ftp://127.0.0.1/graphql", "http://[", "nothing"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(AuditAssetsError, match="address"):
        check_at(url)


def check_at(url: str) -> None:
    with closing(LinearClient(api_key="lin_api_x", team_key="SEC", url=url)) as client:
        client.check()


def test_a_wrong_address_is_named(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(Refused, match="LINEAR_API_URL"):
        connect(url=f"{sandbox.url}/graphql/nothing/here").linear.check()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 401, "body": API_KEY}),
        ("status", {"status": 400, "body": f'{{"errors": [{{"message": "{API_KEY} is no good"}}]}}'}),
        ("status", {"status": 500, "body": API_KEY}),
        ("drop_before", {}),
        ("torn", {}),
        ("forbidden", {}),
        ("rate_limited", {}),
    ],
)
def test_the_key_is_in_no_error_and_no_repr(
    sandbox: Sandbox, client: TicketOpener, kind: str, options: dict[str, Any]
) -> None:
    plan(sandbox, "*", kind, times=1_000, **options)
    with pytest.raises(AuditAssetsError) as caught:
        client.open_ticket(finding(deviations=(burst(),)))
    connection = client.linear._connection
    text = "".join(map(repr, (client, client.linear, connection, connection._transport._http.headers, caught.value)))
    assert API_KEY not in text + str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
