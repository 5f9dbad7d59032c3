"""Invented entries, as the demo and `--sandbox cloudflare` serve them, stay on this machine: no real dataset, tracker,
webhook, channel, pager or model gets anything that was made from them, and no home holds both kinds of entries."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from audit_assets.cli.demo_home import MARK
from audit_assets.cli.home_lock import HomeError
from audit_assets.config.errors import SettingError
from audit_assets.config.settings_table import CHANNEL_PREFIX

STORAGE = "AUDIT_ASSETS_STORAGE"

SERVICES = ("cloudflare", "axiom", "linear")

RECEIVERS = (
    "AUDIT_ASSETS_WEBHOOK_",
    "AUDIT_ASSETS_TRIAGE_",
    "AUDIT_ASSETS_HEARTBEAT_",
    "AXIOM_FINDINGS_",
    CHANNEL_PREFIX,
)
"""How the variables begin that name who gets what was found."""

KIND = ".entries"
"""A file that holds the kind of the entries in a home."""


def are_invented(services: Collection[str]) -> bool:
    """Whether the entries are, given the services that are taken from the sandbox. Raises `SettingError` if they would
    get into a real service."""
    if "cloudflare" not in services:
        return False
    if real := [name for name in SERVICES if name not in services]:
        raise SettingError(
            f"The sandbox's Cloudflare serves invented entries, which must not reach your real {' or '.join(real)}: "
            "give --sandbox cloudflare,axiom,linear, or leave cloudflare out of it."
        )
    return True


def without_receivers(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that name who gets findings."""
    return {name: value for name, value in environment.items() if not name.startswith(RECEIVERS)}


def describe_unused_store(hours: Path, reason: str) -> str | None:
    """In one sentence that AUDIT_ASSETS_STORAGE is not used, if it is set, and where hours lie in its place: hours with
    invented entries, or whose events and tickets are the sandbox's, would mix with real ones."""
    if not os.environ.get(STORAGE, "").strip():
        return None
    return f"{STORAGE} is not used: {reason}, so its hours lie in {hours}."


def keep_apart(home: Path, services: Collection[str]) -> None:
    """Remember which kind of entries a home holds, and which of the services were the sandbox's. Raises `HomeError` if
    it holds another kind: Dagster would take hours for done that were done elsewhere, and judge by them."""
    kind = _kind_of(services)
    kept = (home / KIND).read_text(encoding="utf-8") if (home / KIND).exists() else None
    if kept is None and (home / MARK).exists():
        kept = "invented"
    if kept not in (None, kind):
        raise HomeError(f"{home} holds {kept} entries, and these would be {kind}: name another folder with --home.")
    (home / KIND).write_text(kind, encoding="utf-8")


def _kind_of(services: Collection[str]) -> str:
    if are_invented(services):
        return "invented"
    return f"real (with the sandbox's {' and '.join(services)})" if services else "real"
