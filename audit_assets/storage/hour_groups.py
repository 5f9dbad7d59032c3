"""Which tables of an hour lie in one object of an object store, and how: each request costs, a small object as much as
a large one.

A group is a zip archive of what one asset writes of an hour, so that nobody else writes it at the same time. The pulled
entries lie by themselves: they are large, and read in part.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from audit_assets.storage import tables
from audit_assets.storage.store_files import is_version_of

FOLDER = "hours"
"""Of the groups: `hours/<day>/<hour>.<group>.zip`."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "history": (
        *(tables.PRIORS, tables.NEWCOMERS, tables.TOUCHED_BY, tables.ORIGINS_BEFORE, tables.SCORES_BEFORE),
        *(tables.NAMES_BEFORE, tables.PAST_BEFORE, tables.ELSEWHERE_BEFORE),
    ),
    "baselines": (
        *(tables.ACTIVITY, tables.TOUCHED, tables.BASELINES),
        *(tables.ORIGINS, tables.ADDRESSES, tables.NAMES, tables.ASSESSED),
    ),
    "flags": (tables.FLAGGED,),
    "tickets": (tables.TICKETS, tables.RENDERED, tables.MESSAGES),
    "digest": (tables.DIGESTS,),
    "summary": (
        *(tables.SUMMARY, tables.DELIVERIES, tables.SENT_MESSAGES),
        *(tables.INGESTED_FINDINGS, tables.HEARTBEATS),
    ),
}

GROUP_OF: Mapping[str, str] = {table: group for group, members in GROUPS.items() for table in members}

ALWAYS_THERE: Mapping[str, str] = {"flags": tables.FLAGGED, "tickets": tables.TICKETS, "summary": tables.SUMMARY}
"""The table without which a group is not written."""

PACKED = ("flags", "tickets", "digest", "summary")
"""The groups that are read of many hours at once: the object of their day holds copies (day_packs.py)."""

INDEX = "index.json"
SINGLE_UNTIL = "single_until"
"""The last day of which an hour may lie as earlier versions left it: each table by itself."""


def archive(members: Mapping[str, bytes]) -> bytes:
    """A zip archive. The same members make the same bytes, whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in sorted(members):
            file.writestr(zipfile.ZipInfo(name), members[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def members_of(content: bytes) -> dict[str, bytes]:
    """What an archive holds, by name. Raises `ValueError` if it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return {name: file.read(name) for name in file.namelist()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True)
class Copies:
    """Copies of a day's objects (`objects`, by name), the `versions` of what was looked at, and what `layout.json` has.
    What is in `versions` alone was too large to be copied; what is in `objects` alone is known by its MD5."""

    objects: Mapping[str, bytes] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    single_until: str | None = None

    def packed(self) -> bytes:
        """All of it as one object."""
        index = {"versions": dict(self.versions), SINGLE_UNTIL: self.single_until}
        return archive({**self.objects, INDEX: json.dumps(index).encode()})


def unpack(content: bytes, versions: Mapping[str, str]) -> Copies:
    """Of such an object what is of these versions; nothing of a damaged one."""
    try:
        objects = members_of(content)
        index = json.loads(objects.pop(INDEX))
        current = {name: each for name, each in index["versions"].items() if versions.get(name) == each}
        for name, copy in objects.items():
            if name not in index["versions"] and is_version_of(versions.get(name, ""), copy):
                current[name] = versions[name]
        copied = {name: each for name, each in objects.items() if name in current}
        return Copies(copied, current, str(index[SINGLE_UNTIL]))
    except (KeyError, ValueError, AttributeError, TypeError):
        return Copies()
