"""The past is built once for all tests of a process, and so is the end state of an undisturbed hour."""

from collections.abc import Iterator

import pytest

from audit_assets_tests.faults.failing import NthFailure
from audit_assets_tests.faults.places import OneMachine, Place, Servers
from audit_assets_tests.faults.trial import Trials, launcher
from audit_assets_tests.faults.world import Past
from audit_assets_tests.servers.postgres import missing, running_postgres
from audit_assets_tests.servers.s3 import running_s3


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    """What every trial on one machine begins from."""
    return _built(tmp_path_factory, OneMachine())


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and an S3 server, the same ones for all tests of a process."""
    if reason := missing():
        pytest.skip(reason)
    with running_postgres() as postgres, running_s3() as s3:
        yield Servers(postgres, s3)


@pytest.fixture(scope="session")
def past_on_servers(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> Past:
    """What every trial on servers begins from."""
    return _built(tmp_path_factory, servers)


@pytest.fixture(scope="session")
def trials_on_servers(past_on_servers: Past) -> Iterator[Trials]:
    """Runs in children that can be killed, on servers."""
    with launcher() as children:
        yield Trials(past_on_servers, children)


@pytest.fixture(scope="session")
def nth_on_servers(past_on_servers: Past) -> NthFailure:
    """Runs on servers in which one thing fails."""
    return NthFailure(past_on_servers)


@pytest.fixture(scope="session")
def trials(past: Past) -> Iterator[Trials]:
    """Runs in children that can be killed."""
    with launcher() as children:
        yield Trials(past, children)


@pytest.fixture(scope="session")
def nth(past: Past) -> NthFailure:
    """Runs in which one thing fails."""
    return NthFailure(past)


def _built(folders: pytest.TempPathFactory, place: Place) -> Past:
    past = Past(folders.mktemp("faults") / "past", place)
    past.build()
    return past
