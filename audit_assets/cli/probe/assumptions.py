"""What an assumption is, how it is checked, and what the pipeline does about each answer.

An assumption `stops` the pipeline if hours would be wrong, and nothing would show it, once it does not hold. What the
pipeline notices by itself, or takes either way, stops nothing.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from audit_assets.config.errors import AuditAssetsError

Scene = TypeVar("Scene")

Answer = Literal["confirmed", "contradicted", "unknown"]


@dataclass(frozen=True)
class Observation:
    """What a check saw. The text is made of our own words and of numbers, so that it can be shared."""

    answer: Answer
    text: str


@dataclass(frozen=True)
class Assumption(Generic[Scene]):
    """`assumed` is a sentence without a full stop; `fact` names the section of docs/facts that is open about it; `does`
    is what the pipeline does about each answer."""

    id: str
    assumed: str
    fact: str
    does: Mapping[Answer, str]
    check: Callable[[Scene], Observation]
    stops: bool

    @property
    def service(self) -> str:
        """The service that it is about."""
        return self.id.partition("-")[0].capitalize()

    @property
    def how(self) -> str:
        """How it is checked."""
        return inspect.getdoc(self.check) or ""


def assumption(
    name: str, assumed: str, *, fact: str, does: Mapping[Answer, str], stops: bool = False
) -> Callable[[Callable[[Scene], Observation]], Assumption[Scene]]:
    """Makes a check an assumption. The docstring is how it is checked, for people to read."""
    return lambda check: Assumption(name, assumed, fact, does, check, stops)


@dataclass(frozen=True)
class Result:
    """An assumption and what was seen of it."""

    service: str
    id: str
    assumed: str
    how: str
    fact: str
    stops: bool
    answer: Answer
    seen: str
    does: str


def either_way(does: str) -> Mapping[Answer, str]:
    """The pipeline does the same, whatever the answer."""
    return {"confirmed": does, "contradicted": does, "unknown": does}


def stopping(otherwise: str) -> Mapping[Answer, str]:
    """A contradiction stops the pipeline; `otherwise` is what it does without one."""
    return {
        "confirmed": otherwise,
        "contradicted": "It stops until a later probe finds this confirmed",
        "unknown": f"{otherwise}, as if it were confirmed",
    }


def confirmed(text: str) -> Observation:
    """It is as assumed."""
    return Observation("confirmed", text)


def contradicted(text: str) -> Observation:
    """It is otherwise."""
    return Observation("contradicted", text)


def unknown(text: str) -> Observation:
    """It could not be seen, and why."""
    return Observation("unknown", text)


def decided(holds: bool, text: str) -> Observation:
    """As assumed if it `holds`, else otherwise."""
    return Observation("confirmed" if holds else "contradicted", text)


def check_all(assumptions: Iterable[Assumption[Scene]], scene: Scene) -> list[Result]:
    """Check one after the other. An error of one is its answer, and keeps no other from being checked."""
    return [_result(each, _checked(each, scene)) for each in assumptions]


def all_unknown(assumptions: Iterable[Assumption[Scene]], reason: str) -> list[Result]:
    """The results if none could be checked."""
    return [_result(each, unknown(reason)) for each in assumptions]


def _checked(each: Assumption[Scene], scene: Scene) -> Observation:
    try:
        return each.check(scene)
    except AuditAssetsError as error:
        return unknown(f"it could not be checked: {error}")


def _result(each: Assumption[Scene], seen: Observation) -> Result:
    does = each.does[seen.answer]
    return Result(each.service, each.id, each.assumed, each.how, each.fact, each.stops, seen.answer, seen.text, does)
