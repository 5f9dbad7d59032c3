"""A model on loopback, and its client."""

from collections.abc import Iterator

import pytest

from audit_assets.triage.model_client import Model
from audit_assets.triage.prompts import load_prompt
from audit_assets_tests.triage.model_server import KEY, NAME, ModelServer, serving


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """An endpoint that answers well until `behaviour` is changed."""
    with serving() as served:
        yield served


@pytest.fixture
def model(server: ModelServer) -> Iterator[Model]:
    made = Model(name=NAME, api_key=KEY, url=server.url, prompt=load_prompt(""))
    yield made
    made.close()


@pytest.fixture
def triage_settings(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that name the model."""
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_MODEL", NAME)
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_URL", server.url)
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_API_KEY", KEY)
