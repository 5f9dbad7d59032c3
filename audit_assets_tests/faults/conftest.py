"""The past is built once for all tests of a process, and so is the end state of an undisturbed hour."""

from collections.abc import Iterator

import pytest

from audit_assets_tests.faults.failing import NthFailure
from audit_assets_tests.faults.trial import Trials, launcher
from audit_assets_tests.faults.world import Past


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """A folder that every trial begins from."""
    past = Past(tmp_path_factory.mktemp("faults") / "past")
    past.build()
    return past


@pytest.fixture(scope="session")
def trials(past: Past) -> Iterator[Trials]:
    """Runs in children that can be killed."""
    with launcher() as children:
        yield Trials(past, children)


@pytest.fixture(scope="session")
def nth(past: Past) -> NthFailure:
    """Runs in which one thing fails."""
    return NthFailure(past)
