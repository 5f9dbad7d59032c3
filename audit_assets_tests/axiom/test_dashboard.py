"""The dashboard: its charts run, count each entry once, and are uploaded only where nothing is lost."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.dashboard import OF_ENTRIES, OF_FINDINGS, build_dashboard, dashboard_uid
from audit_assets.axiom.events import EVENT_SCHEMA
from audit_assets.axiom.finding_events import FINDING_EVENT
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import Refused, Unavailable
from audit_assets.sandbox.axiom.axiom_service import DATASET, TOKEN
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox

FINDINGS = "cloudflare-audit-findings"
KUSTO_TYPES = {"String": "string", "Boolean": "bool", "Int64": "long", "Float64": "real", "Datetime": "datetime"}
FIXTURES = Path(__file__).parents[1] / "fixtures" / "axiom"

HOUR = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Iterator[Sandbox]:
    """With a dataset of findings."""
    sandbox.axiom.store.create(FINDINGS, "", None, sandbox.shared.clock.now())
    yield sandbox
    sandbox.axiom.store.delete(FINDINGS)
    sandbox.axiom.dashboards.clear()


def document(**counted: Any) -> dict[str, Any]:
    return build_dashboard(DATASET, FINDINGS, ChangeFilter(**counted))


def chart(name: str, **counted: Any) -> str:
    """The query of a chart."""
    (found,) = [each for each in document(**counted)["charts"] if each["id"] == name]
    return found["query"]["apl"]


def store(sandbox: Sandbox, dataset: str, *events: dict[str, Any]) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    address = f"{sandbox.url}/v1/datasets/{dataset}/ingest"
    httpx.post(address, headers=headers, json=list(events)).raise_for_status()
    sandbox.shared.clock.advance(timedelta(seconds=10))


def rows(sandbox: Sandbox, apl: str) -> list[tuple[Any, ...]]:
    """What a chart shows of the days around the events."""
    span = {"startTime": "2026-11-01T00:00:00Z", "endTime": "2026-12-01T00:00:00Z"}
    answer = httpx.post(
        f"{sandbox.url}/v1/datasets/_apl?format=tabular",
        headers={"authorization": f"Bearer {TOKEN}"},
        json={"apl": apl, **span},
    )
    assert answer.status_code == 200, answer.text
    return sorted(zip(*answer.json()["tables"][0]["columns"], strict=True), key=str)


def entry(number: int, actor: str = "anne", kind: str = "create", **changed: Any) -> dict[str, Any]:
    known = {
        "_time": (HOUR + timedelta(minutes=number)).isoformat(),
        "entry_id": f"e{number}",
        "actor": actor,
        "actor_key": actor,
        "resource_type": "dns_record",
        "change_kind": kind,
        "action": kind,
        "action_result": "success",
        "stream": "v2",
        "resource_product": "dns",
        "actor_type": "user",
    }
    return known | changed


def test_the_charts_of_changes_count_each_entry_once_and_by_the_policy(sandbox: Sandbox) -> None:
    twice = entry(1)
    others = [entry(2, "bob", "delete"), entry(3, action_result="failure"), entry(4, kind="other")]
    store(sandbox, DATASET, twice, twice, *others)
    assert rows(sandbox, chart("changes_by_actor")) == [("anne", "anne", 1), ("bob", "bob", 1)]
    assert rows(sandbox, chart("changes_by_type")) == [("dns_record", "create", 1), ("dns_record", "delete", 1)]
    day = "2026-11-20T00:00:00Z"
    assert rows(sandbox, chart("changes_by_kind")) == [("create", day, 1), ("delete", day, 1)]
    assert rows(sandbox, chart("changes_by_actor", without_kinds=("delete",))) == [("anne", "anne", 1)]


def test_lateness_is_that_of_the_first_copy(sandbox: Sandbox) -> None:
    now = sandbox.shared.clock.now()
    store(sandbox, DATASET, entry(1, _time=(now - timedelta(hours=5)).isoformat()))
    sandbox.shared.clock.advance(timedelta(hours=3))
    store(sandbox, DATASET, entry(1, _time=(now - timedelta(hours=5)).isoformat()))
    ((hours, entries),) = [
        (row["hours_late"], row["entries"]) for row in _named(sandbox, chart("lateness"), now + timedelta(hours=4))
    ]
    assert (hours, entries) == (5, 1)


def _named(sandbox: Sandbox, apl: str, end: datetime) -> list[dict[str, Any]]:
    body = {"apl": apl, "startTime": (end - timedelta(days=30)).isoformat(), "endTime": end.isoformat()}
    address = f"{sandbox.url}/v1/datasets/_apl?format=tabular"
    table = httpx.post(address, headers={"authorization": f"Bearer {TOKEN}"}, json=body).json()["tables"][0]
    names = [field["name"] for field in table["fields"]]
    return [dict(zip(names, row, strict=True)) for row in zip(*table["columns"], strict=True)]


def test_the_charts_of_findings_count_each_finding_once(sandbox: Sandbox) -> None:
    known = {"_time": HOUR.isoformat(), "finding_id": "f1", "severity": "high", "actor": "anne", "kinds": "volume"}
    ticket = {"disposition": "ticket", "ticket": "SEC-1", "ticket_url": "https://linear.app/SEC-1"}
    below = {"entry_id": "2", "finding_id": "f2", "disposition": "below_threshold", "ticket": "", "ticket_url": ""}
    store(sandbox, FINDINGS, known | ticket | {"entry_id": "1"}, known | ticket | {"entry_id": "1"}, known | below)
    assert rows(sandbox, chart("findings_by_severity")) == [("high", "2026-11-20T00:00:00Z", 1)]
    assert rows(sandbox, chart("findings_by_disposition")) == [("below_threshold", 1), ("ticket", 1)]
    assert rows(sandbox, chart("latest_findings")) == [
        ("2026-11-20T09:00:00Z", "high", "anne", "volume", "SEC-1", "https://linear.app/SEC-1")
    ]


def test_without_a_dataset_of_findings_their_charts_are_left_out() -> None:
    found = build_dashboard(DATASET, None, ChangeFilter())
    assert [each["id"] for each in found["charts"]] == [each.query for each in OF_ENTRIES]
    assert FINDINGS not in json.dumps(found)


def test_no_chart_covers_another_and_each_has_its_place() -> None:
    found = document()
    cells = found["layout"]
    assert [cell["i"] for cell in cells] == [each.query for each in (*OF_ENTRIES, *OF_FINDINGS)]
    covered = [(x, y) for c in cells for x in range(c["x"], c["x"] + c["w"]) for y in range(c["y"], c["y"] + c["h"])]
    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) < 12
    assert len(build_dashboard("d" * 80, None, ChangeFilter())["name"]) <= 100


def test_a_dashboard_is_created_and_overwritten_only_on_request(sandbox: Sandbox, axiom: AxiomClient) -> None:
    uid = dashboard_uid(DATASET)
    assert axiom.upload_dashboard(uid, document(), overwrite=False) == uid
    assert sandbox.axiom.dashboards.get(uid)["dashboard"] == document()
    with pytest.raises(Refused, match=rf"Axiom has a dashboard '{uid}' already .* with --overwrite"):
        axiom.upload_dashboard(uid, document(without_kinds=("delete",)), overwrite=False)
    assert sandbox.axiom.dashboards.get(uid)["version"] == 1
    axiom.upload_dashboard(uid, document(without_kinds=("delete",)), overwrite=True)
    assert sandbox.axiom.dashboards.get(uid)["version"] == 2


def test_where_a_token_may_give_no_owner_it_gives_none(sandbox: Sandbox, axiom: AxiomClient) -> None:
    sandbox.axiom.behaviour.dashboard_owner = ""
    axiom.upload_dashboard("ours", document(), overwrite=False)
    assert sandbox.axiom.dashboards.get("ours")["dashboard"] == document() | {"owner": ""}


def test_a_token_without_the_capability_is_one_sentence(sandbox: Sandbox, axiom: AxiomClient) -> None:
    sandbox.axiom.behaviour.capabilities.discard("dashboards")
    with pytest.raises(Refused, match=r"may not write dashboards .* a token with the capability dashboards"):
        axiom.upload_dashboard("ours", document(), overwrite=False)


def test_what_axiom_does_not_take_is_quoted(axiom: AxiomClient) -> None:
    with pytest.raises(Refused, match=r"refused the dashboard \(HTTP 400\): Unrecognized keys in dashboard: color"):
        axiom.upload_dashboard("ours", document() | {"color": "red"}, overwrite=False)


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_failure_asks_to_upload_it_again(sandbox: Sandbox, axiom: AxiomClient, status: int) -> None:
    sandbox.faults.add(Fault("axiom", "dashboards", "status", at=1, times=1, options={"status": status}))
    with pytest.raises(Unavailable, match=r"Axiom did not take the dashboard: .* Upload it again later"):
        axiom.upload_dashboard("ours", document(), overwrite=False)


@pytest.mark.parametrize(
    ("charts", "schema", "dataset"),
    [(OF_ENTRIES, EVENT_SCHEMA, DATASET), (OF_FINDINGS, FINDING_EVENT, FINDINGS)],
    ids=["entries", "findings"],
)
def test_an_independent_parser_finds_every_chart_valid(
    charts: tuple[Any, ...], schema: dict[str, Any], dataset: str, tmp_path: Path
) -> None:
    """Microsoft's parser and binder, narrowed to what Axiom documents (docs/facts/apl.md, 3)."""
    checker, modules, node = FIXTURES / "kusto_check.js", os.environ.get("KUSTO_MODULES"), shutil.which("node")
    if not node or not modules:
        pytest.skip(
            "needs node, and KUSTO_MODULES: the node_modules folder after npm install @kusto/language-service-next"
        )
    files = [tmp_path / f"{each.query}.apl" for each in charts]
    for file, each in zip(files, charts, strict=True):
        file.write_text(chart(each.query))
    known = {"_sysTime": "Datetime", **{name: str(dtype).split("(")[0] for name, dtype in schema.items()}}
    columns = ",".join(f"{name}:{KUSTO_TYPES[dtype]}" for name, dtype in known.items())
    ran = subprocess.run(  # noqa: S603 - our own arguments
        [node, checker, columns, dataset, *files],
        env={
            "PATH": os.environ["PATH"],
            "NODE_PATH": modules,
            "APL_FEATURES": str(FIXTURES / "apl_features.json"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count(": ok (") == len(files)


def test_a_chart_has_neither_let_nor_comment() -> None:
    assert not any(re.search(r"^let |//", each["query"]["apl"], re.MULTILINE) for each in document()["charts"])
