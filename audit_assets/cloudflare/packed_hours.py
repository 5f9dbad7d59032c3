"""The entries of an hour while a pull goes on: in the order of time, and packed, so that a large hour stays small.

200,000 entries take some 350 MB as a frame, and whatever sorts or files them nearly as much again; packed, they take
about a twentieth of it.
"""

import io
from typing import Any

import polars as pl

from audit_assets.cloudflare.entries import ENTRY_SCHEMA

ROWS = 5_000
"""Of a pack. As many stay unpacked, among which entries that come late still find their place."""

ORDER = ("time", "entry_id")


class PackedHour:
    """Takes frames in ENTRY_SCHEMA that come nearly in the order of time, and keeps them in it."""

    def __init__(self) -> None:
        self.height = 0
        self._packs: list[bytes] = []
        self._newest_packed: tuple[Any, ...] | None = None
        self._open = ENTRY_SCHEMA.to_frame()
        self._in_order = True

    def add(self, frame: pl.DataFrame) -> None:
        """Take more entries in."""
        self.height += frame.height
        self._open = pl.concat([self._open, frame])
        if self._open.height >= 2 * ROWS:
            ordered = self._open.sort(ORDER)
            self._pack(ordered.head(-ROWS))
            self._open = ordered.tail(ROWS)

    def entries(self) -> pl.LazyFrame:
        """All that was taken in, by time and entry_id. Each use unpacks it, as much as that needs at once."""
        rest = self._open.sort(ORDER)
        packed = [pl.scan_ipc(io.BytesIO(pack)) for pack in self._packs]
        whole = pl.concat([*packed, rest.lazy()])
        return whole if self._in_order and self._follows(rest) else whole.sort(ORDER)

    def _pack(self, ordered: pl.DataFrame) -> None:
        self._in_order = self._in_order and self._follows(ordered)
        self._newest_packed = ordered.select(ORDER).row(-1)
        buffer = io.BytesIO()
        ordered.write_ipc(buffer, compression="zstd")
        self._packs.append(buffer.getvalue())

    def _follows(self, ordered: pl.DataFrame) -> bool:
        """Whether all of it comes after what is packed."""
        if self._newest_packed is None or ordered.is_empty():
            return True
        return ordered.select(ORDER).row(0) > self._newest_packed
