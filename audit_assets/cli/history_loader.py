"""Loads history: runs of the job `history`, a UTC day each and several at once, until every hour is there.

A day that fails holds up no other: it is tried again once the others are done, then an hour at a time. What the ledger
shows as loaded is not loaded again, so that an interrupted load is simply started again.
"""

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import groupby
from multiprocessing import active_children, get_context

import dagster as dg

from audit_assets.cli.job_runs import failures_of, open_instance, run_hours
from audit_assets.cli.stopping import Terminated
from audit_assets.cloudflare.request_pacing import RequestPacer
from audit_assets.config.accounts import ENVIRONMENT, Account, chosen_account, working_for
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.account_keys import HISTORY, name_of
from audit_assets.defs.automation.ledger import IN_PROGRESS, REQUESTED_BY
from audit_assets.defs.build import build_defs
from audit_assets.defs.resources import CloudflareResource
from audit_assets.storage.hours import day_of
from audit_assets.transport.clock import Clock, SystemClock

AT_ONCE = 4
"""Days that are loaded at once, each in a process: several runs of Dagster in one block each other for ever
(docs/facts/dagster.md, B11). Most of a day's time is spent on waiting until Axiom shows its events, 10 to 20 s
(docs/facts/axiom.md, 3). A day is a batch or a few for Axiom, and a handful of queries; of Cloudflare's limit
(docs/facts/cloudflare.md, 2.8) each process keeps to its share."""

ROUNDS = 2
"""So often a day is tried before its hours are tried one by one."""

MOST_DAYS_BY_HOUR = 5
"""If more days fail, no single hour is to blame, and the rest waits for another start."""

PAUSE_SECONDS = 20.0
"""Before what failed is tried again."""

STARTED_BY = "start"


class HistoryError(AuditAssetsError):
    """The history can't be loaded."""


Report = Callable[[str], None]


@dataclass
class LoadedHistory:
    """What was to be loaded (`total` hours), and is (`loaded`); why hours are not, by their first one."""

    total: int
    loaded: int
    problems: dict[datetime, str] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """How many hours are not there."""
        return self.total - self.loaded


class HistoryLoader:
    """Loads hours in processes of their own. `progress` can be looked at meanwhile."""

    def __init__(self, report: Report, clock: Clock | None = None) -> None:
        """`report` gets a line for each day that failed."""
        self._report = report
        self._clock = clock or SystemClock()
        self.progress = LoadedHistory(0, 0)

    def load(self, hours: Sequence[datetime], *, known: int = 0) -> LoadedHistory:
        """Load these hours, besides the `known` ones that are there already. After Ctrl-C no other day is begun, and
        those under way are waited for: raises `KeyboardInterrupt` then. After SIGTERM nothing is waited for."""
        with open_instance():
            pass  # Dagster's databases are made by one process: several at once leave them unusable
        self.progress = LoadedHistory(len(hours) + known, known)
        stretches = [[*day] for _, day in groupby(hours, key=day_of)]
        for turn in range(ROUNDS + 1):
            if turn:
                self._clock.sleep(PAUSE_SECONDS)
            if turn == ROUNDS:
                stretches = [[hour] for stretch in stretches for hour in stretch]
            self.progress.problems.clear()
            stretches = self._load_all(stretches, is_last=turn == ROUNDS)
            if not stretches or (turn == ROUNDS - 1 and len(stretches) > MOST_DAYS_BY_HOUR):
                break
        return self.progress

    def _load_all(self, stretches: Iterable[list[datetime]], *, is_last: bool) -> list[list[datetime]]:
        """Those that failed, in order."""
        failed: list[list[datetime]] = []
        account = chosen_account() or ENVIRONMENT
        with ProcessPoolExecutor(AT_ONCE, get_context("spawn")) as pool:
            with _ctrl_c_ignored():  # what is started meanwhile ignores it from the beginning
                under_way = {pool.submit(load_hours, stretch, account): stretch for stretch in stretches}
            try:
                while under_way:
                    for each in wait(under_way, return_when=FIRST_COMPLETED).done:
                        stretch = under_way.pop(each)
                        if not self._take(each, stretch, is_last=is_last):
                            failed.append(stretch)
            except Terminated:
                for process in active_children():
                    process.terminate()
                raise
            except KeyboardInterrupt:
                self._report("Stopping: the days under way are finished first.")
                pool.shutdown(cancel_futures=True)
                raise
            except BrokenProcessPool:
                raise HistoryError(
                    "A process that loads history was ended from outside, as a machine without memory does it: run "
                    "`audit-assets start` again, which continues."
                ) from None
        return sorted(failed)

    def _take(self, done: Future[list[str]], stretch: list[datetime], *, is_last: bool) -> bool:
        """Count what came of a stretch. Whether it is there."""
        if not (problems := done.result()):
            self.progress.loaded += len(stretch)
            return True
        self.progress.problems[stretch[0]] = "; ".join(problems)
        name = f"{stretch[0]:%Y-%m-%d}" if len(stretch) > 1 else f"{stretch[0]:%Y-%m-%d-%H:00}"
        follows = "" if is_last else " It is tried again when the others are done."
        self._report(f"{name} could not be loaded: {self.progress.problems[stretch[0]]}{follows}")
        return False


def load_hours(hours: list[datetime], account: Account) -> list[str]:
    """One run of an account, in a process that does nothing else. Returns why it failed, in sentences."""
    with working_for(account), open_instance() as instance:
        result = run_hours(_job(), hours, instance, tags={REQUESTED_BY: STARTED_BY})
    return [] if result.success else [*failures_of(result)] or ["the run ended without a reason"]


@cache
def _job() -> dg.JobDefinition:
    """The job `history` of this process, with its share of Cloudflare's limit."""
    pacer = RequestPacer(SystemClock(), share=1 / AT_ONCE)
    return build_defs(resources={"cloudflare": CloudflareResource(pacer=pacer)}).resolve_job_def(name_of(HISTORY))


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """A process takes over what its parent ignores: its first seconds of imports would end in a traceback."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_left_runs(instance: dg.DagsterInstance) -> None:
    """Report the account's runs as cancelled that an earlier load left behind when it was killed: Dagster would wait
    for them."""
    for run in instance.get_runs(
        dg.RunsFilter(job_name=name_of(HISTORY), statuses=IN_PROGRESS, tags={REQUESTED_BY: STARTED_BY})
    ):
        instance.report_run_canceled(run, message="audit-assets start was stopped before this run ended.")
