"""What the sandbox serves to browsers and lets be steered is behind the guard; its services are as the real ones."""

from pathlib import Path

import httpx
import pytest

from audit_assets.guard.start_token import address_with_token
from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.guard.foreign_site import attack
from audit_assets_tests.sandbox.chromium import CHROMIUM, in_chromium
from audit_assets_tests.sandbox.query_page_calls import ticket_link
from audit_assets_tests.support import bearer, clock_address

ADVANCE = {"advance_seconds": 3600}


def pages(sandbox: Sandbox) -> list[str]:
    """The address of each kind of page, and of the clock."""
    query = ticket_link(sandbox, f"['{DATASET}'] | summarize n = count()")
    return [*(sandbox.url + path for path in ("/", "/sandbox", "/sandbox/tickets", "/sandbox/clock")), query]


def test_a_page_needs_the_token_once(sandbox: Sandbox) -> None:
    with httpx.Client(follow_redirects=True, trust_env=False) as person:
        for page in pages(sandbox):
            reply = person.get(page)
            assert (reply.status_code, reply.text.count("\n")) == (403, 1)
            assert reply.text.startswith("Open the address with the token")
        assert person.get(sandbox.tickets_address()).status_code == 200
        assert [person.get(page).status_code for page in pages(sandbox)] == [200] * len(pages(sandbox))


def test_a_page_is_for_its_own_address_and_site_only(sandbox: Sandbox) -> None:
    headers = bearer(clock_address(sandbox))
    for page in pages(sandbox):
        for foreign in ({"host": "evil.example"}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
            assert httpx.get(page, headers=headers | foreign, trust_env=False).status_code == 403


def test_the_clock_is_advanced_by_json_with_the_token_only(sandbox: Sandbox) -> None:
    clock, headers = f"{sandbox.url}/sandbox/clock", bearer(clock_address(sandbox))
    before = sandbox.shared.clock.now()
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        sent = {**headers, "content-type": media_type}
        body = '{"advance_seconds": 3600}'
        assert httpx.post(clock, content=body, headers=sent, trust_env=False).status_code == 403
    assert httpx.post(clock, json=ADVANCE, trust_env=False).status_code == 403
    assert (sandbox.shared.clock.now() - before).total_seconds() < 60
    assert httpx.post(clock, json=ADVANCE, headers=headers, trust_env=False).status_code == 200
    assert (sandbox.shared.clock.now() - before).total_seconds() >= 3600


def test_programs_use_the_services_with_their_credentials_alone_and_pages_do_not(sandbox: Sandbox) -> None:
    settings = sandbox.environment()
    address = f"{settings['LINEAR_API_URL']}"
    key = {"authorization": settings["LINEAR_API_KEY"]}
    query = {"query": "{viewer {id}}"}
    assert httpx.post(address, json=query, headers=key, trust_env=False).json()["data"]["viewer"]["id"]
    for foreign in ({"host": "evil.example"}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert httpx.post(address, json=query, headers=key | foreign, trust_env=False).status_code == 403


@pytest.mark.parametrize("host", ["evil.localhost", "127.0.0.1"])
def test_a_foreign_page_does_not_advance_the_clock(sandbox: Sandbox, host: str, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    before = sandbox.shared.clock.now()
    target = f"{sandbox.url}/sandbox/clock"
    attack(CHROMIUM, target, sandbox.token, query="", body=ADVANCE, host=host, profile=tmp_path / "profile")
    assert (sandbox.shared.clock.now() - before).total_seconds() < 600


def test_a_real_browser_opens_a_ticket_with_the_token(sandbox: Sandbox, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    dom, _ = in_chromium(CHROMIUM, sandbox.tickets_address(), tmp_path / "profile")
    assert "No ticket was opened yet" in dom
    missing = address_with_token(f"{sandbox.url}/sandbox/tickets/SEC-9", sandbox.token)
    assert "There is no SEC-9 in this sandbox" in in_chromium(CHROMIUM, missing, tmp_path / "profile")[0]
