"""What a case of a test is: an assumption, the answer that it must get, and how the sandbox is made to give it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from audit_assets.cli.probe.assumptions import Answer, Assumption, Observation, check_all
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox

ANSWERS: tuple[Answer, ...] = ("confirmed", "contradicted", "unknown")

Arrange = Callable[[Sandbox, Any], None]
"""Changes the sandbox; the scene may be used as earlier checks would use it."""


@dataclass(frozen=True)
class Case:
    """`id`: the assumption's."""

    id: str
    answer: Answer
    arrange: Arrange

    @property
    def name(self) -> str:
        """For the list of tests."""
        return f"{self.id}-{self.answer}"


def cases_of(
    id: str, *, confirmed: Arrange, contradicted: Arrange | Sequence[Arrange], unknown: Arrange | Sequence[Arrange]
) -> list[Case]:
    """One or more cases for each answer."""
    return [
        *[Case(id, "confirmed", each) for each in _several(confirmed)],
        *[Case(id, "contradicted", each) for each in _several(contradicted)],
        *[Case(id, "unknown", each) for each in _several(unknown)],
    ]


def each_case(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """A test for each."""
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def check(assumptions: Iterable[Assumption[Any]], case: Case, sandbox: Sandbox, scene: Any) -> Observation:
    """What is seen of the case's assumption."""
    case.arrange(sandbox, scene)
    (assumption,) = [each for each in assumptions if each.id == case.id]
    (result,) = check_all([assumption], scene)
    assert result.does == assumption.does[result.answer]
    return Observation(result.answer, result.seen)


def assert_all_answers(assumptions: Sequence[Assumption[Any]], cases: Sequence[Case]) -> None:
    """There is a case for each answer of each assumption."""
    expected = {(each.id, answer) for each in assumptions for answer in ANSWERS}
    assert {(case.id, case.answer) for case in cases} == expected


def fault(service: str, call: str, kind: str, at: int = 1, times: int = 1, **options: Any) -> Arrange:
    """That fault from now on."""

    def arrange(sandbox: Sandbox, _: Any) -> None:
        sandbox.faults.add(Fault(service, call, kind, at, times, options))

    return arrange


def down(service: str) -> Arrange:
    """The service answers nothing but 503."""
    return fault(service, "*", "status", times=1_000, status=503)


def behaves(service: str, **changed: Any) -> Arrange:
    """Some of the service's behaviour is otherwise."""

    def arrange(sandbox: Sandbox, _: Any) -> None:
        behaviour = getattr(sandbox, service).behaviour
        for name, value in changed.items():
            assert hasattr(behaviour, name)
            setattr(behaviour, name, value)

    return arrange


def both(*parts: Arrange) -> Arrange:
    """One after the other."""

    def arrange(sandbox: Sandbox, scene: Any) -> None:
        for part in parts:
            part(sandbox, scene)

    return arrange


def _several(arrange: Arrange | Sequence[Arrange]) -> Sequence[Arrange]:
    return [arrange] if callable(arrange) else arrange
