"""The processes of a deployment, started from the files that `audit-assets deploy` wrote, and killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

CODE_SERVER, DAEMON, WEB_SERVER = "code server", "daemon", "web server"
BIN = Path(sys.executable).parent
LONGEST_WAIT = 400.0
"""Seconds in which nothing changes: then a test fails instead of waiting."""


@dataclass
class Deployment:
    """The three processes, each a process group of its own with all that it starts. `folder`: where the files are."""

    folder: Path
    environment: Mapping[str, str]
    code_port: int
    web_port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a process, as its unit does."""
        workspace = str(self.folder / "workspace.yaml")
        commands = {
            CODE_SERVER: ["dagster", "api", "grpc", "-m", "audit_assets.definitions", "-h", "127.0.0.1", "-p"],
            DAEMON: ["dagster-daemon", "run", "-w", workspace],
            WEB_SERVER: ["dagster-webserver", "-h", "127.0.0.1", "-p", str(self.web_port), "-w", workspace],
        }
        command = [*commands[name], str(self.code_port)] if name == CODE_SERVER else commands[name]
        log = (self.folder / f"{name.replace(' ', '_')}.log").open("ab")
        with log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - Dagster's own programs
                [str(BIN / command[0]), *command[1:]],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL to a process and all that it started, as when its machine loses its power."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all of it."""
        for name in [*self.running]:
            self.kill(name)

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The web server's answer."""
        reply = httpx.post(
            f"http://127.0.0.1:{self.web_port}/graphql",
            json={"query": query, "variables": variables},
            timeout=30,
            trust_env=False,
        )
        answer = reply.raise_for_status().json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def wait_for(self, what: str, found: Callable[[], T | None], progress: Callable[[], object] = lambda: None) -> T:
        """What is found at last. `progress`: what changes as long as there is any."""
        known, since = progress(), time.monotonic()
        while time.monotonic() - since < LONGEST_WAIT:
            try:
                if value := found():
                    return value
            except httpx.TransportError:
                pass
            if (now := progress()) != known:
                known, since = now, time.monotonic()
            dead = [name for name, process in self.running.items() if process.poll() is not None]
            assert not dead, f"ended by itself: {dead}, {self.logs()}"
            time.sleep(0.5)
        raise AssertionError(f"{what}: nothing has changed for {LONGEST_WAIT:g} s. {self.logs()}")

    def logs(self) -> str:
        """The ends of what the processes printed."""
        return "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))
