"""What a team decides: by which rule and budget hours alert, what it allows for a while, what raises severity.

Types only: policy.py reads them from settings and files, and the defaults of the tables are in policy.toml.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, get_args

Preset = Literal["plain", "balanced", "quiet"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

ChangeKind = Literal["create", "update", "delete"]
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)

TICKETS_A_DAY = {"balanced": 1.0, "quiet": 0.25}
"""The budgets of the presets are those at which docs/facts/detection.md, 2.6, measured recall; `plain` has none."""


@dataclass(frozen=True)
class PlainRule:
    """An hour deviates in volume from `ratio` times the usual changes on, if there are at least `minimum`."""

    ratio: float = 10.0
    minimum: float = 10.0


@dataclass(frozen=True)
class Allowance:
    """Deviations that do not alert until the end of a day (UTC): of an actor (by name or key), in a resource type, or
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
    """Hours of an actor (its name or key), from `start` to before `end`, that are no example of what is usual."""

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
    """Changes that raise the severity of an actor's hour: those of these kinds whose resource type or action matches
    one of `touching` (`*` matches any letters; case does not matter). `because` names them in tickets."""

    because: str
    touching: tuple[str, ...] = ("*",)
    kinds: tuple[ChangeKind, ...] = CHANGE_KINDS
    raises: int = 1

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def matches(self, resource_type: str, action: str, kind: str) -> bool:
        """Whether a change is one of these. A change of unknown (empty) kind matches only where all kinds do."""
        names = (resource_type.lower(), action.lower())
        of_kind = kind in self.kinds if kind else set(self.kinds) == set(CHANGE_KINDS)
        return of_kind and any(fnmatchcase(name, pattern.lower()) for name in names for pattern in self.touching)


@dataclass(frozen=True)
class Policy:
    """All decisions. `tickets_a_day` is the budget of the calibrated presets. `plain` is the rule of the preset of that
    name; with the other presets its deviations are listed and do not alert."""

    preset: Preset = "balanced"
    tickets_a_day: float = TICKETS_A_DAY["balanced"]
    plain: PlainRule = field(default_factory=PlainRule)
    allowances: tuple[Allowance, ...] = ()
    incidents: tuple[ConfirmedIncident, ...] = ()
    sensitive: tuple[Sensitive, ...] = ()
