"""When a token ends is read where Cloudflare shows it, and nothing is concluded where it does not."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Literal

import pytest

from audit_assets.cloudflare.token_verification import TokenFacts
from audit_assets.config.errors import Unavailable
from audit_assets.defs.resources import CloudflareResource
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.support import JumpingClock

END = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def cloudflare(sandbox: Sandbox, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch) -> CloudflareResource:
    for name, value in sandbox.cloudflare.environment(sandbox.url).items():
        monkeypatch.setenv(name, value)
    return CloudflareResource(clock, HttpLimits(attempts=1))


def shown_by(cloudflare: CloudflareResource) -> TokenFacts | None:
    with closing(cloudflare.client()) as client:
        return client.token_facts()


@pytest.mark.parametrize(("kind", "calls"), [("account", 1), ("user", 2)])
def test_tokens_of_accounts_and_of_users_are_verified_where_each_belongs(
    sandbox: Sandbox, cloudflare: CloudflareResource, kind: Literal["account", "user"], calls: int
) -> None:
    sandbox.cloudflare.behaviour.token_kind = kind
    sandbox.cloudflare.behaviour.token_expires = END
    assert shown_by(cloudflare) == TokenFacts("active", END)
    assert sandbox.shared.call_counts()["cloudflare", "verify"] == calls


def test_a_token_without_an_end_has_none(cloudflare: CloudflareResource) -> None:
    assert shown_by(cloudflare) == TokenFacts("active", None)


@pytest.mark.parametrize("status", [401, 403, 404, 400])
def test_a_refusal_proves_nothing(sandbox: Sandbox, cloudflare: CloudflareResource, status: int) -> None:
    sandbox.cloudflare.behaviour.verify_status = status
    assert shown_by(cloudflare) is None


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"result": null}', '{"result": {"status": "odd"}}', "<html>"])
def test_an_answer_that_is_not_understood_proves_nothing(
    sandbox: Sandbox, cloudflare: CloudflareResource, body: str
) -> None:
    sandbox.faults.add(Fault("cloudflare", "verify", "status", 1, 2, {"status": 200, "body": body}))
    assert shown_by(cloudflare) is None


def test_no_answer_is_no_answer(sandbox: Sandbox, cloudflare: CloudflareResource) -> None:
    sandbox.faults.add(Fault("cloudflare", "verify", "status", 1, 2, {"status": 503}))
    with pytest.raises(Unavailable):
        shown_by(cloudflare)
