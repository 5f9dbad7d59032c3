"""What a team decides: by which rule and budget hours alert, what it allows for a while, what raises severity.

Types only: policy.py reads them from settings and files, and the defaults of the tables are in policy.toml.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Literal, get_args

from audit_assets.config.name_patterns import is_like

Preset = Literal["plain", "balanced", "quiet"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

Severity = Literal["low", "medium", "high", "urgent"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Every severity, the least severe first: the only place that has their order."""

ChangeKind = Literal["create", "update", "delete"]
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)

TICKETS_A_DAY = {"balanced": 1.0, "quiet": 0.25}
"""The budgets of the presets are those at which docs/facts/detection.md, 2.6, measured recall; `plain` has none."""


@dataclass(frozen=True)
class PlainRule:
    """An hour deviates in volume from `ratio` times the usual changes on, if there are at least `minimum`."""

    ratio: float = 10.0
    minimum: float = 10.0


CALLED_TOKEN = "token "  # noqa: S105 - how the name of every API token begins (cloudflare/actor_keys.py)


@dataclass(frozen=True)
class Allowance:
    """Deviations that do not alert until the end of a day (UTC): of an actor (by its key, a person also by the e-mail
    address), in a resource type, or both."""

    until: date
    reason: str
    actor: str | None = None
    resource_type: str | None = None

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` if it would allow everything, names a token as it is called, or gives no reason."""
        if not (self.actor or self.resource_type):
            raise ValueError("name an actor, a resource_type or both")
        if self.actor and self.actor.startswith(CALLED_TOKEN):
            raise ValueError(
                f"{self.actor!r} is what a token is called, and whoever makes a token can choose that: give its actor "
                "key, which tickets and summaries show"
            )
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
    """Changes that raise the severity of an actor's hour: those of these kinds whose resource type or action is like
    one of `touching` (`*` stands for any letters; case, separators and plural do not matter). `because` names them in
    tickets."""

    because: str
    touching: tuple[str, ...] = ("*",)
    kinds: tuple[ChangeKind, ...] = CHANGE_KINDS
    raises: int = 1

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def matches(self, resource_type: str, action: str, kind: str) -> bool:
        """Whether a change is one of these. A change of unknown (empty) kind matches only where all kinds do."""
        of_kind = kind in self.kinds if kind else set(self.kinds) == set(CHANGE_KINDS)
        return of_kind and is_like((resource_type, action), self.touching)


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


CONFIRMED_LABEL, DISMISSED_LABEL = "confirmed-incident", "false-positive"
VERDICT_LABELS = (CONFIRMED_LABEL, DISMISSED_LABEL)
"""The labels of a team or of the workspace by which people give their verdict on a ticket, created by hand, in any
case. The GraphQL documents of `linear` name them too: they are static."""

Priority = Literal["urgent", "high", "medium", "low", 1, 2, 3, 4]
"""By name, or as Linear counts: 1 is urgent, 4 low (docs/facts/linear.md, 1)."""


@dataclass(frozen=True)
class TicketFields:
    """A row of the table of ticket fields: tickets of these `severities` that touch something like one of `touching`
    and are of an actor like one of `actors` get these fields. A condition that is left out always holds; `*` matches
    any characters, and case does not matter."""

    severities: tuple[Severity, ...] | None = None
    touching: tuple[str, ...] | None = None
    actors: tuple[str, ...] | None = None
    team: str | None = None
    project: str | None = None
    labels: tuple[str, ...] = ()
    assignee: str | None = None
    priority: Priority | None = None

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for a row that can match nothing, sets nothing, or holds a name that none can be."""
        for name, asked in (("severities", self.severities), ("touching", self.touching), ("actors", self.actors)):
            if asked is not None and not asked:
                raise ValueError(f"{name} is empty, so no ticket would match: leave it out, or name some")
        texts = (self.team, self.project, self.assignee, *self.labels, *(self.touching or ()), *(self.actors or ()))
        for text in texts:
            if text is not None and (not text or text != text.strip() or not text.isprintable()):
                raise ValueError(f"{text!r} is no name: give one that can be seen, with no space around it")
        if verdict := {*VERDICT_LABELS} & {label.casefold() for label in self.labels}:
            raise ValueError(f"the label {min(verdict)!r} is a verdict, which people give when they have looked")
        if not (self.team or self.project or self.labels or self.assignee or self.priority):
            raise ValueError("name a team, a project, labels, an assignee or a priority")


CHANNEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Channel:
    """A chat, a pager or a mailbox that gets findings of these `severities`. Its address is a secret, in the
    environment variable that has its name."""

    name: str
    severities: tuple[Severity, ...] = SEVERITIES

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for a name that no variable can have, without repeating it: it may be an address."""
        if not CHANNEL_NAME.fullmatch(self.name) or self.name.endswith("_file"):
            raise ValueError(
                "a channel's name is lower-case letters, digits and underscores, such as pager, and does not end in "
                "_file; its address goes into the environment variable AUDIT_ASSETS_CHANNEL_ with the name in capitals"
            )
        if not self.severities:
            raise ValueError("severities is empty, so the channel would get nothing: leave it out, or name some")
