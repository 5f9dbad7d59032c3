"""Where an organization is set, its own log is a part of every hour."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit_assets.sandbox.cloudflare.access_control import ORGANIZATION_ID
from audit_assets_tests.defs.assets.test_hour import a_quiet_fortnight
from audit_assets_tests.pipeline import Pipeline, dagster_failure_of, problems_of, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)


def made_administrator() -> dict[str, Any]:
    """What an administrator of the organization does to its members."""
    role = {"roles": [{"id": "33666b9c79b9a5273fc7344ff42f953d"}]}
    entry = v2_entry(JUDGED + timedelta(minutes=10), resource_type="member", action="update")
    of_organization = {key: value for key, value in entry.items() if key not in ("account", "zone")}
    return of_organization | {
        "organization": {"id": ORGANIZATION_ID},
        "resource": entry["resource"] | {"request": role},
    }


def test_what_an_administrator_does_there_gets_a_ticket(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_ORGANIZATION_ID", ORGANIZATION_ID)
    pipeline.remember(a_quiet_fortnight())
    pipeline.sandbox.cloudflare.add("organization", [made_administrator()])
    assert problems_of(pipeline.run(JUDGED)) == []
    summary = pipeline.summary(JUDGED)
    assert summary["entries"]["by_stream"] == {"organization": 1}
    (ticket,) = pipeline.tickets()
    assert ticket["title"].startswith("A member was made Super Administrator")
    assert "alice@example" in ticket["title"]


def test_without_an_organization_nothing_is_asked_of_one(pipeline: Pipeline) -> None:
    assert problems_of(pipeline.run(JUDGED)) == []
    assert pipeline.sandbox.shared.call_counts()["cloudflare", "organization"] == 0


def test_an_hour_whose_organization_can_not_be_read_is_not_stored_without_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_ORGANIZATION_ID", ORGANIZATION_ID)
    pipeline.sandbox.cloudflare.behaviour.organization_log = False
    assert "unset it" in dagster_failure_of(pipeline.run(JUDGED))
    assert pipeline.store.read("raw_audit_entries", JUDGED) is None
    monkeypatch.delenv("CLOUDFLARE_ORGANIZATION_ID")
    assert problems_of(pipeline.run(JUDGED)) == []
