"""What is asked of a deployment, however its processes run: its web server, and what changes until something is so."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import dagster as dg
import httpx

from audit_assets.config.accounts import working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.defs.account_keys import asset_key
from audit_assets.defs.automation.ledger import IN_PROGRESS
from audit_assets.storage.hours import key_of
from audit_assets_tests.deploy.two_days import ASSETS, LAB, PROD

T = TypeVar("T")

LONGEST_WAIT = 400.0
"""Seconds in which nothing changes: then a test fails instead of waiting."""

LOCATIONS = "{repositoriesOrError {... on RepositoryConnection {nodes {name location {name}}}}}"
START_SENSOR = "mutation($of: SensorSelector!) {startSensor(sensorSelector: $of) {__typename}}"


class Deployed(ABC):
    """A deployment that was started. `web_port`: of its web server, on loopback."""

    web_port: int

    @abstractmethod
    def dead(self) -> Sequence[str]:
        """The names of the processes that ended by themselves, and that nobody starts again."""

    @abstractmethod
    def logs(self) -> str:
        """The ends of what the processes printed."""

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

    def request_hours(self) -> None:
        """Turn on the sensors that request the hours of both accounts."""
        (location,) = self.wait_for("the definitions", lambda: self.graphql(LOCATIONS)["repositoriesOrError"]["nodes"])
        of = {"repositoryName": location["name"], "repositoryLocationName": location["location"]["name"]}
        for key in (PROD, LAB):
            self.graphql(START_SENSOR, of={**of, "sensorName": f"{key}_missing_hours"})

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
            assert not self.dead(), f"ended by itself: {self.dead()}, {self.logs()}"
            time.sleep(0.5)
        raise AssertionError(f"{what}: nothing has changed for {LONGEST_WAIT:g} s. {self.logs()}")

    def wait_until_done(self, instance: dg.DagsterInstance, hours: Sequence[datetime]) -> None:
        """Until every hour of both accounts is, and no run is left."""

        def done() -> list[int]:
            counts = []
            for account in all_accounts():
                with working_for(account):
                    judged = instance.get_materialized_partitions(asset_key(ASSETS[-1]))
                counts.append(len(judged & {*map(key_of, hours)}))
            return counts

        def finished() -> bool:
            return {*done()} == {len(hours)} and not instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS))

        self.wait_for("every hour", finished, progress=done)


def running(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The runs that have begun and not ended."""
    return [*instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))]
