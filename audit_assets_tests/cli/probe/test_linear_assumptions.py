"""What is assumed of Linear: confirmed, contradicted and unknown; and that the test ticket is archived in the end."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from audit_assets.cli.probe.linear_scene import LinearScene
from audit_assets.cli.probe.run import IMPATIENT, OF_LINEAR
from audit_assets.defs.resources import LinearResource
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.cli.probe.cases import (
    Case,
    assert_all_answers,
    behaves,
    both,
    cases_of,
    check,
    down,
    each_case,
    fault,
)
from audit_assets_tests.support import JumpingClock

DOWN = down("linear")


def nothing(sandbox: Sandbox, _: object) -> None:
    """No test ticket yet."""


def ticket(sandbox: Sandbox, scene: LinearScene) -> None:
    """The test ticket, as the first check leaves it."""
    scene.create_first()
    sandbox.shared.clock.advance(timedelta(minutes=1))


def with_comment(sandbox: Sandbox, scene: LinearScene) -> None:
    ticket(sandbox, scene)
    scene.client.issues.comment(scene.ticket().id, scene.comment())


def with_link(sandbox: Sandbox, scene: LinearScene) -> None:
    ticket(sandbox, scene)
    scene.client.issues.attach(scene.ticket().id, scene.link())


def archived(sandbox: Sandbox, scene: LinearScene) -> None:
    ticket(sandbox, scene)
    scene.archive()


def then(before: Any, **changed: Any) -> Any:
    return both(before, behaves("linear", **changed))


def first(after: Any, **changed: Any) -> Any:
    return both(behaves("linear", **changed), after)


CASES = [
    *cases_of(
        "linear-own-id",
        confirmed=nothing,
        contradicted=[behaves("linear", own_ids="replaced"), behaves("linear", own_ids="refused")],
        unknown=DOWN,
    ),
    *cases_of(
        "linear-conflict",
        confirmed=ticket,
        contradicted=then(ticket, taken_ids="replaced"),
        unknown=nothing,
    ),
    *cases_of(
        "linear-description",
        confirmed=ticket,
        contradicted=[
            first(ticket, longest_text=15_000),
            first(ticket, longest_text=15_000, long_descriptions="cut"),
        ],
        unknown=nothing,
    ),
    *cases_of(
        "linear-quoted-text",
        confirmed=ticket,
        contradicted=first(ticket, changes_quoted_text=True),
        unknown=[nothing, first(ticket, longest_text=15_000)],
    ),
    *cases_of(
        "linear-comments",
        confirmed=ticket,
        contradicted=[then(ticket, key_may_comment=False), then(ticket, longest_text=4_000)],
        unknown=nothing,
    ),
    *cases_of(
        "linear-comment-conflict",
        confirmed=with_comment,
        contradicted=then(with_comment, taken_ids="replaced"),
        unknown=ticket,
    ),
    *cases_of(
        "linear-attachments",
        confirmed=ticket,
        contradicted=then(ticket, key_may_attach=False),
        unknown=nothing,
    ),
    *cases_of(
        "linear-attachment-url",
        confirmed=with_link,
        contradicted=then(with_link, attachments_by_url=False),
        unknown=ticket,
    ),
    *cases_of(
        "linear-uploads",
        confirmed=nothing,
        contradicted=behaves("linear", key_may_upload=False),
        unknown=DOWN,
    ),
    *cases_of(
        "linear-changes",
        confirmed=ticket,
        contradicted=then(ticket, key_may_write=False),
        unknown=nothing,
    ),
    *cases_of(
        "linear-duplicate-time",
        confirmed=then(ticket, duplicate_sets="canceledAt"),
        contradicted=ticket,
        unknown=[nothing, then(ticket, key_may_write=False)],
    ),
    *cases_of(
        "linear-archive",
        confirmed=ticket,
        contradicted=[then(ticket, archiving_is_a_change=True), then(ticket, key_may_write=False)],
        unknown=[nothing, then(ticket, archived_issues_are_shown=False)],
    ),
    *cases_of(
        "linear-archived-shown",
        confirmed=archived,
        contradicted=then(archived, archived_issues_are_shown=False),
        unknown=ticket,
    ),
    *cases_of(
        "linear-archived-conflict",
        confirmed=archived,
        contradicted=then(archived, taken_ids="replaced_if_archived"),
        unknown=ticket,
    ),
    *cases_of(
        "linear-archived-comment",
        confirmed=archived,
        contradicted=then(archived, archived_issues_are_writable=True),
        unknown=ticket,
    ),
]


@pytest.fixture
def scene(sandbox: Sandbox) -> Iterator[LinearScene]:
    clock = JumpingClock(sandbox.shared.clock)
    with LinearScene(LinearResource(clock, IMPATIENT).client()) as opened:
        yield opened


def open_tickets(sandbox: Sandbox) -> list[str]:
    return [issue["identifier"] for issue in sandbox.linear.issues() if not issue["archivedAt"]]


@each_case(CASES)
def test_an_assumption_gets_its_answer(case: Case, sandbox: Sandbox, scene: LinearScene) -> None:
    seen = check(OF_LINEAR, case, sandbox, scene)
    assert seen.answer == case.answer, seen.text
    sandbox.faults.clear()
    behaves("linear", key_may_write=True)(sandbox, scene)
    scene.clean_up()
    assert open_tickets(sandbox) == []
    assert scene.left_behind == []


def test_each_answer_of_each_assumption_is_tried() -> None:
    assert_all_answers(OF_LINEAR, CASES)


def test_a_probe_that_fails_halfway_archives_its_ticket(sandbox: Sandbox) -> None:
    clock = JumpingClock(sandbox.shared.clock)

    def fail_halfway() -> None:
        with LinearScene(LinearResource(clock, IMPATIENT).client()) as scene:
            ticket(sandbox, scene)
            assert open_tickets(sandbox) == ["SEC-1"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_halfway()
    assert open_tickets(sandbox) == []


def test_a_ticket_whose_answer_was_lost_is_archived(sandbox: Sandbox) -> None:
    clock = JumpingClock(sandbox.shared.clock)
    with LinearScene(LinearResource(clock, IMPATIENT).client()) as scene:
        fault("linear", "issueCreate", "drop_after")(sandbox, scene)
        seen = check(OF_LINEAR, Case("linear-own-id", "confirmed", nothing), sandbox, scene)
    assert seen.answer == "confirmed"  # the second try met the first one's ticket
    assert [issue["archivedAt"] is not None for issue in sandbox.linear.issues()] == [True]


def test_a_ticket_that_can_not_be_archived_is_named(sandbox: Sandbox) -> None:
    clock = JumpingClock(sandbox.shared.clock)
    with LinearScene(LinearResource(clock, IMPATIENT).client()) as scene:
        then(ticket, key_may_write=False)(sandbox, scene)
    assert scene.left_behind == ["SEC-1"]


def test_the_test_ticket_is_of_no_importance(sandbox: Sandbox, scene: LinearScene) -> None:
    ticket(sandbox, scene)
    (issue,) = sandbox.linear.issues()
    assert (issue["team"], issue["priorityLabel"], issue["labels"], issue["assignee"]) == ("SEC", "Low", [], None)
    assert len(issue["description"]) == 20_000
