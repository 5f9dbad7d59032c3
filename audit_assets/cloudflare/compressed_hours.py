"""The entries of one hour while a pull goes on: by time, and compressed, so that a large hour takes little memory.

200,000 entries take some 350 MB as a frame, and sorting or storing them takes nearly as much again; compressed, they
take about a twentieth of it.
"""

import io
from typing import Any

import polars as pl

from audit_assets.cloudflare.entries import ENTRY_SCHEMA

BLOCK_ROWS = 5_000
"""As many rows stay uncompressed, so that late entries still find their place among them. A judgement."""

ORDER = ("time", "entry_id")


class CompressedHour:
    """Takes frames in ENTRY_SCHEMA that come nearly in the order of time, and keeps them in it."""

    def __init__(self) -> None:
        self.height = 0
        self._blocks: list[bytes] = []
        self._newest_compressed: tuple[Any, ...] | None = None
        self._open = ENTRY_SCHEMA.to_frame()
        self._in_order = True

    def add(self, frame: pl.DataFrame) -> None:
        """Add more entries."""
        self.height += frame.height
        self._open = pl.concat([self._open, frame])
        if self._open.height >= 2 * BLOCK_ROWS:
            ordered = self._open.sort(ORDER)
            self._compress(ordered.head(-BLOCK_ROWS))
            self._open = ordered.tail(BLOCK_ROWS)

    def entries(self) -> pl.LazyFrame:
        """All entries, by time and entry_id. Each use decompresses as much as it needs at once."""
        rest = self._open.sort(ORDER)
        blocks = [pl.scan_ipc(io.BytesIO(block)) for block in self._blocks]
        whole = pl.concat([*blocks, rest.lazy()])
        return whole if self._in_order and self._is_later(rest) else whole.sort(ORDER)

    def _compress(self, ordered: pl.DataFrame) -> None:
        self._in_order = self._in_order and self._is_later(ordered)
        self._newest_compressed = ordered.select(ORDER).row(-1)
        buffer = io.BytesIO()
        ordered.write_ipc(buffer, compression="zstd")
        self._blocks.append(buffer.getvalue())

    def _is_later(self, ordered: pl.DataFrame) -> bool:
        """Whether all of it comes after everything compressed so far."""
        if self._newest_compressed is None or ordered.is_empty():
            return True
        return ordered.select(ORDER).row(0) > self._newest_compressed
