"""The policy as it is in force: settings for what is one value, a TOML file for what is a table.

policy.toml beside this file holds the defaults and explains each table; a team's own file replaces the tables that it
holds. A mistake in it stops the run with one sentence: half a policy must not be applied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import SettingError
from audit_assets.config.policy_tables import (
    PRESETS,
    TICKETS_A_DAY,
    Allowance,
    Channel,
    ConfirmedIncident,
    PlainRule,
    Policy,
    Preset,
    Sensitive,
    TicketFields,
)
from audit_assets.config.settings import setting, typed
from audit_assets.config.toml_files import read_defaults, read_own_file


@dataclass(frozen=True)
class Tables:
    """What a policy file may hold."""

    allow: tuple[Allowance, ...] = ()
    confirmed_incident: tuple[ConfirmedIncident, ...] = ()
    counted: ChangeFilter = field(default_factory=ChangeFilter)
    sensitive: tuple[Sensitive, ...] = ()
    ticket_fields: tuple[TicketFields, ...] = ()
    channels: tuple[Channel, ...] = ()

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for two channels of one name, which would share their address and what was sent."""
        names = [channel.name for channel in self.channels]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"channels has {twice[0]} twice: give each channel a name of its own")


def policy(preset: str | None = None, tickets_a_day: float | None = None, in_force: Tables | None = None) -> Policy:
    """The policy of the settings, with what a run overrides (None: nothing). `in_force`: the tables, if they are loaded
    already. Raises `SettingError`."""
    chosen = preset_of(setting("AUDIT_ASSETS_PRESET") if preset is None else preset)
    budget = tickets_a_day
    if budget is None:
        budget = typed("AUDIT_ASSETS_TICKETS_PER_DAY") or TICKETS_A_DAY.get(chosen, TICKETS_A_DAY["balanced"])
    found = in_force or tables()
    return Policy(
        preset=chosen,
        tickets_a_day=budget,
        plain=PlainRule(ratio=typed("AUDIT_ASSETS_VOLUME_RATIO"), minimum=typed("AUDIT_ASSETS_VOLUME_MINIMUM")),
        allowances=found.allow,
        incidents=found.confirmed_incident,
        sensitive=found.sensitive,
    )


def tables() -> Tables:
    """The tables in force: the defaults, and in their place those of the team's file. Raises `SettingError`."""
    path = setting("AUDIT_ASSETS_POLICY")
    own = read_own_file("AUDIT_ASSETS_POLICY")
    return _valid(read_defaults("policy.toml") | own, path or "policy.toml")


def preset_of(name: str) -> Preset:
    """The preset of that name. Raises `SettingError`."""
    for preset in PRESETS:
        if preset == name.lower():
            return preset
    raise SettingError(f"AUDIT_ASSETS_PRESET is {name!r}: set it to {', '.join(PRESETS[:-1])} or {PRESETS[-1]}.")


@cache
def _adapter() -> TypeAdapter[Tables]:
    return TypeAdapter(Tables)


def _valid(found: Mapping[str, Any], path: str) -> Tables:
    try:
        return _adapter().validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        named = f"{path}: {where}" if where else path
        raise SettingError(f"{named}: {first['msg'].removeprefix('Value error, ')}.") from None
