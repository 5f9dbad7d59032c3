"""The heartbeat of a judged hour: what watches it from outside notices when no recent hour is judged any more."""

from datetime import datetime, timedelta

from audit_assets.config.errors import ServiceError, SettingError
from audit_assets.defs.delivery_resources import HeartbeatResource
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR
from audit_assets.storage.tables import HEARTBEATS

RECENT = timedelta(hours=3)
"""Hours that ended longer ago send none: while old ones are run again, the newest may be failing. A judgement."""


def send_hour_heartbeat(store: HourStore, hour: datetime, now: datetime, heartbeat: HeartbeatResource) -> None:
    """Call the heartbeat address, if there is one and the hour is recent. One that can't be called is reported by a
    check: no hour fails for it. Raises `StoreError`."""
    if not heartbeat.is_set() or now - (hour + AN_HOUR) > RECENT:
        return
    problem = None
    try:
        heartbeat.send()
    except (ServiceError, SettingError) as error:
        problem = str(error)
    store.write_json(HEARTBEATS, hour, {"at": now.isoformat(timespec="seconds"), "problem": problem})
