"""Tables in TOML files: the defaults beside this module, and a team's own, which a setting names."""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from audit_assets.config.errors import SettingError
from audit_assets.config.settings import setting


@cache
def read_defaults(name: str) -> dict[str, Any]:
    """The tables of a file of this package."""
    return tomllib.loads((files("audit_assets.config") / name).read_text(encoding="utf-8"))


def read_own_file(name: str) -> dict[str, Any]:
    """The tables of the file that a setting names; none if it names none. Raises `SettingError`."""
    path = setting(name)
    return read_toml(path, f"{name} names {path}") if path else {}


def read_toml(path: str, named: str) -> dict[str, Any]:
    """The tables of a file. `named`: how a sentence about it begins. Raises `SettingError`."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingError(f"{named}, which does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{named}, which can't be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path} is no TOML: {error}.") from None
    except ValueError:
        raise SettingError(f"{path} holds a number with more digits than can be read: make it smaller.") from None
    except RecursionError:
        raise SettingError(f"{path} is nested too deeply: write fewer tables or lists in one another.") from None
