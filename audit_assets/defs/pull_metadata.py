"""The pull that an asset of an hour is based on: an hour is pulled again until no late entry can come any more."""

from collections.abc import Mapping
from datetime import datetime

import dagster as dg

from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.pull_history import last_began
from audit_assets.storage.tables import ENTRIES


def pull_metadata(store: HourStore, hour: datetime) -> Mapping[str, dg.TimestampMetadataValue]:
    """When the hour's last complete pull began (`pull_began`, by Cloudflare's clock), if it was recorded."""
    began = last_began(store.metadata(ENTRIES, hour) or {})
    return {"pull_began": dg.MetadataValue.timestamp(began)} if began else {}
