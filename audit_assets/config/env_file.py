"""The file `.env` of the current folder, and which of the environment's variables come from it.

`audit-assets` and Dagster put its variables into the environment of their processes, Dagster even over those that are
there (docs/facts/dagster.md, B9). A variable comes from the file if it has the very value that the file gives it: who
wrote the file then knows it anyway, however it got into the environment.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dotenv import dotenv_values

from audit_assets.config.errors import SettingError

NAME = ".env"


@dataclass(frozen=True)
class EnvFile:
    """The variables of a file: `values` as they are used, `written` before `${...}` in them was replaced."""

    path: Path
    values: Mapping[str, str]
    written: Mapping[str, str]

    def sets(self, variable: str) -> bool:
        """Whether a variable of the environment comes from this file."""
        return variable in self.values and self.values[variable].strip() == os.environ.get(variable, "").strip()

    def copies(self, variable: str, secret: str) -> bool:
        """Whether a variable's value holds that secret, which the file itself does not."""
        return secret in self.values.get(variable, "") and secret not in self.written.get(variable, "")


def env_file() -> EnvFile | None:
    """The file of the current folder, if there is one. Raises `SettingError` for one that can't be read."""
    path = Path(NAME).absolute()
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingError(f"{path} can't be read ({type(error).__name__}): correct or remove it.") from None


def load_env_file() -> None:
    """Put the variables of the current folder's file into the environment, where they are not set. Raises
    `SettingError` for a file that can't be read, or with a name or a value that no variable can have."""
    if found := env_file():
        for variable, value in found.values.items():
            try:
                os.environ.setdefault(variable, value)
            except ValueError as error:
                raise SettingError(
                    f"{found.path} sets {variable!r}, which can't be set ({error}): correct it."
                ) from None


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, _size: int) -> EnvFile:
    used, written = (dotenv_values(path, interpolate=each, encoding="utf-8") for each in (True, False))
    return EnvFile(path, *({key: text for key, text in each.items() if text is not None} for each in (used, written)))
