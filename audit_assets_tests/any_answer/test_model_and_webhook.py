"""The clients of the triage model and of the webhook raise nothing but documented errors, whatever the answer."""

from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings

from audit_assets.config.errors import ServiceError
from audit_assets.notify.webhook import post_json
from audit_assets.triage.model_client import Model
from audit_assets_tests.any_answer.changed_answers import CHANGES, Change, ChangingServer, changing
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.triage.model_server import KEY, NAME, serving


@pytest.fixture(scope="module")
def between() -> Iterator[ChangingServer]:
    with serving() as model, changing(model.url) as server:
        yield server


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=CHANGES)
def test_any_answer_gives_a_note_or_a_documented_error(between: ChangingServer, change: Change) -> None:
    between.begin(change)
    url = f"{between.url}/v1"
    with closing(Model(name=NAME, api_key=KEY, url=url, prompt="p", clock=JumpingClock())) as model:
        with suppress(ServiceError):
            model.note_on("{}", seconds=9.0)
        with suppress(ServiceError):
            post_json({"hour": "2026-11-20-10:00"}, f"{url}/chat/completions", clock=JumpingClock())
