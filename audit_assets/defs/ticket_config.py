"""The run config of the asset that opens tickets. The digest of the day follows it: `daily_digest` has none."""

import dagster as dg

from audit_assets.config import settings
from audit_assets.defs.steps.skip_reasons import OpenTickets


class TicketConfig(dg.Config):
    """`open_tickets`: `auto`, `always` or `never`. `dry_run`: render the tickets and open none; without it,
    LINEAR_DRY_RUN decides."""

    open_tickets: OpenTickets = OpenTickets.auto
    dry_run: bool | None = None

    def is_dry_run(self) -> bool:
        """Whether the run opens nothing. Raises `SettingError`."""
        return settings.dry_run() if self.dry_run is None else self.dry_run
