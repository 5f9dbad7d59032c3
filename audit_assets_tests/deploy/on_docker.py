"""The shipped files on Docker: whatever container is killed, every hour of two accounts is done once.

    python -m audit_assets_tests.deploy.on_docker

Builds the image, starts it with Compose, lets two days of two accounts be done, kills the container of the web server,
the daemon, a run, the code server and PostgreSQL, and compares with one machine. Then everything is removed. Needs
Linux, root, Docker with Compose, openssl, and the images python:3.13-slim and postgres:17. Not part of the tests: where
these run, there may be no Docker, and no way to the images.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import pytest
import uvicorn
from dagster._core.instance.ref import InstanceRef

from audit_assets.sandbox.server import Sandbox
from audit_assets.storage.hours import key_of
from audit_assets.transport.clock import SystemClock
from audit_assets_tests.accounts.two_accounts import LAB, PROD
from audit_assets_tests.deploy.containers import VOLUMES, Containers, docker, inspected, kill
from audit_assets_tests.deploy.deployed import running
from audit_assets_tests.deploy.processes import BIN
from audit_assets_tests.deploy.two_days import (
    check_end_states,
    end_states,
    hours_until,
    on_one_machine,
    show_two_days,
    two_accounts,
)
from audit_assets_tests.servers.certificates import OPENSSL, certificate_of

CHECKOUT = Path(__file__).parents[2]
IMAGE = "audit-assets:trial"
USER = 10001
"""Of the image."""

PASSWORD = "a-long-random-text"
SECRETS = Path("/run/audit-assets")
"""Where the containers have them."""

TRUSTING = f"""\
FROM {IMAGE}-shipped
USER root
COPY server.pem /
RUN python -c "import certifi; open(certifi.where(), 'a').write(open('/server.pem').read())"
USER {USER}:{USER}
"""
"""The image that was built, which trusts the services of the trial besides: clients send nothing without TLS."""


def refusal() -> str | None:
    """Why the trial can't be made here; None if it can."""
    if not shutil.which("docker") or not OPENSSL:
        return "The trial needs docker and openssl: install them."
    if os.geteuid() != 0:
        return "The trial kills processes of containers: run it as root."
    try:
        docker("compose", "version")
        there = {*VOLUMES} & {*docker("volume", "ls", "--quiet").split()}
    except subprocess.CalledProcessError:
        return "Docker's daemon does not answer, or Docker has no Compose: see above."
    if there:
        return f"A deployment is here (the volume {min(there)}), which the trial would use: choose another machine."
    return None


@contextmanager
def served_with_tls(sandbox: Sandbox, folder: Path) -> Iterator[Path]:
    """The sandbox at an address that containers reach as well. Yields the file of its certificate."""
    (network,) = json.loads(docker("network", "inspect", "bridge"))
    (bridge,) = network["IPAM"]["Config"]
    host = str(next(ip_network(bridge["Subnet"]).hosts()))  # this machine's: old versions of Docker do not say so
    certificate = certificate_of(host, folder)
    config = uvicorn.Config(
        sandbox.app(),
        host=host,
        port=0,
        ssl_certfile=certificate,
        ssl_keyfile=f"{certificate}.key",
        log_level="error",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), f"the services can't be served at {host}"
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    sandbox.url = f"https://{host}:{port}"
    yield certificate
    server.should_exit = True
    thread.join()


def build(folder: Path, certificate: Path) -> None:
    """The image, as README.md of the deployment has it."""
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, CHECKOUT]
    subprocess.run(wheel, check=True)  # noqa: S603
    docker("build", "--tag", f"{IMAGE}-shipped", folder)
    shutil.copy(certificate, folder)
    (folder / "Dockerfile.trusting").write_text(TRUSTING)
    docker("build", "--tag", IMAGE, "--file", folder / "Dockerfile.trusting", folder)


def configure(folder: Path, settings: Mapping[str, str]) -> None:
    """The secrets and `.env`, and what several accounts need besides (docs/deployment.md, 3)."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    tokens = [f"CLOUDFLARE_API_TOKEN_{key.upper()}" for key in (PROD, LAB)]
    content = {name.lower(): settings[name] for name in ("AXIOM_TOKEN", "LINEAR_API_KEY", *tokens)}
    content["accounts.toml"] = Path(settings["AUDIT_ASSETS_ACCOUNTS"]).read_text()
    for name, text in content.items():
        (secrets / name).write_text(text)
        (secrets / name).chmod(0o400)
    for path in (secrets, *secrets.iterdir()):
        os.chown(path, USER, USER)
    for name, line in (
        ("compose.yaml", "  {name}_FILE: /run/audit-assets/{file}\n"),
        ("docker/dagster.yaml", "      - {name}_FILE\n"),
    ):
        one, *each = [line.format(name=name, file=name.lower()) for name in ("CLOUDFLARE_API_TOKEN", *tokens)]
        text = (folder / name).read_text()
        assert one in text
        (folder / name).write_text(text.replace(one, "".join(each)))
    given = ("CLOUDFLARE_API_URL", "AXIOM_ORG_ID", "AXIOM_URL", "LINEAR_TEAM_KEY", "LINEAR_API_URL")
    own = {
        "SECRETS": secrets,
        "DOCKER_GROUP": Path("/var/run/docker.sock").stat().st_gid,
        "DAGSTER_PG_PASSWORD": PASSWORD,
        "IMAGE": IMAGE,
        "AUDIT_ASSETS_ACCOUNTS": SECRETS / "accounts.toml",
        "AUDIT_ASSETS_FIRST_HOUR": settings["AUDIT_ASSETS_FIRST_HOUR"],
    }
    lines = {**own, **{name: settings[name] for name in given}}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


@contextmanager
def started(folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[Containers, dg.DagsterInstance]]:
    """The containers, and the instance as they see it. The sensors that request the hours of both accounts are on."""
    containers = Containers(folder)
    with ExitStack() as stack:
        stack.callback(containers.remove)
        containers.compose("up", "--detach")
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        own = {"HOST": containers.address("postgres"), "PORT": "5432", "PASSWORD": PASSWORD}
        database = {f"DAGSTER_PG_{name}": own.get(name, "dagster") for name in ("USERNAME", "DB", *own)}
        for name, value in {**settings, **database}.items():
            patch.setenv(name, value)
        instance = stack.enter_context(dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder))))
        containers.request_hours()
        yield containers, instance


def main() -> int:
    """The command."""
    if reason := refusal():
        print(reason, file=sys.stderr)
        return 1
    began, now = time.monotonic(), SystemClock().now()
    hours = hours_until(now)

    def reached(what: str) -> None:
        print(f"{time.monotonic() - began:.0f} s: {what}", flush=True)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sandbox, settings = stack.enter_context(two_accounts(folder / "cloud"))
        show_two_days(sandbox, hours)
        certificate = stack.enter_context(served_with_tls(sandbox, folder))
        settings |= {**sandbox.environment(), "AUDIT_ASSETS_FIRST_HOUR": key_of(hours[0])}
        deployment = folder / "deployment"
        subprocess.run([BIN / "audit-assets", "deploy", "--to", deployment], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        build(deployment, certificate)
        reached("the image is built")
        configure(deployment, settings)
        beside = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        undisturbed = beside.submit(on_one_machine, folder / "one machine", now)
        containers, instance = stack.enter_context(started(deployment, settings))
        reached("the containers run")

        def a_run() -> dg.DagsterRun:
            return containers.wait_for("a run", lambda: running(instance))[0]

        a_run()
        for service in ("webserver", "daemon"):
            kill(containers.container(service))
            reached(f"{service} was killed")
        dead = a_run()
        container = dead.tags["docker/container_id"]
        assert "Health" not in inspected(container)["State"], "nobody asks a run for a code server"
        kill(container)
        reached("a run was killed")
        containers.wait_for("it to be noticed", lambda: dead.run_id not in {run.run_id for run in running(instance)})
        reached("and noticed")
        for service in ("code-server", "postgres"):
            a_run()
            kill(containers.container(service))
            reached(f"{service} was killed")
            containers.wait_for(f"{service} to be there again", lambda of=service: containers.is_healthy(of))
            reached("and is there again")
        containers.wait_until_done(instance, hours)
        reached("every hour is done")
        containers.compose("cp", "code-server:/var/lib/audit-assets/hours", folder / "hours")
        os.environ["AUDIT_ASSETS_STORAGE"] = str(folder / "hours")
        distributed = end_states(instance, sandbox, hours)
        check_end_states(distributed, undisturbed.result(), len(hours))
        reached("and so it is on one machine")
    docker("image", "rm", IMAGE, f"{IMAGE}-shipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
