"""The suite itself is tested: it catches each protocol that is wrong on purpose, by what is wrong with it."""

import errno

import pytest

from audit_assets_tests.faults.end_state import Violations
from audit_assets_tests.faults.failing import NthFailure
from audit_assets_tests.faults.kinds import SERVICE_FAILURES
from audit_assets_tests.faults.protocols import PROTOCOLS
from audit_assets_tests.faults.trial import Trials

BY_A_KILL = {
    "in place": ("raw_audit_entries half written", "files_torn"),
    "unchanged by the file": ("axiom ingest about to be sent", "entries_lost"),
    "marked before sending": ("axiom ingest about to be sent", "entries_lost"),
    "sent blindly and counted by rows": ("axiom ingest landed, its answer not read", "flags_wrong"),
    "random ticket id": ("linear issueCreate landed, its answer not read", "tickets_twice"),
    "random comment id": ("linear commentCreate landed, its answer not read", "notes_wrong"),
    "hour linked before its comment": ("linear attachmentCreate landed, its answer not read", "notes_wrong"),
}
"""Where a run that follows it is killed, and what comes of it."""

BY_A_FAILURE = ("disk errors swallowed", "errors of comments swallowed")
BY_THE_ORDER = ("renamed without fsync",)


def counted(found: Violations, kind: str) -> int:
    return found.counts()[kind]


def test_every_wrong_protocol_is_tried() -> None:
    assert {*BY_A_KILL, *BY_A_FAILURE, *BY_THE_ORDER} == set(PROTOCOLS)


def test_the_requests_to_linear_that_a_kill_hits_are_about_an_actors_ticket(trials: Trials) -> None:
    """No wrong protocol changes the digest of the day: if it came first, these kills would hit it and prove nothing."""
    start = trials.points.index("opened_tickets about to start")
    end = trials.points.index("opened_tickets done, not noted as materialised")
    hit = [point for point, _ in BY_A_KILL.values() if point.startswith("linear")]
    assert hit
    assert {*hit} <= {*trials.points[start:end]}


@pytest.mark.parametrize("protocol", BY_A_KILL)
def test_a_kill_catches_a_wrong_protocol(trials: Trials, protocol: str) -> None:
    point, kind = BY_A_KILL[protocol]
    outcome = trials.killed_at(point, protocol=protocol, patience=1)
    assert outcome.killed == [point]
    assert counted(outcome.found, kind)


def test_the_order_of_steps_catches_a_missing_fsync_that_no_kill_shows(trials: Trials) -> None:
    assert counted(trials.order_of("renamed without fsync"), "order_wrong")


def test_a_full_disk_catches_swallowed_disk_errors(nth: NthFailure) -> None:
    failed = nth.file_step("flagged_actor_summary half written", errno.ENOSPC, protocol="disk errors swallowed")
    assert counted(failed.found, "flags_wrong")


def test_a_failing_request_catches_swallowed_errors_of_comments(nth: NthFailure) -> None:
    (refused,) = [failure for failure in SERVICE_FAILURES["linear", "*"] if failure.kind == "description_conflict"]
    failed = nth.request("linear", nth.number_of("commentCreate"), refused, protocol="errors of comments swallowed")
    assert counted(failed.found, "notes_wrong")
