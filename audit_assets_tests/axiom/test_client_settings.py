"""A wrong token, address or dataset is one sentence, and no sentence holds the token."""

import gc
import socket
import traceback
from pathlib import Path
from typing import Any

import axiom_py
import pytest

from audit_assets.axiom.addresses import resolve_addresses
from audit_assets.axiom.events import events_from
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.config.errors import AuditAssetsError, Refused, ServiceError, SettingError, Unavailable
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.axiom.made_entries import ANNE, AT, HOUR, client_of, entries
from audit_assets_tests.support import JumpingClock

QUERY_AND_INGEST = ["ingest", "query"]


def use(sandbox: Sandbox, clock: JumpingClock, call: str, **options: Any) -> None:
    """Ingest or query, by `call`."""
    with client_of(sandbox, clock, **options) as axiom:
        if call == "query":
            axiom.activity([ANNE], AT, AT + HOUR)
        else:
            axiom.ingest(events_from(entries(2)))


def test_an_unknown_token_is_reported_with_the_capability_it_needs(sandbox: Sandbox, clock: JumpingClock) -> None:
    with pytest.raises(Refused, match=r"HTTP 401.*set AXIOM_TOKEN .* capability query \(read\) on .*cloudflare-audit"):
        use(sandbox, clock, "query", token="xaat-of-somebody-else")


@pytest.mark.parametrize(("has", "lacks"), [("query", r"ingest \(create\)"), ("ingest", r"query \(read\)")])
def test_a_missing_capability_is_named(sandbox: Sandbox, clock: JumpingClock, has: str, lacks: str) -> None:
    sandbox.axiom.behaviour.capabilities = {has}
    with pytest.raises(
        Refused, match=f"lacks the capability {lacks} on dataset 'cloudflare-audit' .*make an API token"
    ):
        use(sandbox, clock, "ingest")


@pytest.mark.parametrize("call", QUERY_AND_INGEST)
def test_a_dataset_that_does_not_exist_is_named(sandbox: Sandbox, clock: JumpingClock, call: str) -> None:
    sentence = "Axiom dataset 'no-such' not found with this token: create it, or set AXIOM_DATASET"
    with pytest.raises(Refused, match=sentence):
        use(sandbox, clock, call, dataset="no-such")


def test_a_redirect_is_not_followed(sandbox: Sandbox, clock: JumpingClock) -> None:
    headers = {"location": f"{sandbox.url}/sandbox/clock"}
    sandbox.faults.add(Fault("axiom", "query", "status", 1, 1, {"status": 302, "headers": headers}))
    with pytest.raises(Refused, match=r"redirect .*correct AXIOM_URL"):
        use(sandbox, clock, "query")
    assert [call.service for call in sandbox.shared.calls] == ["axiom"]


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ä", "a\x00", "xaat-1\r\nX-Other: 1"])
def test_an_impossible_token_is_refused_before_it_is_used(sandbox: Sandbox, clock: JumpingClock, token: str) -> None:
    with pytest.raises(SettingError, match="AXIOM_TOKEN") as raised:
        client_of(sandbox, clock, token=token)
    assert token == "" or token not in str(raised.value)


def test_an_edge_takes_no_personal_token(sandbox: Sandbox, clock: JumpingClock) -> None:
    with pytest.raises(Refused, match="personal token: set AXIOM_TOKEN to an API token"):
        client_of(sandbox, clock, token="xapt-1", edge=True)


def test_an_impossible_dataset_name_is_refused(sandbox: Sandbox, clock: JumpingClock) -> None:
    with pytest.raises(SettingError, match="AXIOM_DATASET"):
        client_of(sandbox, clock, dataset="a/../b")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.axiom.co",
        "ftp://api.axiom.co",
        "https://",
        "https://x:y@api.axiom.co",
        "https://a.b/c",
        "https://[",
        "https://a:b",
    ],
)
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="AXIOM_URL is not an address"):
        resolve_addresses(url, None)


def test_the_token_is_not_sent_unencrypted() -> None:
    with pytest.raises(SettingError, match="use https"):
        resolve_addresses("http://api.axiom.co", None)


def test_an_edge_is_known_by_its_name_and_management_stays_with_the_classic_address() -> None:
    classic, edge = "https://api.axiom.co", "https://eu-central-1.aws.edge.axiom.co"
    assert resolve_addresses(classic, None) == (classic, None)
    assert resolve_addresses(f"{edge}/", None) == (classic, edge)
    assert resolve_addresses("http://127.0.0.1:8080", True) == ("http://127.0.0.1:8080", "http://127.0.0.1:8080")
    assert resolve_addresses("https://edge.axiom.co.evil.example", None) == ("https://edge.axiom.co.evil.example", None)


def test_nothing_of_the_environment_is_used(
    sandbox: Sandbox, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    for name, value in {
        "NETRC": str(netrc),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "AXIOM_TOKEN": "xaat-other",
        "AXIOM_URL": "http://127.0.0.1:9",
        "AXIOM_ORG_ID": "other\n",
    }.items():
        monkeypatch.setenv(name, value)
    url = sandbox.url
    token = sandbox.environment()["AXIOM_TOKEN"]
    before = sandbox.shared.call_counts()["axiom", "query"]
    use(sandbox, clock, "query", url=url, token=token, org_id=None)
    assert sandbox.shared.call_counts()["axiom", "query"] > before, (
        "the sandbox was asked, with the token that it knows"
    )


def alive() -> int:
    return sum(isinstance(each, axiom_py.Client) for each in gc.get_objects())


def test_closing_leaves_nothing_behind(sandbox: Sandbox, clock: JumpingClock) -> None:
    gc.collect()
    before = alive()
    axiom = client_of(sandbox, clock)
    axiom.entry_ids(AT, AT + HOUR)
    axiom.close()
    del axiom
    gc.collect()
    assert alive() == before, "axiom-py's exit hook would keep its client"


@pytest.mark.parametrize("call", QUERY_AND_INGEST)
def test_an_address_where_nobody_listens_is_reported(sandbox: Sandbox, clock: JumpingClock, call: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match="in 5 tries: no connection"):
            use(sandbox, clock, call, url=nobody)


def test_events_that_met_no_connection_are_sent_again_without_looking(sandbox: Sandbox, clock: JumpingClock) -> None:
    """The name of the host is wrong at first; nothing can have been carried out."""
    with pytest.raises(Unavailable, match="no connection"):
        use(sandbox, clock, "ingest", url="http://localhost:1", limits=AxiomLimits(attempts=2))
    assert sum(clock.waits) < 10


@pytest.mark.parametrize("call", QUERY_AND_INGEST)
def test_a_reply_that_drips_is_given_up(sandbox: Sandbox, clock: JumpingClock, call: str) -> None:
    sandbox.faults.add(Fault("axiom", call, "drip", 1, 1, {"seconds": 0.05}))
    use(sandbox, clock, call, limits=AxiomLimits(attempt_seconds=0.3))
    sent_again = sandbox.shared.call_counts()["axiom", call]
    assert sent_again == (1 if call == "ingest" else 3), "what landed is found, a query is repeated"


WAYS_TO_FAIL: list[tuple[str, dict[str, Any]]] = [
    ("drop_before", {}),
    *[("status", {"status": status}) for status in (302, 400, 401, 403, 404, 413, 429, 430, 432, 500, 503)],
    *[("status", {"status": status, "echo": True}) for status in (200, 400, 429, 430)],
]


@pytest.mark.parametrize("call", QUERY_AND_INGEST)
def test_no_error_shows_the_token(sandbox: Sandbox, clock: JumpingClock, call: str) -> None:
    token = sandbox.environment()["AXIOM_TOKEN"]
    for kind, options in WAYS_TO_FAIL:
        shown = {"body": f'{{"message":"bad token {token}","error":"Bearer {token}"}}'} if options.get("echo") else {}
        sandbox.faults.clear()
        sandbox.faults.add(Fault("axiom", call, kind, 1, 99, {**options, **shown}))
        with pytest.raises(ServiceError) as raised:
            use(sandbox, clock, call)
        assert isinstance(raised.value, AuditAssetsError)
        assert token not in "".join(traceback.format_exception(raised.value)), (kind, options)


def test_a_client_shows_no_token(sandbox: Sandbox, clock: JumpingClock) -> None:
    with client_of(sandbox, clock) as axiom:
        assert sandbox.environment()["AXIOM_TOKEN"] not in f"{axiom!r} {axiom} {axiom.__dict__}"
