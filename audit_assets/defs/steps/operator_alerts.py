"""Sends what is wrong with the pipeline to whoever gets alerts, each problem once, and afterwards that it is over.

What was sent is remembered in the hour store, by all who look: the sensors and `audit-assets watchdog`. If that can't
be written, the ticket is still found by its id; the others then get an alert in the first minutes of each hour alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from audit_assets.config.errors import AuditAssetsError, SettingError, StoreError
from audit_assets.config.policy import Tables, tables
from audit_assets.config.settings import dry_run, is_set, setting
from audit_assets.defs.delivery_resources import ChannelsResource, WebhookResource
from audit_assets.defs.resources import LinearResource, StorageResource
from audit_assets.defs.steps.alert_receivers import ChannelReceiver, OperatorTicket, Receiver, WebhookReceiver
from audit_assets.linear.dry_run import NOT_SET
from audit_assets.notify.apprise_channel import ChannelLimits
from audit_assets.reports.alert_state import AlertState, Found, limited_to, observe, state_as_json, state_from_json
from audit_assets.storage.file_modes import PRIVATE_FILE, PRIVATE_FOLDER
from audit_assets.storage.hour_store import HourStore
from audit_assets.tickets.operator_ticket import SEVERITY
from audit_assets.transport.http import HttpLimits

ALERTS = "pipeline_alerts"
"""Of no hour, as JSON."""

AT_ONCE = HttpLimits(attempts=1, attempt_seconds=10, total_seconds=20)
CHANNEL_AT_ONCE = ChannelLimits(message_seconds=10, total_seconds=15)
"""Dagster gives a sensor a minute, and minutes later there is another look."""

BUDGET = timedelta(seconds=40)
"""After so long the other receivers wait for the next look."""

FIRST_MINUTES = 10
"""Of an hour: then alerts are sent that can't be remembered. `watchdog` and the sensor look at least so often."""


@dataclass(frozen=True)
class AlertResources:
    """What alerts are sent with."""

    storage: StorageResource
    linear: LinearResource
    webhook: WebhookResource
    channels: ChannelsResource


def send_alerts(found: Sequence[Found], resources: AlertResources) -> AlertState | None:
    """Send what is new of these problems, or that all are over; None if another process is just doing so. A receiver
    that can't take it now gets it with the next look, and is named in the state. Raises nothing for a receiver or a
    store that fails."""
    with _only_here(resources.storage) as is_free:
        if not is_free:
            return None
        now, remembered = resources.storage.now(), _Memory(resources.storage)
        before = remembered.read()
        receivers, problems = _receivers(resources, found)
        state = limited_to(observe(before, problems, now), [receiver.name for receiver in receivers])
        if state != before:
            remembered.write(state)
        clock, until = resources.linear.clock, resources.linear.clock.monotonic() + BUDGET.total_seconds()
        for receiver in receivers:
            if clock.monotonic() > until or not (remembered.works or _is_sent_unremembered(receiver, now)):
                continue
            after = _delivered(receiver, state)
            if after != state:
                state = after
                remembered.write(state)
        return limited_to(state, [receiver.name for receiver in receivers])


def _receivers(resources: AlertResources, found: Sequence[Found]) -> tuple[list[Receiver], list[Found]]:
    """Who gets alerts, Linear first, so that the others get the ticket's address; and the problems, with a policy file
    that can't be read among them."""
    problems, channels = [*found], []
    linear = replace(resources.linear, limits=AT_ONCE)
    try:
        loaded = tables()
        linear = linear.with_tables(loaded)
        channels = [each.name for each in loaded.channels if SEVERITY in each.severities]
    except SettingError as error:
        problems.append(Found("policy", str(error), "Correct the policy file: until then no hour is judged."))
        linear = linear.with_tables(Tables())
    receivers: list[Receiver] = []
    if not _is_dry_run():
        account = setting("CLOUDFLARE_ACCOUNT_ID") if is_set("CLOUDFLARE_ACCOUNT_ID") else NOT_SET
        receivers.append(OperatorTicket(linear, account))
    if resources.webhook.is_set():
        receivers.append(WebhookReceiver(resources.webhook))
    at_once = replace(resources.channels, limits=CHANNEL_AT_ONCE)
    return [*receivers, *(ChannelReceiver(at_once, channel) for channel in channels)], problems


def _is_dry_run() -> bool:
    """What is neither yes nor no opens nothing."""
    try:
        return dry_run()
    except SettingError:
        return True


def _delivered(receiver: Receiver, state: AlertState) -> AlertState:
    """The state after a receiver got what it lacks, if anything."""
    unsent = state.unsent(receiver.name)
    try:
        if unsent:
            return receiver.alert(unsent, state).taken_by(receiver.name)
        if state.awaits_recovery(receiver.name):
            return receiver.recover(state).taken_by(receiver.name)
    except AuditAssetsError as error:
        return state.refused_by(receiver.name, str(error))
    return state


def _is_sent_unremembered(receiver: Receiver, now: datetime) -> bool:
    return isinstance(receiver, OperatorTicket) or now.minute < FIRST_MINUTES


class _Memory:
    """What was sent, in the hour store. `works`: it could be read and written so far."""

    def __init__(self, storage: StorageResource) -> None:
        self._storage = storage
        self._store: HourStore | None = None
        self.works = True

    def read(self) -> AlertState:
        try:
            self._store = self._storage.open()
            return state_from_json(self._store.read_json(ALERTS, None))
        except (AuditAssetsError, OSError, ValueError, KeyError, TypeError):  # damaged: the ticket is found by its id
            self.works = self._store is not None
            return AlertState()

    def write(self, state: AlertState) -> None:
        try:
            if self._store:
                self._store.write_json(ALERTS, None, state_as_json(state))
                self.works = True
        except (StoreError, OSError):
            self.works = False


@contextmanager
def _only_here(storage: StorageResource) -> Iterator[bool]:
    """Whether no other process of this machine is sending alerts. Without a local folder that can be written, nothing
    is known of others: two may then send the same once."""
    try:
        root = storage.open().root
        if not isinstance(root, Path):
            raise StoreError(f"{root} is no folder")
        root.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock = FileLock(str(Path(root) / f".{ALERTS}.lock"), timeout=0, mode=PRIVATE_FILE)
        lock.acquire()
    except Timeout:
        yield False
        return
    except (OSError, AuditAssetsError):
        yield True
        return
    try:
        yield True
    finally:
        lock.release()
