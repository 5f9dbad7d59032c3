"""The schedule: each hour, once it has settled. Off until somebody turns it on.

A schedule alone loses hours when the daemon is down (facts/dagster.md, B2): the sensor beside it finds them.
"""

import dagster as dg

from audit_assets.automation.jobs import hourly_audit
from audit_assets.partitions import SETTLING

every_hour = dg.build_schedule_from_partitioned_job(
    hourly_audit,
    name="every_hour",
    minute_of_hour=SETTLING.seconds // 60,
    default_status=dg.DefaultScheduleStatus.STOPPED,
)

SCHEDULES = [every_hour]
