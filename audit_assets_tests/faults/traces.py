"""Searches all files for secrets: every byte, packed content too, in every form that a secret may have."""

import base64
import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import polars as pl


def forms_of(secret: str) -> set[bytes]:
    """The secret as it may be written: plain, in an address, in JSON, in hex, and in base64 wherever it begins."""
    plain = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], secret.replace("/", "\\/")}
    return {form.encode() for form in plain} | {secret.encode().hex().encode(), *_base64_forms(secret.encode())}


def _base64_forms(secret: bytes) -> Iterator[bytes]:
    """What base64 makes of the secret whatever is before and after it."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(before) + secret)
            end = len(whole) if (before + len(secret)) % 3 == 0 else -4
            yield whole[0 if before == 0 else 4 : end]


def traces(root: Path, secrets: Iterable[str]) -> list[str]:
    """The files under `root` that contain one of the secrets in any form, with the place in the file."""
    needles = {form for secret in secrets for form in forms_of(secret)}
    return [
        f"{path.relative_to(root)}: {place}"
        for path in sorted(root.rglob("*"))
        if path.is_file()
        for place, content in _contents(path)
        if any(needle in content for needle in needles)
    ]


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """The content of a file: its bytes, and what is packed in them."""
    content = path.read_bytes()
    yield "bytes", content
    yield from _unpacked("packed", content)
    if content.startswith(b"SQLite format 3"):
        yield from _rows(path)
    elif content.startswith(b"PAR1"):
        yield "metadata", json.dumps(pl.read_parquet_metadata(path)).encode()
        for name, values in pl.read_parquet(path).to_dict(as_series=False).items():
            yield f"column {name}", json.dumps(values, default=str, ensure_ascii=False).encode("utf-8", "replace")


def _rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every value of every table; Dagster keeps some of them packed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the database itself
                for value in row:
                    content = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
                    yield f"table {table}", content
                    yield from _unpacked(f"table {table}, packed", content)


def _unpacked(place: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    for unpack in (gzip.decompress, zlib.decompress):
        try:
            yield place, unpack(content)
        except (OSError, EOFError, zlib.error):
            continue
