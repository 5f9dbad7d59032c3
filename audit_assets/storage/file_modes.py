"""Who may read what is stored: its owner alone. What is open to other users of the machine is found here.

An audit log shows who works when and from where. Our own processes make everything so by their umask
(`keep_files_private`); in a process that is not ours, such as a team's own `dagster dev`, the hour store gives its
files and folders their modes itself.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

GROUP, EVERYBODY = 0o070, 0o007
"""Their bits in a mode."""

MOST_LOOKED_AT = 20_000
"""Entries of a folder: a second's worth. A judgement."""


def keep_files_private() -> None:
    """Let nobody else read what this process and those that it starts create from now on."""
    os.umask(0o077)


def readable_by_others(path: Path) -> Iterator[Path]:
    """Files at or below a path that the group or everybody can open, folders between included; nothing on Windows,
    which has no such modes. At most MOST_LOOKED_AT entries are looked at."""
    if os.name == "nt" or not path.exists():
        return
    whole = path.absolute()
    left = [(whole, _entered_by(whole.parents, (EVERYBODY, GROUP)))]
    for _ in range(MOST_LOOKED_AT):
        if not left:
            return
        found, who = left.pop()
        try:
            mode = _mode(found)
            if stat.S_ISDIR(mode):
                if inside := _entered_by([found], who):
                    left += [(each, inside) for each in found.iterdir()]
            elif stat.S_ISREG(mode) and any(mode & bits & 0o444 for bits in who):
                yield found
        except OSError:
            continue  # removed meanwhile, or not ours to look at


def _entered_by(folders: Iterable[Path], who: tuple[int, ...]) -> tuple[int, ...]:
    """Those who may pass through all these folders."""
    modes = [_mode(folder) for folder in folders]
    return tuple(bits for bits in who if all(mode & bits & 0o111 for mode in modes))


def _mode(path: Path) -> int:
    return path.lstat().st_mode
