"""What people do to a ticket is read as their verdict on it; what can't be read is never taken for none."""

from datetime import timedelta
from uuid import UUID

import pytest

from audit_assets.config.errors import Incomplete, Refused, Unavailable
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.issues import TicketVerdict
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.linear.workspace import BOB, FIRST, Connect, open_all, plan
from audit_assets_tests.sandbox.linear_calls import door, sandbox
from audit_assets_tests.tickets.sample_findings import HOUR, finding

__all__ = ["door", "sandbox"]

NOTHING, CLOSED = TicketVerdict(None, open=True), TicketVerdict(None, open=False)
CONFIRMED, DISMISSED, BOTH = (
    TicketVerdict(verdict, open=False) for verdict in ("confirmed", "dismissed", "contradictory")
)


def verdicts_of(client: TicketOpener, sandbox: Sandbox) -> list[TicketVerdict | None]:
    """Of each ticket in the workspace, the oldest first."""
    ids = [UUID(issue["id"]) for issue in sandbox.linear.issues()]
    verdicts = client.linear.ticket_verdicts(ids)
    return [verdicts.get(each) for each in ids]


@pytest.mark.parametrize(
    ("action_summaries", "expected"),
    [
        ([], NOTHING),
        (["move:In Progress"], NOTHING),
        (["complete"], CLOSED),
        (["complete", "label:confirmed-incident"], CONFIRMED),
        (["label:confirmed-incident"], TicketVerdict("confirmed", open=True)),
        (["label:confirmed-incident", "complete", "archive"], CONFIRMED),
        (["label:confirmed-incident", "complete", "unlabel:confirmed-incident"], CLOSED),
        (["cancel"], DISMISSED),
        (["cancel", "archive"], DISMISSED),
        (["move:Duplicate"], DISMISSED),
        (["trash"], DISMISSED),
        (["cancel", "move:Todo"], NOTHING),
        (["label:false-positive"], TicketVerdict("dismissed", open=True)),
        (["complete", "label:false-positive"], DISMISSED),
        (["close_as_stale"], CLOSED),
        (["close_as_stale", "label:confirmed-incident"], CLOSED),
        (["close_as_stale", "label:false-positive"], DISMISSED),
        (["complete", "label:false-positive", "label:confirmed-incident"], BOTH),
        (["cancel", "label:confirmed-incident"], BOTH),
        (["label:cloudflare-audit", "complete"], CLOSED),
    ],
)
def test_what_people_do_is_their_verdict(
    sandbox: Sandbox, client: TicketOpener, action_summaries: list[str], expected: TicketVerdict
) -> None:
    client.open_ticket(finding())
    for action_summary in action_summaries:
        name, *rest = action_summary.split(":")
        getattr(sandbox.linear, name)("SEC-1", *rest)
    assert verdicts_of(client, sandbox) == [expected]


def test_labels_may_be_the_workspaces_and_in_any_case(sandbox: Sandbox, client: TicketOpener) -> None:
    open_all(client, FIRST, BOB)
    sandbox.linear.create_label("Confirmed-INCIDENT")
    sandbox.linear.rename_label("false-positive", "False-Positive")
    sandbox.linear.complete("SEC-1")
    sandbox.linear.label("SEC-1", "Confirmed-INCIDENT")
    sandbox.linear.label("SEC-2", "False-Positive")
    assert verdicts_of(client, sandbox) == [CONFIRMED, TicketVerdict("dismissed", open=True)]
    assert client.linear.verdict_labels() == {"confirmed-incident", "false-positive"}


def test_labels_that_this_team_cant_use_are_none(sandbox: Sandbox, client: TicketOpener) -> None:
    sandbox.linear.rename_label("false-positive", "noise")
    sandbox.linear.create_label("false-positive", "ENG")
    assert client.linear.verdict_labels() == {"confirmed-incident"}


def test_many_tickets_are_asked_for_fifty_at_a_time(sandbox: Sandbox, client: TicketOpener) -> None:
    keys = [f"{number:032x}" for number in range(3)]
    open_all(client, *(finding(actor_key=key) for key in keys))
    real = [UUID(issue["id"]) for issue in sandbox.linear.issues()]
    unknown = [UUID(int=number, version=4) for number in range(248)]
    assert client.linear.ticket_verdicts([*unknown, *real, *real]) == dict.fromkeys(real, NOTHING)
    assert sandbox.shared.call_counts()["linear", "issues"] == 3 + 6
    assert client.linear.ticket_verdicts([]) == {}


def test_a_ticket_that_was_deleted_for_good_is_left_out(sandbox: Sandbox, client: TicketOpener) -> None:
    first = UUID(client.open_ticket(FIRST).id)
    sandbox.linear.delete_for_good("SEC-1")
    assert client.linear.ticket_verdicts([first]) == {}


class TestWhatGoesWrong:
    """Each is an error: none is an answer without verdicts."""

    @pytest.fixture
    def known(self, client: TicketOpener) -> list[UUID]:
        return [UUID(client.open_ticket(each).id) for each in (FIRST, BOB)]

    def test_tickets_that_were_not_asked_for(self, sandbox: Sandbox, client: TicketOpener, known: list[UUID]) -> None:
        plan(sandbox, "issues", "wrong_nodes")
        with pytest.raises(Incomplete, match="another issue than the one that was asked for"):
            client.linear.ticket_verdicts(known[:1])

    def test_labels_that_were_not_asked_for(self, sandbox: Sandbox, client: TicketOpener) -> None:
        plan(sandbox, "issueLabels", "wrong_nodes")
        with pytest.raises(Incomplete, match="labels that were not asked for"):
            client.linear.verdict_labels()

    def test_a_limit_that_is_reached(self, sandbox: Sandbox, connect: Connect, known: list[UUID]) -> None:
        plan(sandbox, "issues", "rate_limited", seconds=90)
        assert len(connect().linear.ticket_verdicts(known)) == 2
        plan(sandbox, "issues", "rate_limited", times=9)
        with pytest.raises(Unavailable, match="its rate limit is reached"):
            connect(limits=HttpLimits(attempts=1)).linear.ticket_verdicts(known)

    def test_a_key_that_is_refused(self, connect: Connect) -> None:
        with pytest.raises(Refused, match="LINEAR_API_KEY was refused by Linear"):
            connect(api_key="lin_api_wrong").linear.ticket_verdicts([UUID(int=1, version=4)])


def test_a_confirmed_ticket_that_a_later_hour_reopened_still_has_its_label(
    sandbox: Sandbox, client: TicketOpener
) -> None:
    client.open_ticket(finding())
    sandbox.linear.complete("SEC-1")
    sandbox.linear.label("SEC-1", "confirmed-incident")
    assert client.open_ticket(finding(hour=HOUR + timedelta(hours=1))).outcome == "reopened"
    assert verdicts_of(client, sandbox) == [TicketVerdict("confirmed", open=True)]
