"""The containers of a deployment, started by Compose from the files that `audit-assets deploy` wrote, and killed."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_assets_tests.deploy.deployed import Deployed

VOLUMES = ("audit-assets-postgres", "audit-assets-hours", "audit-assets-secrets")
"""The volumes of compose.yaml."""

NETWORK = "audit-assets"


def docker(*arguments: str | Path, folder: Path | None = None) -> str:
    """What Docker prints. What it complains about is shown."""
    command = ["docker", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout.strip()  # noqa: S603


def inspected(container: str) -> dict[str, Any]:
    """What Docker knows of a container."""
    (known,) = json.loads(docker("inspect", container))
    return known


def kill(container: str) -> None:
    """SIGKILL to its first process, and with it to all: as a crash, after which Docker starts it again if it is to."""
    os.kill(inspected(container)["State"]["Pid"], signal.SIGKILL)


@dataclass
class Containers(Deployed):
    """Those of a Compose project. `folder`: where its files are."""

    folder: Path
    web_port: int = 3000

    def compose(self, *arguments: str | Path) -> str:
        """What Compose prints."""
        return docker("compose", "--progress", "quiet", *arguments, folder=self.folder)

    def remove(self) -> None:
        """All of it, with the volumes, and runs that are under way: Compose does not know those."""
        self.compose("stop", "daemon")
        for left in docker("ps", "--quiet", "--filter", f"network={NETWORK}").split():
            if "com.docker.compose.project" not in inspected(left)["Config"]["Labels"]:
                docker("rm", "--force", left)
        self.compose("down", "--volumes")

    def is_healthy(self, service: str) -> bool:
        """Whether it runs and its health check passes: one that has just ended is unhealthy for a moment."""
        state = inspected(self.container(service))["State"]
        return state["Running"] and state["Health"]["Status"] == "healthy"

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service)

    def address(self, service: str) -> str:
        """Its address, which this machine reaches."""
        (network,) = inspected(self.container(service))["NetworkSettings"]["Networks"].values()
        return network["IPAddress"]

    def dead(self) -> list[str]:
        return []  # Docker starts them again

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "40")
