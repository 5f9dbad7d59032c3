"""The processes of a deployment, started from the files that `audit-assets deploy` wrote, and killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit_assets_tests.deploy.deployed import Deployed

CODE_SERVER, DAEMON, WEB_SERVER = "code server", "daemon", "web server"
BIN = Path(sys.executable).parent


@dataclass
class Deployment(Deployed):
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

    def dead(self) -> list[str]:
        return [name for name, process in self.running.items() if process.poll() is not None]

    def logs(self) -> str:
        return "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))
