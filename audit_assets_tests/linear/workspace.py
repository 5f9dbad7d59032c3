"""What tests of the client look at: findings of two actors, planned faults, and what is in Linear."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.issues import Upload
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.finding import Chart, Finding
from audit_assets.tickets.ticket import ticket_for
from audit_assets_tests.tickets.sample_findings import HOUR, finding, new_type

Connect = Callable[..., TicketOpener]
"""Makes a client; arguments change its settings."""

FIRST = finding()
LATER = finding(hour=HOUR + timedelta(hours=3), deviations=(new_type(),))
BOB = finding(actor_key="b0b" + "0" * 29, actor="bob@example.com")

WRITES = ("issueCreate", "commentCreate", "attachmentCreate")
CHANGES = ("issueUpdate", "issueRelationCreate")


def plan(sandbox: Sandbox, call: str, kind: str, *, at: int = 1, times: int = 1, **options: Any) -> None:
    """Let Linear misbehave at a call: see the sandbox's faults."""
    sandbox.faults.add(Fault("linear", call, kind, at=at, times=times, options=options))


def only_issue(sandbox: Sandbox) -> dict[str, Any]:
    """The workspace's one issue: that there is one alone is part of what is tested."""
    (issue,) = sandbox.linear.issues()
    return issue


def links(sandbox: Sandbox) -> list[str]:
    """The addresses on that issue, in the order in which they came."""
    return [link["url"] for link in only_issue(sandbox)["attachments"]]


def written(sandbox: Sandbox) -> dict[str, int]:
    """How often each write was asked for."""
    calls = sandbox.shared.call_counts()
    return {call: calls["linear", call] for call in (*WRITES, *CHANGES) if calls["linear", call]}


def current_tickets(sandbox: Sandbox) -> list[dict[str, Any]]:
    """What is in the workspace, without the times."""
    kept = ("id", "identifier", "title", "description", "priority", "state", "trashed", "related")
    return [
        {name: issue[name] for name in kept}
        | {"comments": [(each["id"], each["body"]) for each in issue["comments"]]}
        | {"attachments": [(each["id"], each["url"], each["metadata"]) for each in issue["attachments"]]}
        for issue in sandbox.linear.issues()
    ]


def with_chart(found: Finding, upload: Upload) -> Finding:
    """Gives a finding a chart of a few bytes."""
    return replace(found, chart=Chart(upload("changes.png", "image/png", b"drawn", seconds=9.0), "What it shows"))


def open_all(client: TicketOpener, *findings: Finding) -> list[str]:
    """The outcomes of some findings, one after the other."""
    return [client.open_ticket(found).outcome for found in findings]


def assert_one_ticket_of_one_hour(sandbox: Sandbox, found: Finding = FIRST) -> None:
    """One ticket, as if nothing had gone wrong."""
    issue = only_issue(sandbox)
    assert issue["title"] == ticket_for(found).title
    assert issue["comments"] == []
    assert links(sandbox) == [found.axiom_url]
