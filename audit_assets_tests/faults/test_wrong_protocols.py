"""The suite itself is tested: it catches protocols that are wrong on purpose, and each for what is wrong with it."""

import errno

import pytest

from audit_assets_tests.faults.failing import NthFailure
from audit_assets_tests.faults.kinds import OWN
from audit_assets_tests.faults.protocols import PROTOCOLS
from audit_assets_tests.faults.trial import Trials
from audit_assets_tests.faults.verdict import Violations

BY_A_KILL = {
    "in place": ("raw_audit_entries half written", "files_torn"),
    "unchanged by the file": ("axiom ingest about to be sent", "entries_lost"),
    "marked before sending": ("axiom ingest about to be sent", "entries_lost"),
    "sent blindly and counted by rows": ("axiom ingest landed, its answer not read", "flags_wrong"),
    "random ticket id": ("linear issueCreate landed, its answer not read", "tickets_twice"),
    "random comment id": ("linear commentCreate landed, its answer not read", "notes_wrong"),
    "hour linked before it is told": ("linear attachmentCreate landed, its answer not read", "notes_wrong"),
}
"""Where a run that follows it is killed, and what comes of it."""

BY_A_FAILURE = ("disk errors swallowed", "errors of comments swallowed")
BY_THE_ORDER = ("renamed without fsync",)


def counted(found: Violations, kind: str) -> int:
    return found.counts()[kind]


def test_each_has_its_turn() -> None:
    assert {*BY_A_KILL, *BY_A_FAILURE, *BY_THE_ORDER} == set(PROTOCOLS)


@pytest.mark.parametrize("protocol", BY_A_KILL)
def test_kills_catch(trials: Trials, protocol: str) -> None:
    point, kind = BY_A_KILL[protocol]
    outcome = trials.killed_at(point, protocol=protocol, patience=1)
    assert outcome.killed == [point]
    assert counted(outcome.found, kind)


def test_the_order_of_steps_catches_what_no_kill_shows(trials: Trials) -> None:
    assert counted(trials.order_of("renamed without fsync"), "order_wrong")


def test_a_full_disk_catches_who_does_not_listen(nth: NthFailure) -> None:
    failed = nth.file_step("flagged_actor_summary half written", errno.ENOSPC, protocol="disk errors swallowed")
    assert counted(failed.found, "flags_wrong")


def test_a_failing_request_catches_who_does_not_listen(nth: NthFailure) -> None:
    (refused,) = [failure for failure in OWN["linear", "*"] if failure.kind == "description_conflict"]
    failed = nth.request("linear", nth.number_of("commentCreate"), refused, protocol="errors of comments swallowed")
    assert counted(failed.found, "notes_wrong")
