"""Hours that are due for another pull, in passing: the run of the newest hour pulls them too, and compares.

An hour without anything new needs nothing else, and is neither read nor written: which entries it held is in Dagster's
record. The last of its pulls is compared with what is stored, and stored itself. One with something new is stored as
any pull is; a run of its own carries that on to the tickets. What can't be pulled whole is left as it was, and holds up
nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import polars as pl

from audit_assets.cloudflare.audit_log_client import CloudflareClient, Pull
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.steps.hour_entries import file_hours
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.pull_history import REPEATS, KnownPull


def pull_again(
    client: CloudflareClient,
    streams: Sequence[str],
    store: HourStore,
    hours: Sequence[datetime],
    known: Mapping[datetime, KnownPull],
) -> Iterator[tuple[datetime, KnownPull] | str]:
    """Each hour with this pull of it, or a sentence about those that could not be pulled; neighbours share a pull.
    `known`: the newest pulls that Dagster's record has."""
    for stretch in neighbours(hours):
        named = key_of(stretch[0]) + (f" to {key_of(stretch[-1])}" if len(stretch) > 1 else "")
        later = f"Late entries of {named} are looked for again later."
        try:
            pulls = [client.pull(stream, stretch[0], stretch[-1] + AN_HOUR) for stream in streams]
            unchanged = {hour: known[hour] for hour in stretch if hour in known and _is_quiet(hour, pulls, known[hour])}
            yield from ((hour, KnownPull(_began(pulls), before.content)) for hour, before in unchanged.items())
            for changed in neighbours([hour for hour in stretch if hour not in unchanged]):
                for filed in file_hours(store, changed, pulls, known, in_passing=True):
                    yield filed.hour, KnownPull(filed.pulls[-1].began, filed.content)
        except AuditAssetsError as error:
            yield f"{later} {error}"
        except pl.exceptions.PolarsError as error:
            yield f"{later} What is stored can't be read, or another run replaced it: {str(error).splitlines()[0]}."


def _is_quiet(hour: datetime, pulls: Sequence[Pull], known: KnownPull) -> bool:
    """Whether nothing came, and another pull is to follow."""
    ended = hour + AN_HOUR
    if _began(pulls) >= ended + REPEATS[-1]:
        return False
    if any(hour <= each["time"] < ended for pull in pulls for each in pull.quarantined):
        return False
    return known.is_confirmed_by(
        pl.concat([pull.entries_of(hour).select("entry_id") for pull in pulls]).collect()["entry_id"]
    )


def _began(pulls: Sequence[Pull]) -> datetime:
    return min(pull.evidence.started_at for pull in pulls)


def neighbours(hours: Sequence[datetime]) -> list[list[datetime]]:
    """The hours in stretches without a gap, oldest first."""
    stretches: list[list[datetime]] = []
    for hour in sorted(hours):
        if stretches and hour - stretches[-1][-1] == AN_HOUR:
            stretches[-1].append(hour)
        else:
            stretches.append([hour])
    return stretches
