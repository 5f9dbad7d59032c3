"""Where the tables lie in the store: a file each in a folder; in an object store one object for each asset and hour.

What was stored otherwise is read as well: by an earlier version, which gave each table an object of its own, or by a
copy from an object store into a folder. `layout.json` in an object store names the last day of which an hour may lie as
earlier versions left it.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from upath import UPath

from audit_assets.config.errors import StoreError
from audit_assets.storage.hour_groups import (
    FOLDER,
    GROUP_OF,
    GROUPS,
    PACKED,
    SINGLE_UNTIL,
    Copies,
    archive,
    members_of,
    unpack,
)
from audit_assets.storage.hours import hours_between
from audit_assets.storage.store_files import StoreFiles, is_version_of

LAYOUT = "layout.json"
NEVER, UNKNOWN = "0000-00-00", "9999-99-99"

HOUR_FILE = re.compile(r"\d\d\.(json|parquet|[a-z]+\.zip)")

DAY_PACK = "day.zip"
MOST_PACKED = 1 << 20
"""Bytes of an object that is copied into that of its day: what is larger is read by itself."""


class TableFiles:
    """The tables' contents, by table, hour and suffix (`parquet` or `json`)."""

    def __init__(self, files: StoreFiles) -> None:
        self._files = files
        self._pending: dict[tuple[str, datetime], dict[str, bytes]] | None = None
        self._single_until: str | None = None

    def path(self, table: str, hour: datetime | None, suffix: str) -> UPath:
        """Where it lies."""
        group = GROUP_OF.get(table) if hour else None
        if hour is None or group is None or self._files.is_folder:
            return self._single(table, hour, suffix)
        return self._group_path(group, hour)

    def read(self, table: str, hour: datetime | None, suffix: str, last: int | None = None) -> bytes | None:
        """The content, or its last bytes; None if it was never written."""
        group = GROUP_OF.get(table) if hour else None
        if hour is None or group is None:
            return self._files.read(self._single(table, hour, suffix), last)
        if self._files.is_folder:
            single = self._files.read(self._single(table, hour, suffix), last)
            return self._members(group, hour).get(f"{table}.{suffix}") if single is None else single
        found = self._members(group, hour).get(f"{table}.{suffix}")
        if found is None and f"{hour.astimezone(UTC):%Y-%m-%d}" <= self._last_single_day():
            return self._files.read(self._single(table, hour, suffix))
        return found

    def write(self, table: str, hour: datetime | None, suffix: str, content: bytes) -> None:
        """Replace it."""
        group = GROUP_OF.get(table) if hour else None
        if hour is None or group is None:
            self._files.write(self._single(table, hour, suffix), content)
            return
        if self._files.is_folder:
            self._take_apart(group, hour)
            self._files.write(self._single(table, hour, suffix), content)
            return
        self._open_day(hour)
        self._keep_layout()
        if self._pending is not None:
            self._pending.setdefault((group, hour), {})[f"{table}.{suffix}"] = content
        else:
            self._write_group(group, hour, {f"{table}.{suffix}": content})

    @contextmanager
    def together(self) -> Iterator[None]:
        """What the block writes of one group is in one object, there when the block ends."""
        self._pending = {}
        try:
            yield
            written = self._pending
        finally:
            self._pending = None
        for (group, hour), members in written.items():
            self._write_group(group, hour, members)

    def _single(self, table: str, hour: datetime | None, suffix: str) -> UPath:
        """As a file of its own. Without a colon: no file name on Windows has one, and URLs would escape it."""
        if hour is None:
            return self._files.root / f"{table}.{suffix}"
        hour = hour.astimezone(UTC)
        return self._files.root / table / f"{hour:%Y-%m-%d}" / f"{hour:%H}.{suffix}"

    def _group_path(self, group: str, hour: datetime) -> UPath:
        hour = hour.astimezone(UTC)
        return self._day_folder(hour) / f"{hour:%H}.{group}.zip"

    def _day_folder(self, hour: datetime) -> UPath:
        return self._files.root / FOLDER / f"{hour.astimezone(UTC):%Y-%m-%d}"

    def _members(self, group: str, hour: datetime) -> dict[str, bytes]:
        if self._pending is not None and (group, hour) in self._pending:
            return self._pending[group, hour]
        self._open_day(hour)
        path = self._group_path(group, hour)
        content = self._files.read(path)
        try:
            return {} if content is None else members_of(content)
        except ValueError as error:
            raise StoreError(f"{path} is damaged ({error}): remove it, then run the hour again.") from None

    def _write_group(self, group: str, hour: datetime, members: dict[str, bytes]) -> None:
        """What is in the group already stays, unless all of it is replaced."""
        is_whole = {name.partition(".")[0] for name in members} == {*GROUPS[group]}
        before = {} if is_whole else self._members(group, hour)
        self._files.write(self._group_path(group, hour), archive({**before, **members}))

    def _take_apart(self, group: str, hour: datetime) -> None:
        """Of a group that was copied into a folder, make the files of one: it would hide nothing, but go stale."""
        path = self._group_path(group, hour)
        if members := self._members(group, hour):
            for name, content in members.items():
                table, _, suffix = name.partition(".")
                if self._files.read(self._single(table, hour, suffix), 1) is None:
                    self._files.write(self._single(table, hour, suffix), content)
            self._files.delete(path)

    def _last_single_day(self) -> str:
        """The last day of which an hour may lie as earlier versions left it; a day to come if it is not known."""
        if self._single_until is None and self._files.cache:
            self._single_until = self._files.cache.single_until
        if self._single_until is None:
            content = self._files.read(self._files.root / LAYOUT)
            if content is None:
                return UNKNOWN
            self._single_until = _day_in(content, self._files.root / LAYOUT)
        return self._single_until

    def _keep_layout(self) -> None:
        """Make `layout.json` before the first hour is written in groups."""
        if self._last_single_day() != UNKNOWN:
            return
        root = self._files.root
        old = [table for table in self._files.names(root) if table in GROUP_OF]
        days = [day for table in old for day in self._files.names(root / table)]
        layout = {SINGLE_UNTIL: max(days, default=NEVER)}
        self._files.create(root / LAYOUT, json.dumps(layout).encode())

    def hours_of(self, tables: Collection[str], first: datetime, last: datetime) -> dict[str, set[datetime]]:
        """Of which of these hours each of these tables is stored. A request for each thousand objects of a month."""
        days = {f"{hour:%Y-%m-%d}" for hour in hours_between(first.astimezone(UTC), last)}
        found = {table: {*self._singles(table, days)} for table in tables}
        folders = {FOLDER} if any(table in GROUP_OF for table in tables) else set[str]()
        for day, name in self._files_of(folders, days):
            group = name.split(".")[1]
            for table in tables:
                if GROUP_OF.get(table) == group:
                    found[table].add((day, name[:2]))
        return {
            table: {datetime.strptime(" ".join(each), "%Y-%m-%d %H").replace(tzinfo=UTC) for each in of_table}
            for table, of_table in found.items()
        }

    def _singles(self, table: str, days: Collection[str]) -> Iterator[tuple[str, str]]:
        """Day and hour of those that lie in files of their own."""
        if not self._files.is_folder and table in GROUP_OF:
            days = {day for day in days if day <= self._last_single_day()}
        yield from ((day, name[:2]) for day, name in self._files_of({table}, days))

    def _files_of(self, folders: Collection[str], days: Collection[str]) -> Iterator[tuple[str, str]]:
        """Day and name of the hours' files in these folders."""
        for folder in (self._files.root / each for each in folders):
            if self._files.is_folder:
                listed = ((day, name) for day in days for name in self._files.names(folder / day))
            else:
                months = sorted({day[:7] for day in days})
                names = (name for month in months for name in self._files.listing(folder, f"{month}-"))
                listed = ((day, file) for day, _, file in (name.partition("/") for name in names))
            yield from ((day, name) for day, name in listed if day in days and HOUR_FILE.fullmatch(name))

    def list_days(self, days: Iterable[datetime]) -> None:
        """Find out with few requests which objects there are of many days, where a cache can keep it."""
        cache = self._files.cache
        if cache is None:
            return
        folders = {f"{day.astimezone(UTC):%Y-%m-%d}" for day in days}
        for month in sorted({day[:7] for day in folders}):
            of_days: dict[str, dict[str, str]] = {day: {} for day in folders if day.startswith(month)}
            for name, version in self._files.listing(self._files.root / FOLDER, f"{month}-").items():
                day, _, file = name.partition("/")
                if day in of_days:
                    of_days[day][file] = version
            for day, listed in of_days.items():
                cache.listed.setdefault(str(self._files.root / FOLDER / day), listed)

    def _open_day(self, hour: datetime) -> None:
        """Find out what is stored of a day, once a run: what is not there is not asked for."""
        cache, folder = self._files.cache, self._day_folder(hour)
        if cache is None or str(folder) in cache.opened:
            return
        cache.opened.add(str(folder))
        if str(folder) not in cache.listed:
            cache.listed[str(folder)] = self._files.listing(folder)
        versions = cache.listed[str(folder)]
        if DAY_PACK in versions:
            copies = unpack(self._files.read(folder / DAY_PACK) or b"", versions)
            cache.single_until = cache.single_until or copies.single_until
            cache.drop(str(folder / DAY_PACK))
            cache.too_large |= {
                str(folder / name): copies.versions[name] for name in {*copies.versions} - {*copies.objects}
            }
            for name, content in copies.objects.items():
                if (path := str(folder / name)) not in cache:
                    cache.put(path, content)

    def pack_day(self, hour: datetime) -> None:
        """Copy what is small of a day's hours into one object, for whoever reads many of them. Where the store's tags
        are MD5s nothing is listed again: whoever reads the copies sees by them which are of what is there then."""
        cache, folder = self._files.cache, self._day_folder(hour)
        if cache is None:
            return
        before = cache.listed.get(str(folder), {})
        own = {path.rpartition("/")[2] for path in cache.written if path.startswith(f"{folder}/")}
        if self._tags_are_md5(folder, before):  # "": of the version that this run wrote, whichever tag that has
            now = {name: version for name, version in before.items() if name not in own} | dict.fromkeys(own, "")
        else:
            now = cache.listed[str(folder)] = self._files.listing(folder)
        objects: dict[str, bytes] = {}
        looked_at = {name: version for name, version in now.items() if name.split(".")[1] in PACKED}
        for name, version in looked_at.items():
            path = str(folder / name)
            if cache.too_large.get(path) == version:
                continue
            if version and path in cache and not self._is_current(path, version, before.get(name)):
                cache.drop(path)  # another run has written it since
            content = self._files.read(folder / name)
            if content is not None and len(content) <= MOST_PACKED:
                objects[name] = content
        known = {name: version for name, version in looked_at.items() if version}
        self._files.write(folder / DAY_PACK, Copies(objects, known, self._last_single_day()).packed())

    def _tags_are_md5(self, folder: UPath, versions: Mapping[str, str]) -> bool:
        """Whether it is seen of an object that was there before this run: with some kinds of encryption they are
        not."""
        cache = self._files.cache
        read = ((str(folder / name), version) for name, version in versions.items())
        return cache is not None and any(
            path in cache and path not in cache.written and is_version_of(version, cache.get(path) or b"")
            for path, version in read
        )

    def _is_current(self, path: str, version: str, before: str | None) -> bool:
        """Whether what is kept of an object is what a version has: read when it had the same one, or written since."""
        cache = self._files.cache
        if cache is None or path not in cache.written:
            return version == before
        return is_version_of(version, cache.get(path) or b"")


def _day_in(content: bytes, path: UPath) -> str:
    try:
        return str(json.loads(content)[SINGLE_UNTIL])
    except (ValueError, KeyError, TypeError):
        raise StoreError(f"{path} is damaged: remove it, then run the hour again.") from None
