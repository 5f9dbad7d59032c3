"""What `audit-assets dev` serves can be controlled by whoever has the printed address, and by no page of a browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from audit_assets_tests.cli.running_dev import RunningDev, running_dev
from audit_assets_tests.guard.foreign_site import attack
from audit_assets_tests.sandbox.chromium import CHROMIUM, in_chromium

LIMIT = 'mutation {setConcurrencyLimit(concurrencyKey: "from_elsewhere", limit: 3)}'
LIMITS = "{instance {concurrencyLimits {concurrencyKey}}}"
PLACE = 'repositoryLocationName: "audit_assets.definitions", repositoryName: "__repository__"'
MUTATIONS = {
    "stopSensor": 'mutation {stopSensor(id: "missing_hours") {__typename}}',
    "launchRun": (
        f'mutation {{launchRun(executionParams: {{selector: {{{PLACE}, jobName: "hourly_audit"}}, '
        'runConfigData: "ops: {opened_tickets: {config: {open_tickets: never}}}"}) {__typename}}'
    ),
    "wipeAssets": 'mutation {wipeAssets(assetPartitionRanges: [{assetKey: {path: ["opened_tickets"]}}]) {__typename}}',
    "setConcurrencyLimit": LIMIT,
}
FOREIGN = {"host": "evil.example", "sec-fetch-site": "cross-site"}


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDev]:
    with running_dev(tmp_path_factory.mktemp("dev")) as running:
        yield running


@pytest.fixture
def person(dev: RunningDev) -> Iterator[httpx.Client]:
    """A browser that opened the printed address."""
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=60) as client:
        page = client.get(dev.ui)
        assert (page.status_code, str(page.url)) == (200, f"{dev.url}/")
        assert ">Dagster</title>" in page.text
        yield client


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_no_mutation_by_get_or_from_elsewhere(dev: RunningDev, person: httpx.Client, mutation: str) -> None:
    address = f"{dev.url}/graphql?query={quote(MUTATIONS[mutation])}"
    text, json = {"content-type": "text/plain"}, {"query": MUTATIONS[mutation]}
    replies = [
        person.get(address, headers=FOREIGN),
        person.get(address, headers={"sec-fetch-site": "cross-site"}),
        person.get(address, headers={"host": "evil.example"}),
        person.get(address),
        person.post(address, headers=text),
        person.post(address),
        person.post(f"{dev.url}/graphql", json=json, headers={"origin": "http://evil.example"}),
        person.post(f"{dev.url}/graphql", json=json, headers=FOREIGN),
        httpx.post(f"{dev.url}/graphql", json=json, trust_env=False),
    ]
    assert [reply.status_code for reply in replies] == [403] * len(replies)
    assert all(reply.text.count("\n") == 1 for reply in replies)


def test_a_person_uses_the_ui(dev: RunningDev, person: httpx.Client) -> None:
    page = person.get(f"{dev.url}/assets", headers={"sec-fetch-site": "none"})
    assert page.status_code == 200
    own = {"origin": dev.url, "sec-fetch-site": "same-origin"}
    answer = person.post(f"{dev.url}/graphql", json={"query": "{version}"}, headers=own)
    assert answer.json()["data"]["version"]


def test_a_websocket_is_for_the_own_page_only(dev: RunningDev, person: httpx.Client) -> None:
    address = dev.url.replace("http", "ws") + "/graphql"
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
    for origin, headers in (("http://evil.example", cookie), ("http://127.0.0.1:1", cookie), (dev.url, {})):
        with pytest.raises(InvalidStatus, match="403"):
            connect(address, origin=Origin(origin), additional_headers=headers, proxy=None)
    protocols = [Subprotocol("graphql-ws")]
    with connect(address, origin=Origin(dev.url), additional_headers=cookie, proxy=None, subprotocols=protocols) as own:
        own.send('{"type": "connection_init"}')
        assert own.recv(timeout=30) == '{"type":"connection_ack"}'


def test_without_the_token_there_is_one_sentence_with_the_remedy(dev: RunningDev) -> None:
    for address in (dev.url, f"{dev.url}/assets", f"{dev.url}/server_info", dev.tickets.partition("?")[0]):
        reply = httpx.get(address, trust_env=False)
        assert (reply.status_code, reply.text.count("\n")) == (403, 1)
        assert reply.text.startswith("Open the address with the token that was printed")


def test_whoever_has_opened_the_ui_gets_to_the_tickets_as_well(dev: RunningDev, person: httpx.Client) -> None:
    link = {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert "No ticket was opened yet" in person.get(dev.tickets.partition("?")[0], headers=link).text


@pytest.mark.parametrize("host", ["evil.localhost", "127.0.0.1"])
def test_a_foreign_page_changes_nothing(dev: RunningDev, host: str, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    body = {"query": LIMIT}
    attack(CHROMIUM, f"{dev.url}/graphql", dev.token, query=LIMIT, body=body, host=host, profile=tmp_path / "profile")
    assert dev.graphql(LIMITS) == {"instance": {"concurrencyLimits": []}}


def test_a_real_browser_shows_the_ui(dev: RunningDev, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    dom, log = in_chromium(CHROMIUM, dev.ui, tmp_path / "profile")
    assert ">Dagster</title>" in dom
    assert "Failed to load resource" not in log
    assert dev.token not in dom


def test_the_token_is_what_makes_the_difference(dev: RunningDev) -> None:
    """Last: it changes what the others look at."""
    assert dev.graphql(LIMIT) == {"setConcurrencyLimit": True}
    assert dev.graphql(LIMITS) == {"instance": {"concurrencyLimits": [{"concurrencyKey": "from_elsewhere"}]}}
