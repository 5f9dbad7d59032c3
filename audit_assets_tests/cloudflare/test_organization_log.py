"""The organization's own log: a third stream in the shape of v2, where an organization is set."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.config.errors import Refused
from audit_assets.sandbox.cloudflare.access_control import ORGANIZATION_ID
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.cloudflare.clients import client_of, entries_in
from audit_assets_tests.cloudflare.samples import AN_HOUR, HOUR, spread
from audit_assets_tests.pipeline import v2_entry
from audit_assets_tests.support import JumpingClock

OTHER = "0" * 32


@pytest.fixture
def client(sandbox: Sandbox, clock: JumpingClock) -> Iterator[CloudflareClient]:
    """A client of the account and its organization."""
    with closing(client_of(sandbox, clock, organization_id=ORGANIZATION_ID)) as connected:
        yield connected


def test_it_is_pulled_whole_by_its_cursor(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.add("organization", spread("v2", 1500))
    sandbox.cloudflare.add("v2", spread("v2", 3))
    pulled = client.pull("organization", HOUR, HOUR + AN_HOUR)
    entries = entries_in(pulled)
    assert (entries.height, pulled.evidence.pages) == (1500, 2)
    assert entries["stream"].unique().to_list() == ["organization"]
    assert entries_in(client.pull("v2", HOUR, HOUR + AN_HOUR)).height == 3


def test_an_administrator_is_one_actor_in_both_logs_and_an_entry_of_each_is_one_of_its_own(
    sandbox: Sandbox, client: CloudflareClient
) -> None:
    entry = v2_entry(HOUR + timedelta(minutes=3))
    of_organization = {key: value for key, value in entry.items() if key not in ("account", "zone")}
    sandbox.cloudflare.add("v2", [entry])
    sandbox.cloudflare.add("organization", [of_organization | {"organization": {"id": ORGANIZATION_ID}}])
    (one,), (other,) = (
        entries_in(client.pull(stream, HOUR, HOUR + AN_HOUR)).to_dicts() for stream in ("v2", "organization")
    )
    assert (one["actor_key"], one["account_id"]) == (other["actor_key"], other["account_id"])
    assert one["native_id"] == other["native_id"]
    assert one["entry_id"] != other["entry_id"]
    assert (other["is_change"], other["change_kind"], other["zone_id"]) == (True, "create", None)


def test_a_page_that_may_not_be_the_last_is_refused(sandbox: Sandbox, client: CloudflareClient) -> None:
    sandbox.cloudflare.add("organization", spread("v2", 3))
    sandbox.faults.add(Fault("cloudflare", "organization", "no_result_info"))
    with pytest.raises(Exception, match="'result_info' is missing, so there may be more entries"):
        client.pull("organization", HOUR, HOUR + AN_HOUR)


@pytest.mark.parametrize(
    ("organization", "has_log", "reason"),
    [
        (
            OTHER,
            True,
            f"Cloudflare does not let this token read the audit log of organization {OTHER} (HTTP 403, 10000 "
            "Authentication error): give CLOUDFLARE_API_TOKEN the permission 'Account Settings Read' on its accounts "
            "(if it has that, unset CLOUDFLARE_ORGANIZATION_ID), or try again in a minute if the token is new",
        ),
        (
            ORGANIZATION_ID,
            False,
            f"Cloudflare knows no organization {ORGANIZATION_ID} (HTTP 404, no reason given), or does not list its "
            "audit log, a public beta: correct CLOUDFLARE_ORGANIZATION_ID, or unset it",
        ),
    ],
)
def test_one_that_is_not_there_is_refused_by_name(
    sandbox: Sandbox, clock: JumpingClock, organization: str, has_log: bool, reason: str
) -> None:
    sandbox.cloudflare.behaviour.organization_log = has_log
    with closing(client_of(sandbox, clock, organization_id=organization)) as client:
        with pytest.raises(Refused) as error:
            client.pull("organization", HOUR, HOUR + AN_HOUR)
        assert str(error.value) == reason
        assert client.pull("v2", HOUR, HOUR + AN_HOUR).evidence.kept == 0
