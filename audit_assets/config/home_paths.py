"""Paths as people write them: `~` is their home, and a relative one is in the current folder."""

from pathlib import Path

from audit_assets.config.errors import SettingError


def whole_path(name: str, text: str) -> Path:
    """The path that the variable `name` holds. Raises `SettingError` for the home of somebody who is not known here."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise SettingError(f"{name} is {text!r}, and no such home is known here: write the whole path.") from None
