"""What a team decides: which rule rings at what budget, what it allows for a while, what weighs more.

Values only; where they are read from is policy.py's, one floor up. The defaults of the tables lie in policy.toml.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, get_args

from audit_assets.detection.plain_rule import PlainRule

Preset = Literal["plain", "balanced", "quiet"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

Kind = Literal["create", "update", "delete"]
KINDS: tuple[Kind, ...] = get_args(Kind)

TICKETS_A_DAY = {"balanced": 1.0, "quiet": 0.25}
"""The budget of a preset: `balanced` is the default of docs/facts/detection.md, 2.4. `plain` knows none."""


@dataclass(frozen=True)
class Allowance:
    """Deviations that do not ring until the end of a day (UTC): of an actor (by name or key), in a resource type, or
    both."""

    until: date
    reason: str
    actor: str | None = None
    resource_type: str | None = None

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` if it would allow everything, or gives no reason."""
        if not (self.actor or self.resource_type):
            raise ValueError("name an actor, a resource_type or both")
        if not self.reason.strip():
            raise ValueError("give a reason")


@dataclass(frozen=True)
class ConfirmedIncident:
    """Hours of an actor (its name or key) that count for nothing in what is usual, from `start` to before `end`."""

    actor: str
    start: datetime
    end: datetime

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for times without a zone, or in the wrong order."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("give start and end with their zone, such as 2026-11-22T10:00:00Z")
        if self.end <= self.start:
            raise ValueError("end must be after start")


@dataclass(frozen=True)
class Sensitive:
    """What raises the severity of whoever touches it: changes of these kinds whose resource type or action is like one
    of `touching` (`*` stands for any letters; case does not matter). `because` names it in tickets."""

    because: str
    touching: tuple[str, ...] = ("*",)
    kinds: tuple[Kind, ...] = KINDS
    raises: int = 1

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def matches(self, resource_type: str, action: str, kind: str) -> bool:
        """Whether such a change is meant. Of one whose kind is not known (empty) only who asks for no kind means it."""
        names = (resource_type.lower(), action.lower())
        asked = kind in self.kinds if kind else set(self.kinds) == set(KINDS)
        return asked and any(fnmatchcase(name, pattern.lower()) for name in names for pattern in self.touching)


@dataclass(frozen=True)
class Policy:
    """All of it. `tickets_a_day` is the budget of the calibrated presets; `plain` is the rule of the preset of that
    name, whose deviations are listed, not rung, in the others."""

    preset: Preset = "balanced"
    tickets_a_day: float = TICKETS_A_DAY["balanced"]
    plain: PlainRule = field(default_factory=PlainRule)
    allowances: tuple[Allowance, ...] = ()
    incidents: tuple[ConfirmedIncident, ...] = ()
    sensitive: tuple[Sensitive, ...] = ()
