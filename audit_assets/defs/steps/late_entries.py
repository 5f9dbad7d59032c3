"""Hours that are due for another pull, in passing: the run of the newest hour pulls them too, and compares.

An hour without anything new needs nothing else. One with something new is stored as any pull is; a run of its own
carries that on to the tickets. What can't be pulled whole is left as it was, and holds up nothing else.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import polars as pl

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.steps.hour_entries import FiledHour, file_hours
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, key_of


def pull_again(
    client: CloudflareClient, streams: Sequence[str], store: HourStore, hours: Sequence[datetime]
) -> Iterator[FiledHour | str]:
    """Each hour as it is stored now, or a sentence about those that could not be pulled; neighbours share a pull."""
    for stretch in neighbours(hours):
        named = key_of(stretch[0]) + (f" to {key_of(stretch[-1])}" if len(stretch) > 1 else "")
        later = f"Late entries of {named} are looked for again later."
        try:
            pulls = [client.pull(stream, stretch[0], stretch[-1] + AN_HOUR) for stream in streams]
            yield from file_hours(store, stretch, pulls, in_passing=True)
        except AuditAssetsError as error:
            yield f"{later} {error}"
        except pl.exceptions.PolarsError as error:
            yield f"{later} What is stored can't be read, or another run replaced it: {str(error).splitlines()[0]}."


def neighbours(hours: Sequence[datetime]) -> list[list[datetime]]:
    """The hours in stretches without a gap, oldest first."""
    stretches: list[list[datetime]] = []
    for hour in sorted(hours):
        if stretches and hour - stretches[-1][-1] == AN_HOUR:
            stretches[-1].append(hour)
        else:
            stretches.append([hour])
    return stretches
