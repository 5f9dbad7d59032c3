"""What a watch rule is: types only. rule_tables.py reads them from tables, examples.py runs their examples."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from audit_assets.config.policy_tables import Severity

LONGEST_MINUTES = 24 * 60
"""A window reaches back into earlier hours, which are read again for it: no rule needs more than a day."""


def _as_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _visible(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("write it on one line that can be seen, with no space around it")
    return text


Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_as_several)]
"""One name or several, each as name_patterns.py compares it; `*` stands for any characters."""

Words = Annotated[str, StringConstraints(min_length=3, max_length=100), AfterValidator(_visible)]
Sentence = Annotated[str, StringConstraints(min_length=3, max_length=400), AfterValidator(_visible)]
Sentences = Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=5)]
"""So many as a ticket shows."""


@dataclass(frozen=True)
class Match:
    """Entries that meet every condition that is given, each by any of its patterns. A failed entry meets only a match
    whose `result` names `failure`.

    In `uri`, the path of the request, `{id}` stands for one of Cloudflare's ids or a number. `setting` is v1's
    metadata.name; `old_value` and `new_value` are v1's, where they are plain values. The others name fields, at any
    depth, and what they hold: of what was sent (`request`: v2's request, v1's new value), of the answer (`response`:
    v2's), and of what was there before (`before`: v1's old value). `{zone}` stands for the name of the entry's zone.
    `network`: nobody here, or the actor, used the network of its address before (new_networks.py). A request that is
    nested more than 128 levels deep can't be read: it meets every such condition.
    """

    stream: Annotated[tuple[Literal["v1", "v2", "organization"], ...], BeforeValidator(_as_several)] = ()
    product: Patterns = ()
    resource_type: Patterns = ()
    action: Patterns = ()
    kind: Annotated[tuple[Literal["create", "update", "delete", "none"], ...], BeforeValidator(_as_several)] = ()
    result: Annotated[tuple[Literal["success", "failure", "unknown"], ...], BeforeValidator(_as_several)] = (
        "success",
        "unknown",
    )
    actor_type: Patterns = ()
    description: Patterns = ()
    uri: Patterns = ()
    setting: Patterns = ()
    old_value: Patterns = ()
    new_value: Patterns = ()
    request: Mapping[Pattern, Patterns] = field(default_factory=dict)
    response: Mapping[Pattern, Patterns] = field(default_factory=dict)
    before: Mapping[Pattern, Patterns] = field(default_factory=dict)
    network: Annotated[tuple[Literal["new_here", "new_to_actor"], ...], BeforeValidator(_as_several)] = ()

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for a match without a condition."""
        narrowing = [each.name for each in fields(self) if each.name not in ("stream", "result")]
        if not any(getattr(self, name) for name in narrowing):
            raise ValueError("it has no condition, so every entry would match: name a product, a resource_type, ...")


Matches = Annotated[tuple[Match, ...], Field(min_length=1)]

Per = Literal["actor", "person", "zone", "account"]
"""Whose entries are counted together. `person`: those of one e-mail address, whatever else identifies them, as a failed
sign-in may not have the id of a successful one; of a token, its own."""


@dataclass(frozen=True)
class Count:
    """So many of the matching entries within `minutes`."""

    at_least: Annotated[int, Field(ge=2, le=100_000)]
    minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES)]
    per: Per = "actor"

    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True)
class After:
    """So many entries that meet one of `match`, within `minutes` before a matching one."""

    match: Matches
    at_least: Annotated[int, Field(ge=1, le=100_000)]
    minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES)]
    per: Per = "person"

    __pydantic_config__: ClassVar = {"extra": "forbid"}


Story = Annotated[
    tuple[dict[str, Any], ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, dict) else value),
    Field(min_length=1),
]
"""An entry as Cloudflare gives it, as far as it matters, or several that belong together (examples.py)."""


@dataclass(frozen=True)
class WatchRule:
    """Entries that alert whatever is usual: those that meet one of `match` and none of `unless`, each by itself or,
    with `count` or `after`, so many together. `except_actors`: by actor key, a person also by the e-mail address.

    `matches` and `no_matches` are examples; the texts are for the ticket; `technique` is MITRE ATT&CK's.
    """

    name: Annotated[str, StringConstraints(pattern=re.compile(r"\A[a-z][a-z0-9_]{2,59}\Z"))]
    title: Words
    severity: Severity
    technique: Annotated[str, StringConstraints(pattern=re.compile(r"\AT[0-9]{4}(\.[0-9]{3})?\Z"))]
    why: Sentence
    check: Sentences
    benign: Sentences
    match: Matches
    matches: Annotated[tuple[Story, ...], Field(min_length=1)]
    no_matches: Annotated[tuple[Story, ...], Field(min_length=1)]
    unless: tuple[Match, ...] = ()
    count: Count | None = None
    after: After | None = None
    except_actors: tuple[Pattern, ...] = ()
    enabled: bool = True

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for a rule that counts in two ways."""
        if self.count and self.after:
            raise ValueError("it has both count and after: make two rules of it")

    @property
    def looks_back(self) -> timedelta:
        """So long before an entry others may lie that alert together with it."""
        counted = self.count or self.after
        return timedelta(minutes=counted.minutes) if counted else timedelta(0)


@dataclass(frozen=True)
class NotWatched:
    """Entries that no rule is about, and why: so that a resource type that nobody has thought of can be noticed."""

    match: Matches
    because: Sentence

    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True)
class WatchRules:
    """The rules in force, those that are disabled among them."""

    rule: tuple[WatchRule, ...] = ()
    not_watched: tuple[NotWatched, ...] = ()

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    @property
    def enabled(self) -> tuple[WatchRule, ...]:
        """Those that alert."""
        return tuple(rule for rule in self.rule if rule.enabled)
