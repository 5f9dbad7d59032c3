"""Whatever people do to tickets, and whatever gets lost on the way, in any order: one open ticket, each hour once."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.config.errors import ServiceError
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.opening_sentences import opening_start
from audit_assets.tickets.ticket import link_for
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.linear.workspace import current_tickets
from audit_assets_tests.sandbox.linear_calls import Door, door
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import burst, finding, new_type, together

__all__ = ["door"]

KINDS = (burst(), new_type(), together("anne", "boris"))
BY_PEOPLE = ("complete", "cancel", "trash", "archive", "duplicate", "reopen", "edit", "calm", "stale")
AN_HOUR = timedelta(hours=1)


@dataclass
class Life:
    """One actor's tickets, and what was done so far."""

    sandbox: Sandbox
    client: TicketOpener
    clock: JumpingClock
    judged: list[Finding] = field(default_factory=list)
    written: set[datetime] = field(default_factory=set)
    edited: dict[str, str] = field(default_factory=dict)

    def judge(self, kinds: tuple[int, ...], severity: str) -> None:
        """The next hour, with these kinds of deviation."""
        hour = self.clock.now().replace(minute=0, second=0, microsecond=0)
        self.clock.sleep((hour + AN_HOUR - self.clock.now()).total_seconds())
        deviations = tuple(KINDS[kind] for kind in kinds)
        self.judged.append(finding(hour=hour, severity=severity, deviations=deviations))
        self.put(self.judged[-1])

    def replay(self, which: int) -> None:
        """An hour that was judged before, once more."""
        if self.judged:
            self.put(self.judged[which % len(self.judged)])

    def put(self, judged: Finding) -> None:
        """Put an hour on its ticket; what was written already must change nothing."""
        before = current_tickets(self.sandbox) if judged.hour in self.written else None
        try:
            outcome = self.client.open_ticket(judged).outcome
        except ServiceError:
            return
        finally:
            self.sandbox.faults.clear()
        if before is not None:
            assert (outcome, current_tickets(self.sandbox)) == ("already_on_ticket", before)
        if outcome in ("opened", "joined", "reopened", "already_on_ticket"):
            self.written.add(judged.hour)

    def people(self, do: str) -> None:
        """What a person, or Linear by itself, does to the last ticket."""
        issues = self.sandbox.linear.issues()
        if not issues or (issues[-1]["trashed"] and do != "edit"):
            return
        name = issues[-1]["identifier"]
        linear = self.sandbox.linear
        match do:
            case "duplicate":
                linear.move(name, "Duplicate")
            case "reopen":
                linear.move(name, "In Progress")
            case "stale":
                linear.close_as_stale(name)
            case "calm":
                linear.set_priority(name, 4)
            case "edit":
                self.edited[name] = "It is known."
                linear.edit_description(name, "It is known.")
            case _:
                getattr(linear, do)(name)

    def holds(self) -> None:
        """What is true at any time."""
        issues = self.sandbox.linear.issues()
        alive = [each for each in issues if each["stateType"] not in ("completed", "canceled", "duplicate")]
        assert len([each for each in alive if not each["trashed"]]) <= 1
        marks = [mark["id"] for issue in issues for mark in issue["attachments"]]
        texts = [comment["body"] for issue in issues for comment in issue["comments"]]
        for judged in self.judged:
            marked = marks.count(str(link_for(judged).id))
            assert marked == 1 if judged.hour in self.written else marked <= 1
            assert sum(text.startswith(opening_start(judged.hour)) for text in texts) <= 1
        assert all(
            issue["description"] == self.edited.get(issue["identifier"], issue["description"]) for issue in issues
        )


hours = st.builds(
    lambda kinds, severity: lambda life: life.judge(kinds, severity),
    st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True).map(tuple),
    st.sampled_from(("urgent", "high", "medium", "low")),
)
replays = st.integers(0, 20).map(lambda which: lambda life: life.replay(which))
by_people = st.sampled_from(BY_PEOPLE).map(lambda do: lambda life: life.people(do))
days = st.sampled_from((1, 13, 15, 31)).map(lambda count: lambda life: life.clock.sleep(count * 86_400.0))
faults = st.builds(
    lambda kind, at: lambda life: life.sandbox.faults.add(Fault("linear", "*", kind, at=at, times=50)),
    st.sampled_from(("drop_before", "drop_after")),
    st.integers(1, 6),
)


@settings(max_examples=60)
@given(st.lists(st.one_of(hours, hours, by_people, replays, days, faults), min_size=4, max_size=14))
def test_one_open_ticket_and_each_hour_once_whatever_happens(door: Door, steps: list[Callable[[Life], None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder))
        sandbox.url = door.url
        door.behind = sandbox.app()
        clock = JumpingClock(sandbox.shared.clock)
        known = sandbox.linear.environment(sandbox.url)
        linear = LinearClient(
            api_key=known["LINEAR_API_KEY"],
            team_key=known["LINEAR_TEAM_KEY"],
            url=known["LINEAR_API_URL"],
            clock=clock,
            limits=HttpLimits(attempts=1),
        )
        with closing(TicketOpener(linear)) as client:
            life = Life(sandbox, client, clock)
            for step in steps:
                step(life)
                life.holds()
        sandbox.close()
