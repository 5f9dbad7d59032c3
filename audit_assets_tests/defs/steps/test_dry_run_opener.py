"""A dry run shows what the real client then does, and leaves nothing behind."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from audit_assets.defs.steps.dry_run_opener import DryRunOpener
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.linear.dry_run import NOT_SET, DryRunIssueApi, OfflineConnection, ReadOnlyConnection, RenderedTicket
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.finding import Finding, TriageNote
from audit_assets.tickets.shared_ticket import SharedTicket
from audit_assets_tests.linear.workspace import Connect, written
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import HOUR, finding, new_type, overflow

LABEL: dict[str, Any] = {"label": "cloudflare-audit"}


@pytest.fixture(autouse=True)
def the_hour_has_just_ended(clock: JumpingClock) -> None:
    """Linear's times are the sandbox's: it is a quarter past the end of the hour that the findings are of."""
    clock.sleep((HOUR + timedelta(minutes=75) - clock.now()).total_seconds())


def settings(sandbox: Sandbox, clock: JumpingClock) -> dict[str, Any]:
    """The settings of a client."""
    known = sandbox.linear.environment(sandbox.url)
    names = {"api_key": "LINEAR_API_KEY", "team_key": "LINEAR_TEAM_KEY", "url": "LINEAR_API_URL"}
    return {name: known[variable] for name, variable in names.items()} | {"clock": clock}


@pytest.fixture
def dry_run(sandbox: Sandbox, clock: JumpingClock) -> Any:
    """A client of the sandbox's Linear that writes nothing."""
    linear = LinearClient(**settings(sandbox, clock), **LABEL, connection=ReadOnlyConnection, issues=DryRunIssueApi)
    with closing(DryRunOpener(linear, [])) as client:
        yield client


def noted(finding_: Finding) -> Finding:
    """With a model's note, the same each time."""
    return finding(**{**finding_.__dict__, "note": TriageNote("a-model", "It may be a migration.", (), ("Ask her.",))})


def put(client: TicketOpener, content: Finding | SharedTicket) -> Any:
    """Put it on a ticket."""
    return (
        client.open_shared_ticket(content) if isinstance(content, SharedTicket) else client.open_ticket(content, noted)
    )


def first_of(actor: str) -> Finding:
    """The actor's first hour."""
    return finding(actor_key=actor)


def second_of(actor: str) -> Finding:
    """A more severe hour."""
    hour = HOUR + timedelta(hours=1)
    return finding(actor_key=actor, hour=hour, severity="urgent", deviations=(new_type(),))


def third_of(actor: str) -> Finding:
    """One more like it."""
    return finding(actor_key=actor, hour=HOUR + timedelta(hours=2), deviations=(new_type(),))


def days_pass(sandbox: Sandbox, identifier: str) -> None:
    """A ticket is completed, and 20 days go by."""
    sandbox.linear.complete(identifier)
    sandbox.shared.clock.advance(timedelta(days=20))


Content = Finding | SharedTicket
People = Callable[[Sandbox, str], object]
CASES: dict[str, tuple[Content | None, People | None, Content, str]] = {
    "opens": (None, None, second_of("a0"), "would open a ticket"),
    "joins, and is raised": (first_of("a1"), None, second_of("a1"), "would join {}"),
    "reopens": (first_of("a2"), lambda box, ticket: box.linear.complete(ticket), second_of("a2"), "would reopen {}"),
    "gets none": (
        second_of("a3"),
        lambda box, ticket: box.linear.cancel(ticket),
        third_of("a3"),
        "would get no ticket: people dismissed {}",
    ),
    "is on it already": (second_of("a4"), None, second_of("a4"), "is on {} already"),
    "rolls up": (None, None, overflow(400, hour=HOUR - timedelta(hours=1)), "would open one ticket for 400 findings"),
    "adds to a roll-up": (overflow(3, first=1_000), None, overflow(400), "would join {}"),
    "opens the next": (first_of("a5"), days_pass, second_of("a5"), "would open a ticket"),
}
"""What is on a ticket before, what people do to it, what is put on it then, and what the dry run calls that."""


def test_a_dry_run_shows_what_the_client_then_does_and_leaves_nothing_behind(
    sandbox: Sandbox, connect: Connect, dry_run: DryRunOpener
) -> None:
    client = connect(**LABEL)
    for case, (earlier, people, content, planned) in CASES.items():
        ticket: str = put(client, earlier).identifier if earlier else ""
        if people:
            people(sandbox, ticket)
        before, calls = sandbox.linear.issues(), written(sandbox)
        shown = put(dry_run, content)
        assert (sandbox.linear.issues(), written(sandbox)) == (before, calls), case
        done = put(client, content)
        assert (shown.id, shown.outcome) == (done.id, done.outcome), case
        rendered = dry_run.rendered.pop()
        assert rendered.planned_action == planned.format(ticket)
        assert rendered.url in (None, done.url)
        assert_it_was_so(rendered, before, next(each for each in sandbox.linear.issues() if each["id"] == done.id))


def assert_it_was_so(rendered: RenderedTicket, before: list[dict[str, Any]], issue: dict[str, Any]) -> None:
    """What was rendered is what was then written."""
    was = next((each for each in before if each["id"] == issue["id"]), None)
    old = was or {"comments": [], "attachments": [], "priority": None}
    comments = [each["body"] for each in issue["comments"][len(old["comments"]) :]]
    links = [{name: each[name] for name in ("title", "subtitle", "url")} for each in issue["attachments"]]
    assert [*rendered.comments] == comments
    assert [*rendered.links] == (links[-1:] if issue["attachments"] != old["attachments"] else [])
    assert rendered.written == (was is None or bool(comments))
    assert rendered.raises_priority == (was is not None and issue["priority"] != was["priority"])
    if was is None:
        assert (rendered.title, rendered.description) == (issue["title"], issue["description"])
        assert (rendered.identifier, rendered.priority) == (None, issue["priority"])
        assert rendered.fields == {"team": "SEC", "state": issue["state"], "labels": issue["labels"][0]}
    else:
        assert rendered.identifier == issue["identifier"]
        assert bool(rendered.description) == (not comments), "what is not written is shown all the same"
    if rendered.raises_priority:
        assert rendered.priority == issue["priority"]


def test_a_write_that_a_dry_run_does_not_know_is_never_sent(sandbox: Sandbox, dry_run: DryRunOpener) -> None:
    with pytest.raises(RuntimeError, match="issue_create is a mutation: a dry run must not send it"):
        dry_run.linear._connection.ask("issue_create", {"input": {}}, dict)
    assert written(sandbox) == {}


def test_without_a_key_nothing_is_asked_and_all_is_new(sandbox: Sandbox, connect: Connect, clock: JumpingClock) -> None:
    connect().open_ticket(finding())
    calls = sandbox.shared.call_counts()
    missing: dict[str, Any] = {"api_key": NOT_SET, "team_key": NOT_SET}

    def charted(finding_: Finding) -> Finding:
        client.linear.issues.upload("chart.png", "image/png", b"PNG", seconds=1.0)
        return finding_

    names = settings(sandbox, clock) | missing | LABEL
    linear = LinearClient(**names, connection=OfflineConnection, issues=DryRunIssueApi)
    with closing(DryRunOpener(linear, [])) as client:
        client.open_ticket(finding(), charted)
        client.open_shared_ticket(overflow(3))
        with pytest.raises(RuntimeError, match="issue_create must not be sent: there is no key"):
            client.linear._connection.ask("issue_create", {}, dict)
    assert [ticket.planned_action for ticket in client.rendered] == [
        "would open a ticket",
        "would open one ticket for 3 findings",
    ]
    assert [ticket.fields for ticket in client.rendered] == [{"labels": LABEL["label"]}] * 2
    assert [[*ticket.pictures.values()] for ticket in client.rendered] == [["data:image/png;base64,UE5H"], []]
    assert sandbox.shared.call_counts() == calls
