"""What an hour's ticket shows of the actor's entries, with what Axiom remembers of it: the whole way."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.tables import ADDRESSES
from audit_assets_tests.defs.assets.test_overflow import run_from_tickets
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, v1_entry, v2_burst, v2_entry

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
ELSEWHERE = "2001:db8:bad::66"
NEW_TO_ALL = "; new to everybody here: nobody else used its network in 90 days"


def actor_from(address: str = "192.0.2.1", context: str = "dash", **token: str) -> dict[str, Any]:
    """The actor of an entry, from a place."""
    of_alice = {"id": "a1" * 16, "email": "alice@example.com", "type": "user"}
    return {"actor": of_alice | {"ip_address": address, "context": context, **token}}


def a_fortnight() -> Iterator[dict[str, Any]]:
    """Three changes a day from the office, and a sign-in from a hotel."""
    for day in range(1, 15):
        for entry in v2_burst(JUDGED - DAY * day, 3):
            yield entry | actor_from()
    yield v2_entry(JUDGED - DAY * 3, resource_type="session", action="view", number=99) | actor_from("198.51.100.9")


@pytest.fixture
def lived(pipeline: Pipeline) -> Pipeline:
    """The fortnight is in Axiom."""
    pipeline.remember([*a_fortnight()])
    return pipeline


def ticket_of(pipeline: Pipeline, *entries: dict[str, Any]) -> str:
    """The description of the one ticket that these entries of the hour open."""
    pipeline.sandbox.cloudflare.add("v2", entries)
    assert pipeline.run(JUDGED).success
    (ticket,) = pipeline.tickets()
    return ticket["description"]


def queries_without_tickets(pipeline: Pipeline) -> int:
    """How often Axiom is asked when the hour is run once more and opens none."""
    assert pipeline.run(JUDGED, open_tickets="never").success
    pipeline.sandbox.shared.calls.clear()
    assert pipeline.run(JUDGED, open_tickets="never").success
    count = pipeline.sandbox.shared.call_counts()["axiom", "query"]
    pipeline.sandbox.shared.calls.clear()
    return count


def section(description: str, heading: str) -> str:
    """The text under a heading."""
    return description.split(f"## {heading}\n\n", 1)[1].split("\n\n## ", 1)[0]


def test_a_ticket_shows_what_was_done_and_from_where_and_whether_that_was_used_before(lived: Pipeline) -> None:
    stolen = [entry | actor_from(ELSEWHERE) for entry in v2_burst(JUDGED, 40, action="delete")]
    described = ticket_of(
        lived,
        *stolen,
        v2_entry(JUDGED + timedelta(minutes=5), number=50) | actor_from(),
        v2_entry(JUDGED + timedelta(minutes=6), number=51) | actor_from("198.51.100.9"),
    )
    assert section(described, "What was done").startswith(
        "- 40 times `delete dns_records`, 09:00:00 to 09:00:39\n"
        "- 2 times `create dns_records`, 09:05:00 to 09:06:00\n"
        "\n"
        "+++ The first 10 and the last 10 of 42 entries (UTC)\n"
    )
    assert section(described, "From where") == (
        "This actor acted on 14 of the last 30 days.\n"
        "\n"
        f"- Address `{ELSEWHERE}`: 40 changes, first seen in this hour{NEW_TO_ALL}\n"
        "- Address `192.0.2.1`: 1 change, used on 14 of the last 30 days\n"
        "- Address `198.51.100.9`: 1 change, used on 1 of the last 30 days, first on 2026-11-19\n"
        "- User agent `Mozilla/5.0`: 42 changes, used on 14 of the last 30 days\n"
        "- Interface `dashboard`: 42 changes, used on 14 of the last 30 days"
    )
    assert f"- Find out whose `{ELSEWHERE}` is" in section(described, "What to check next")


def test_an_address_of_an_earlier_hour_of_the_day_is_not_called_new(lived: Pipeline) -> None:
    lived.remember([v2_entry(JUDGED - 2 * HOUR, number=7) | actor_from(ELSEWHERE)])
    described = ticket_of(lived, *(entry | actor_from(ELSEWHERE) for entry in v2_burst(JUDGED, 40)))
    assert f"- Address `{ELSEWHERE}`: 40 changes, first seen earlier that day, at 07:00 UTC{NEW_TO_ALL}\n" in described


def test_a_user_agent_that_axiom_keeps_in_part_is_known_again(lived: Pipeline) -> None:
    raw = {"raw": {"user_agent": "A" * 3_000, "method": "POST", "status_code": 200, "uri": "/zones"}}
    lived.remember([v2_entry(JUDGED - DAY, number=7) | actor_from() | raw])
    described = ticket_of(lived, *(entry | actor_from() | raw for entry in v2_burst(JUDGED, 40)))
    assert re.search(r"- User agent `A+… \([\d,]+ characters\)`: 40 changes, used on 1 of the last 30 days", described)


def test_both_streams_names_of_the_dashboard_are_one_interface(lived: Pipeline) -> None:
    lived.sandbox.cloudflare.add(
        "v1",
        [
            v1_entry(JUDGED, number=n) | {"actor": {"id": "a1" * 16, "type": "user", "ip": "192.0.2.1"}}
            for n in range(40)
        ],
    )
    described = ticket_of(lived, v2_entry(JUDGED, number=50) | actor_from())
    assert "- Interface `dashboard`: 41 changes, used on 14 of the last 30 days\n" in f"{described}\n"
    assert "- User agent not recorded: 40 changes\n" in described


def test_an_api_token_is_shown_by_its_name_and_id(pipeline: Pipeline) -> None:
    token = actor_from(context="api_token", token_id="7f" * 16, token_name="deploy")
    pipeline.remember([entry | token for day in range(1, 15) for entry in v2_burst(JUDGED - DAY * day, 3)])
    described = ticket_of(pipeline, *(entry | token for entry in v2_burst(JUDGED, 40)))
    assert f"- API token `deploy` `{'7f' * 16}`: 40 changes, used on 14 of the last 30 days" in described
    assert '**What to do now:** Find the system that holds `token "deploy"' in described


def test_the_charts_of_an_hour_cost_one_more_query_and_its_tickets_none(lived: Pipeline) -> None:
    lived.remember([entry for day in range(1, 15) for entry in v2_burst(JUDGED - DAY * day, 3, actor="bob@x.com")])
    alice = [entry | actor_from() for entry in v2_burst(JUDGED, 40)]
    lived.sandbox.cloudflare.add("v2", [*alice, *v2_burst(JUDGED, 40, actor="bob@x.com")])
    without = queries_without_tickets(lived)
    assert lived.run(JUDGED).success
    assert len(lived.tickets()) == 2
    assert lived.sandbox.shared.call_counts()["axiom", "query"] == without + 1


def test_without_axiom_s_answer_the_ticket_goes_out_and_mentions_it(lived: Pipeline) -> None:
    lived.sandbox.cloudflare.add("v2", [entry | actor_from(ELSEWHERE) for entry in v2_burst(JUDGED, 40)])
    assert lived.run(JUDGED, open_tickets="never").success
    lived.store.path(ADDRESSES, JUDGED).unlink()  # as of an hour that an earlier version judged
    lived.sandbox.faults.add(Fault("axiom", "query", "status", times=99, options={"status": 503}))
    assert run_from_tickets(lived).success
    (ticket,) = lived.tickets()
    assert section(ticket["description"], "From where").startswith(
        "Whether any of it was used before is not known: Axiom did not answer when this was written.\n"
        "\n"
        f"- Address `{ELSEWHERE}`: 40 changes\n"
    )


def test_the_links_open_the_query_the_raw_entries_and_the_run(lived: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_DAGSTER_URL", "https://dagster.example.com/")
    failed = v2_entry(JUDGED, number=60, resource_type="api_tokens") | actor_from()
    failed["action"] = failed["action"] | {"result": "failure"}
    described = ticket_of(lived, failed, *(entry | actor_from() for entry in v2_burst(JUDGED, 40)))
    links = dict(re.findall(r"^- \[(.*)\]\((.*)\)$", described, re.MULTILINE))
    (run,) = lived.instance.get_runs()
    assert links["The Dagster run"] == f"https://dagster.example.com/runs/{run.run_id}"
    assert urlsplit(links["The raw entries in Axiom"]).path == urlsplit(links["This query in Axiom"]).path
    token = {"Authorization": f"Bearer {lived.sandbox.token}"}
    page = httpx.get(links["The raw entries in Axiom"], headers=token).text
    assert '<h2>Rows <span class="count">41</span></h2>' in page
    assert "api_tokens" in page, "what failed is no change, and can still be read"


def test_an_hour_that_is_run_again_shows_the_same_but_for_the_run_and_the_chart_s_file(
    lived: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = ticket_of(lived, *(entry | actor_from(ELSEWHERE) for entry in v2_burst(JUDGED, 40)))
    with serve_sandbox(Sandbox(tmp_path / "another", clock=SandboxClock(lived.clock.now()))) as another:
        for name, value in another.linear.environment(another.url).items():
            monkeypatch.setenv(name, value)
        assert lived.run(JUDGED).success
        (again,) = another.linear.issues()
    run, file = re.compile(r"Dagster run `([0-9a-f-]{36})`"), re.compile(r"\(http://[^)]*/assets/[0-9a-f-]{36}\)")
    assert run.findall(first) != run.findall(again["description"])
    assert file.sub("", run.sub("", first)) == file.sub("", run.sub("", again["description"]))
    assert lived.tickets()[0]["id"] == again["id"]
