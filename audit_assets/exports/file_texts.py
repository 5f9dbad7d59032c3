"""The texts of a file: as they are, gzipped, or zipped, in UTF-8 or in the UTF-16 that PowerShell writes.

Here too: what is said of a file that holds no audit log, so that a person sees what was exported instead.
"""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

JSON_WANTED = "give the audit log as JSON: entries or replies of Cloudflare's API, or records of Logpush"

MOST_NAMES = 8
"""So many columns, keys or files are named."""


class EntriesFileError(Exception):
    """The file contains nothing that can be served; the message is one sentence with the reason."""


def texts_in(path: Path) -> Iterator[tuple[str, str]]:
    """Each text of the file, with its name inside of an archive and "" outside. Raises EntriesFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EntriesFileError(f"{path} can't be read: {error.strerror}") from None
    if not content.startswith(b"PK\x03\x04"):
        yield "", _text(content, f"{path}")
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = sorted(name for name in archive.namelist() if _is_file(name))
            if "[Content_Types].xml" in members:
                raise EntriesFileError(f"{path} is an Office document: {JSON_WANTED}")
            for name in members:
                yield name, _text(archive.read(name), f"{path}: {visible(name)}")
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise EntriesFileError(f"{path} is a damaged zip file") from None
    except (RuntimeError, NotImplementedError):
        raise EntriesFileError(f"{path} is an encrypted zip file, or packed in an unusual way: unpack it") from None


def shape_of(text: str) -> str:
    """What a text without JSON is, as the end of a sentence about its file."""
    lines = text.strip("\ufeff \t\r\n").splitlines()
    if not lines:
        return "is empty"
    if lines[0].startswith("<"):
        return f"is a page of HTML or XML: {JSON_WANTED}"
    separator = max(",;\t", key=lines[0].count)
    columns = next(csv.reader([lines[0]], delimiter=separator))
    if len(columns) > 1 and len(lines) > 1 and separator in lines[1]:
        return (
            f"is a CSV file with the columns {named(columns)}; the dashboard's are not documented, so none is read: "
            f"{JSON_WANTED}"
        )
    return f"is neither JSON nor NDJSON: {JSON_WANTED}"


def named(names: list[str]) -> str:
    """The first of some names that come from a file."""
    listed = ", ".join(visible(name) for name in names[:MOST_NAMES])
    return f"{listed}, ..." if len(names) > MOST_NAMES else listed or "(none)"


def visible(text: str) -> str:
    """A short text from a file, in printable ASCII."""
    return ascii(text[:100])[1:-1]


def _is_file(name: str) -> bool:
    """Whether a member of an archive was put there by a person: macOS adds some of its own."""
    return not name.endswith("/") and not name.startswith("__MACOSX/") and not Path(name).name.startswith(".")


def _text(content: bytes, where: str) -> str:
    try:
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error):
        raise EntriesFileError(f"{where} is a damaged gzip file") from None
    if content.startswith(b"PAR1"):
        raise EntriesFileError(f"{where} is a Parquet file: {JSON_WANTED}")
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise EntriesFileError(f"{where} is not text in UTF-8") from None
