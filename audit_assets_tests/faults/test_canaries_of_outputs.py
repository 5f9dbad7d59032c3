"""No token is in what leaves an hour besides its ticket, nor in what other commands write: a search of all of it.

The webhook as OCSF, a channel, findings and a dashboard in Axiom, watch rules checked and replayed, a summary, a
preview, and a demo that is started with the tokens of real services around it. First all of them work, then each
receiver refuses and repeats its address, and the services repeat the tokens.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.cli.dagster_home import instance_home
from audit_assets.defs.build import build_defs
from audit_assets.defs.partitions import key_of
from audit_assets.sandbox.axiom.axiom_service import DATASET
from audit_assets.sandbox.server import serve_sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import DELIVERIES, INGESTED_FINDINGS, SENT_MESSAGES
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.faults.test_canaries import (
    CANARIES,
    HOOK,
    HOUR,
    NOW,
    PATHS,
    RUN_CONFIG,
    EchoingSandbox,
    _everything_logged,
    _resources,
    _shown_by_command,
)
from audit_assets_tests.faults.traces import traces
from audit_assets_tests.notify.receivers import Receiver, receiving
from audit_assets_tests.pipeline import environment_of, v2_burst
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.transport.test_http import plain, serving

FINDINGS = "audit-findings"
CHANNEL = "canary-channel/8e41c7f05d"
SECRETS = [*CANARIES.values(), HOOK, CHANNEL]
JUDGED = NOW.replace(minute=0) - HOUR
SPAN = ("--from", "2026-05-30", "--to", "2026-06-02")

COMMANDS: list[tuple[tuple[str, ...], dict[str, int]]] = [
    (("axiom", "dashboard", "board.json"), {}),
    (("axiom", "dashboard", "--upload"), {}),
    (("axiom", "dashboard", "--upload"), dict.fromkeys(("axiom dashboards",), 400)),
    (("watch", "check"), {}),
    (("watch", "replay", *SPAN), {}),
    (("summary", key_of(JUDGED), "--json"), {}),
    (("preview", key_of(JUDGED), "--html", "tickets.html"), {}),
    (("demo", "--entries", "log.ndjson", "--judge-hours", "1", "--json"), {}),
]
"""Each with what the services then answer with."""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all that was written, what the receivers got and what Axiom holds included."""
    folder = tmp_path_factory.mktemp("canaries")
    written = folder / "written"
    written.mkdir()
    (folder / "policy.toml").write_text('[[channels]]\nname = "chat"\n')
    with (
        serving(plain(b"")) as (elsewhere, _),
        serve_sandbox(EchoingSandbox(folder / "sandbox", elsewhere)) as sandbox,
        receiving(f"/{HOOK}") as hook,
        receiving(f"/{CHANNEL}") as chat,
        pytest.MonkeyPatch.context() as patch,
        _everything_logged(written / "debug.log"),
    ):
        assert isinstance(sandbox, EchoingSandbox)
        settings = {
            **environment_of(sandbox, written / "hours"),
            "AUDIT_ASSETS_WEBHOOK_URL": hook.url,
            "AUDIT_ASSETS_WEBHOOK_FORMAT": "ocsf",
            "AUDIT_ASSETS_POLICY": str(folder / "policy.toml"),
            "AUDIT_ASSETS_CHANNEL_CHAT": f"json://{chat.host}/{CHANNEL}",
            "AXIOM_FINDINGS_DATASET": FINDINGS,
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.setitem(PATHS, "axiom dashboards", "/dashboards")
        patch.setitem(PATHS, "axiom findings", FINDINGS)
        _play(sandbox, written, hook, chat)
    return written


def _play(sandbox: EchoingSandbox, written: Path, hook: Receiver, chat: Receiver) -> None:
    """An hour whose outputs all arrive, one whose outputs are all refused; then the commands."""
    sandbox.axiom.store.create(FINDINGS, "", None, sandbox.shared.clock.now())
    past = [entry for day in range(1, 15) for entry in v2_burst(JUDGED - day * 24 * HOUR, 3)]
    hours = {"alice@example.com": JUDGED, "bob@example.com": JUDGED + HOUR}
    bursts = [entry for actor, hour in hours.items() for entry in v2_burst(hour, 60, action="delete", actor=actor)]
    sandbox.cloudflare.add("v2", past + bursts)
    (written / "log.ndjson").write_text("".join(json.dumps(entry) + "\n" for entry in [*past, *bursts]))
    clock = JumpingClock(sandbox.shared.clock)
    store = HourStore(str(written / "hours"))
    limits = (HttpLimits(attempts=2, overload_attempts=1), AxiomLimits(attempts=2, sends=2))
    job = build_defs(resources=_resources(clock, *limits)).resolve_job_def("hourly_audit")
    with dg.DagsterInstance.from_config(str(instance_home(written))) as instance:

        def run(hour: datetime) -> None:
            config: dict[str, Any] = {"ops": RUN_CONFIG}
            result = job.execute_in_process(
                partition_key=key_of(hour), instance=instance, raise_on_error=False, run_config=config
            )
            assert result.success

        run(JUDGED - 24 * HOUR)
        run(JUDGED)
        assert hook.received, "OCSF arrived"
        assert chat.received, "a message arrived"
        assert store.read_json(INGESTED_FINDINGS, JUDGED) is None, "nothing to report: they arrived"
        clock.sleep(3600)
        hook.status = chat.status = 403
        sandbox.armed["axiom findings"] = 400
        run(JUDGED + HOUR)
        sandbox.armed.clear()
    refused = JUDGED + HOUR
    assert store.read_json(DELIVERIES, refused)["problem"].startswith("The webhook answered HTTP 403")
    assert store.read_json(INGESTED_FINDINGS, refused)["problem"], "the findings dataset refused"
    assert "HTTP 403" in store.read_json(SENT_MESSAGES, refused)["chat"]["problem"]
    (written / "received.json").write_text(json.dumps([hook.received, chat.received]))
    (written / "axiom.json").write_text("\n".join(_held(sandbox, dataset) for dataset in (DATASET, FINDINGS)))
    for number, (command, armed) in enumerate(COMMANDS):
        sandbox.armed.update(armed)
        (written / f"command{number}.txt").write_text(_shown_by_command(command, written))
        sandbox.armed.clear()


def _held(sandbox: EchoingSandbox, dataset: str) -> str:
    """What Axiom holds in a dataset, as text."""
    sandbox.shared.clock.advance(timedelta(seconds=60))
    headers = {"authorization": f"Bearer {CANARIES['AXIOM_TOKEN']}"}
    address = f"{sandbox.url}/v1/datasets/_apl?format=tabular"
    answer = httpx.post(address, headers=headers, json={"apl": f"['{dataset}'] | limit 1000"}, trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["tables"][0]["columns"]
    return answer.text


def test_no_token_and_no_address_of_a_receiver_is_anywhere(left_behind: Path) -> None:
    for name in ("received.json", "axiom.json", "board.json", "tickets.html", ".audit_assets/demo"):
        assert (left_behind / name).exists(), name
    assert traces(left_behind, SECRETS) == []


def test_each_command_did_what_it_is_for(left_behind: Path) -> None:
    """A command that fails at once would leave nothing to be found."""
    shown = [(left_behind / f"command{number}.txt").read_text() for number in range(len(COMMANDS))]
    assert key_of(JUDGED) in shown[5]
    assert '"entries"' in shown[7]
