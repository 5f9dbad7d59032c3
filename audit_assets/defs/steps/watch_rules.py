"""The watch rules in force: the default pack, and a team's file over it."""

from pathlib import Path

from audit_assets.config.settings import setting
from audit_assets.config.toml_files import read_defaults, read_own_file, read_toml
from audit_assets.watch.rule_tables import parse_rules
from audit_assets.watch.rules import WatchRules

DEFAULTS = "watch.toml"


def load_watch_rules(file: Path | None = None) -> WatchRules:
    """The rules of the default pack, with those of a file: of the one that AUDIT_ASSETS_WATCH names, if none is given.
    Raises `SettingError`."""
    path = setting("AUDIT_ASSETS_WATCH") if file is None else str(file)
    own = read_own_file("AUDIT_ASSETS_WATCH") if file is None else read_toml(path, f"The file is {path}")
    return parse_rules(read_defaults(DEFAULTS), own, path=path)
