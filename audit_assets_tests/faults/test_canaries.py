"""No token is written anywhere: an hour that succeeds and hours that fail in every way, then a search of all files.

The tokens contain characters that are encoded in addresses and in JSON. Every failing answer repeats them in all forms,
in its body and in its headers, as a careless service might.
"""

import base64
import gzip
import json
import logging
import os
import sqlite3
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import polars as pl
import pytest
from starlette.applications import Starlette
from starlette.responses import Response

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.cli.dagster_home import instance_home
from audit_assets.defs.build import build_defs
from audit_assets.defs.partitions import key_of
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource, StorageResource
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.sandbox_clock import SandboxClock
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import DELIVERIES
from audit_assets.transport.http import HttpLimits
from audit_assets_tests.faults.traces import traces
from audit_assets_tests.pipeline import environment_of, v2_burst
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.transport.test_http import plain, serving

CANARIES = {
    "CLOUDFLARE_API_TOKEN": "canary/cloudflare+7f3a9c51e2~%==",
    "AXIOM_TOKEN": "xaat-canary/axiom+b64d20ff81~%==",
    "LINEAR_API_KEY": "lin_api_canary/linear+0c9e77a4d3~%==",
}
SETTING_OF = {"cloudflare": "CLOUDFLARE_API_TOKEN", "axiom": "AXIOM_TOKEN", "linear": "LINEAR_API_KEY"}
PATHS = {"cloudflare": "/client/", "axiom ingest": "/ingest", "axiom query": "/_apl", "linear": "/graphql"}

RUN_CONFIG = {
    "opened_tickets": {"config": {"open_tickets": "always"}},
    "flagged_actors": {"config": {"preset": "plain"}},
}

HOOK = "canary/webhook/T0/91bc3f7e20d6"
"""The end of an address that is itself a secret, as those of chat services are."""

NOW = datetime(2026, 6, 1, 10, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def repeated_forms(secret: str) -> str:
    """The token in every form in which a service may repeat it."""
    bearer = f"Bearer {secret}".encode()
    encoded = [base64.b64encode(each).decode() for each in (secret.encode(), bearer, b"x:" + secret.encode())]
    return " ".join([secret, quote(secret, safe=""), bearer.decode(), *encoded, secret.encode().hex()])


@dataclass
class EchoingService:
    """Accepts the canaries as the sandbox's own tokens; where it is armed, it answers and repeats them."""

    app: Any
    own: dict[str, str]
    elsewhere: str
    armed: dict[str, int] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith(HOOK):
            await Response(repeated_forms(HOOK), 404, {"X-Echo": repeated_forms(HOOK)})(scope, receive, send)
            return
        headers = [(name, self._own(value) if name == b"authorization" else value) for name, value in scope["headers"]]
        for target, status in self.armed.items():
            if PATHS[target] in scope["path"]:
                await self._answer(target.split()[0], status)(scope, receive, send)
                return
        await self.app({**scope, "headers": headers}, receive, send)

    def _own(self, value: bytes) -> bytes:
        for setting, canary in CANARIES.items():
            value = value.replace(canary.encode(), self.own[setting].encode())
        return value

    def _answer(self, service: str, status: int) -> Response:
        repeated = repeated_forms(CANARIES[SETTING_OF[service]])
        errors = [
            {"code": 10000, "message": repeated, "extensions": {"code": repeated, "userPresentableMessage": repeated}}
        ]
        failures = [{"timestamp": "", "error": repeated}]
        body = {
            "success": False,
            "errors": errors,
            "message": repeated,
            "error": repeated,
            "failed": 1,
            "failures": failures,
        }
        headers = {"Location": f"{self.elsewhere}/?{quote(repeated)}", "X-Echo": repeated, "Retry-After": "1"}
        return Response(json.dumps(body), status, headers, media_type="application/json")


class EchoingSandbox(Sandbox):
    """A sandbox that knows the canaries."""

    def __init__(self, data_dir: Path, elsewhere: str) -> None:
        super().__init__(data_dir, clock=SandboxClock(NOW))
        self.elsewhere = elsewhere
        self.armed: dict[str, int] = {}

    def app(self) -> Starlette:
        app = super().app()
        own = {name: super(EchoingSandbox, self).environment()[name] for name in CANARIES}
        app.add_middleware(EchoingService, own=own, elsewhere=self.elsewhere, armed=self.armed)
        return app

    def environment(self) -> dict[str, str]:
        return super().environment() | CANARIES


STATUSES = (200, 302, 400, 401, 403, 404, 409, 429, 430, 500)
BROKEN_ANSWERS = ("torn", "drop_before", "slow_before")

FAILURES: list[tuple[str, int | str]] = [
    *(("cloudflare", how) for how in (401, "torn")),
    *(("axiom ingest", how) for how in (500,)),
    *(("axiom query", how) for how in (400,)),
    *(("axiom", how) for how in ("slow_before",)),
    *(("linear", how) for how in (302, 403, "drop_before")),
]
"""How hours fail: at what, and with which status or fault. The clients alone are tried with all of them."""

BACKTEST = ("backtest", "--from", "2026-05-25", "--to", "2026-06-02")
COMMANDS: list[tuple[tuple[str, ...], dict[str, int]]] = [
    (("doctor",), {}),
    (("doctor",), dict.fromkeys(PATHS, 200)),
    (("doctor",), dict.fromkeys(PATHS, 400)),
    (("watchdog",), {}),
    (("watchdog",), dict.fromkeys(PATHS, 400)),
    (("metrics",), dict.fromkeys(PATHS, 400)),
    (BACKTEST, {}),
    (BACKTEST, dict.fromkeys(PATHS, 400)),
]
"""Each with what the services then answer with."""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all that was written."""
    folder = tmp_path_factory.mktemp("canaries")
    written = folder / "written"
    written.mkdir()
    with (
        serving(plain(b"")) as (elsewhere, asked_elsewhere),
        serve_sandbox(EchoingSandbox(folder / "sandbox", elsewhere)) as sandbox,
        pytest.MonkeyPatch.context() as patch,
        _everything_logged(written / "debug.log"),
    ):
        assert isinstance(sandbox, EchoingSandbox)
        for name, value in environment_of(sandbox, written / "hours").items():
            patch.setenv(name, value)
        patch.setenv("AUDIT_ASSETS_WEBHOOK_URL", f"{sandbox.url}/v1/{HOOK}")
        patch.setenv("AUDIT_ASSETS_HEARTBEAT_URL", f"{sandbox.url}/v1/{HOOK}")
        _play(sandbox, written)
        assert asked_elsewhere == [], "no redirect is followed"
    return written


@contextmanager
def _everything_logged(path: Path) -> Iterator[None]:
    """Every logger of the process at its most talkative."""
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


def _play(sandbox: EchoingSandbox, written: Path) -> None:
    """A fortnight, an hour that goes well, and the same hour failing in every way; then the commands."""
    judged = NOW.replace(minute=0) - HOUR
    past = [entry for day in range(1, 15) for entry in v2_burst(judged - day * 24 * HOUR, 3)]
    sandbox.cloudflare.add("v2", past + v2_burst(judged, 45, action="delete"))
    clock = JumpingClock(sandbox.shared.clock)
    limits = HttpLimits(attempts=2, attempt_seconds=0.3, overload_attempts=1)
    axiom_limits = AxiomLimits(attempts=2, sends=2, read_seconds=0.3, visibility_seconds=10)
    patient, impatient = _resources(clock, None, None), _resources(clock, limits, axiom_limits)
    outcomes: dict[str, bool] = {}
    with dg.DagsterInstance.from_config(str(instance_home(written))) as instance:

        def run(hour: datetime, name: str, job: dg.JobDefinition) -> None:
            result = job.execute_in_process(
                partition_key=key_of(hour),
                instance=instance,
                raise_on_error=False,
                run_config={"ops": RUN_CONFIG},
            )
            outcomes[name] = result.success

        hourly_audit = build_defs(resources=patient).resolve_job_def("hourly_audit")
        run(judged - 24 * HOUR, "the day before", hourly_audit)
        run(judged, "clean", hourly_audit)
        delivered = HourStore(str(written / "hours")).read_json(DELIVERIES, judged)
        assert delivered["problem"].startswith("The webhook answered HTTP 404"), "its address was used"
        hourly_audit = build_defs(resources=impatient).resolve_job_def("hourly_audit")
        for number, (target, how) in enumerate(FAILURES):
            hour = judged + HOUR * (number + 1)
            clock.sleep(3600)
            sandbox.cloudflare.add("v2", v2_burst(hour, 45, action="delete", resource_type=f"type{number}"))
            if isinstance(how, int):
                sandbox.armed[target] = how
            else:
                sandbox.faults.add(Fault(target, "*", how, 1, 50, {"seconds": 0.5}))
            run(hour, f"{target} {how}", hourly_audit)
            sandbox.armed.clear()
            sandbox.faults.clear()
    for how in (None, *STATUSES, *BROKEN_ANSWERS):
        if isinstance(how, int):
            sandbox.armed.update(dict.fromkeys(PATHS, how))
        elif how:
            for service in SETTING_OF:
                sandbox.faults.add(Fault(service, "*", how, 1, 50, {"seconds": 0.5}))
        (written / f"clients{how}.txt").write_text(_shown_by_clients(impatient))
        sandbox.armed.clear()
        sandbox.faults.clear()
    (written / "outcomes.json").write_text(json.dumps(outcomes))
    assert {name for name, went_well in outcomes.items() if went_well} == {"the day before", "clean"}
    for number, (command, armed) in enumerate(COMMANDS):
        sandbox.armed.update(armed)
        (written / f"command{number}.txt").write_text(_shown_by_command(command, written))
        sandbox.armed.clear()


def _resources(clock: JumpingClock, limits: HttpLimits | None, axiom_limits: AxiomLimits | None) -> dict[str, Any]:
    """What a run uses; without limits of its own it has all the patience that a slow machine needs."""
    return {
        "cloudflare": CloudflareResource(clock, limits),
        "axiom": AxiomResource(clock, axiom_limits),
        "linear": LinearResource(clock, limits),
        "storage": StorageResource(clock),
    }


def _shown_by_command(command: Sequence[str], folder: Path) -> str:
    """What a command prints, and what the list of processes shows meanwhile."""
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "audit_assets", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "500"},
    ) as running_command:
        listed = []
        while running_command.poll() is None:
            listed = [_command_line(process) for process in Path("/proc").glob("[0-9]*")] or listed
            time.sleep(0.2)
        assert running_command.stdout
        printed = running_command.stdout.read()
    assert "Traceback" not in printed, printed
    return "\n".join([printed, *listed])


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""  # it has ended


def _probe(client: Any) -> None:
    client.probe("v2")


def _facts(client: Any) -> None:
    client.dataset_facts()


def _check(client: Any) -> None:
    client.check()


def _shown_by_clients(resources: dict[str, Any]) -> str:
    """What the clients show of themselves and of their failures."""
    shown = [repr(resources), str(resources)]
    for name in SETTING_OF:
        client = resources[name].client()
        shown += [repr(client), str(client), repr(vars(client))]
        try:
            {"cloudflare": _probe, "axiom": _facts, "linear": _check}[name](client)
        except Exception as error:
            shown += [repr(error), "".join(traceback.format_exception(error))]
        client.close()
    return "\n".join(shown)


def test_no_token_is_anywhere(left_behind: Path) -> None:
    kinds = {path.suffix for path in left_behind.rglob("*") if path.is_file()}
    assert {".db", ".parquet", ".json", ".log", ".err", ".out", ".txt"} <= kinds, "all kinds of files were searched"
    assert traces(left_behind, [*CANARIES.values(), HOOK]) == []


SECRET = CANARIES["AXIOM_TOKEN"]


def _in_a_file(path: Path) -> None:
    path.write_text(f"before {SECRET} after")


def _in_an_address(path: Path) -> None:
    path.write_text(f"https://example.com/?token={quote(SECRET, safe='')}")


def _in_json(path: Path) -> None:
    path.write_text(json.dumps({"token": SECRET}).replace("/", "\\/"))


def _in_base64(path: Path) -> None:
    path.write_text("Basic " + base64.b64encode(b"user:" + SECRET.encode() + b":more").decode())


def _in_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(f"before {SECRET} after".encode()))


def _in_parquet(path: Path) -> None:
    pl.DataFrame({"text": [[f"x {SECRET}"]] * 100}).write_parquet(path, compression="zstd")


def _in_sqlite(path: Path) -> None:
    _write_row(path, f"x {SECRET}")


def _packed_in_sqlite(path: Path) -> None:
    _write_row(path, zlib.compress(f"x {SECRET}".encode()))


def _write_row(path: Path, value: str | bytes) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE events (body)")
        database.execute("INSERT INTO events VALUES (?)", [value])
        database.commit()


@pytest.mark.parametrize(
    "plant",
    [_in_a_file, _in_an_address, _in_json, _in_base64, _in_gzip, _in_parquet, _in_sqlite, _packed_in_sqlite],
    ids=lambda plant: plant.__name__.strip("_"),
)
def test_a_planted_token_is_found(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    folder = tmp_path / "deep" / "down"
    folder.mkdir(parents=True)
    _write_row(folder / "other.db", "nothing")
    assert traces(tmp_path, CANARIES.values()) == []
    plant(folder / "planted")
    assert [found.split(":")[0] for found in traces(tmp_path, CANARIES.values())][:1] == ["deep/down/planted"]
