"""Which tables of an hour lie in one object of an object store, and how: each request costs, a small object as much as
a large one.

A group is a zip archive of what one asset writes of an hour, so that nobody else writes it at the same time. The pulled
entries lie by themselves: they are large, and read in part.
"""

import io
import json
import zipfile
from collections.abc import Mapping

from audit_assets.storage import tables

FOLDER = "hours"
"""Of the groups: `hours/<day>/<hour>.<group>.zip`."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "history": (tables.PRIORS, tables.NEWCOMERS, tables.TOUCHED_BY, tables.ORIGINS_BEFORE, tables.SCORES_BEFORE),
    "baselines": (
        *(tables.ACTIVITY, tables.TOUCHED, tables.BASELINES),
        *(tables.ORIGINS, tables.NAMES, tables.ASSESSED),
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


def pack(objects: Mapping[str, bytes], versions: Mapping[str, str], single_until: str) -> bytes:
    """The copies of a day's objects, with the version of each that was copied, and what `layout.json` has."""
    index = {"versions": {name: versions[name] for name in objects}, SINGLE_UNTIL: single_until}
    return archive({**objects, INDEX: json.dumps(index).encode()})


def unpack(content: bytes, versions: Mapping[str, str]) -> tuple[dict[str, bytes], str | None]:
    """Of these copies those that are of today's versions, and what `layout.json` had; nothing of a damaged one."""
    try:
        objects = members_of(content)
        index = json.loads(objects.pop(INDEX))
        copied = index["versions"]
        current = {name: each for name, each in objects.items() if versions.get(name) == copied.get(name)}
        return current, str(index[SINGLE_UNTIL])
    except (KeyError, ValueError, AttributeError, TypeError):
        return {}, None
