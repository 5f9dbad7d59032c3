"""What the pages of assets show: the answers of Dagster's own web server to what its pages ask."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import httpx
import uvicorn
from dagster_webserver.app import create_app_from_workspace_process_context

from audit_assets.cli.workspace import open_workspace
from audit_assets.sandbox.server import bound_socket

RUN = "... on Run {id status pipelineName startTime endTime tags {key value}}"
EVENT = (
    "runId timestamp stepKey label partition tags {key value} metadataEntries {__typename label} "
    f"runOrError {{{RUN}}}"
)
OVERVIEW = """
query($keys: [AssetKeyInput!]!) {
  assetsLatestInfo(assetKeys: $keys) {
    assetKey {path} unstartedRunIds inProgressRunIds latestRun {id status} latestMaterialization {runId timestamp}
  }
  assetNodes(assetKeys: $keys) {
    assetKey {path}
    partitionStats {numMaterialized numFailed numMaterializing numPartitions}
    assetPartitionStatuses {
      ... on TimePartitionStatuses {ranges {startKey endKey status}}
    }
    assetChecksOrError {
      ... on AssetChecks {
        checks {
          name
          executionForLatestMaterialization {runId status timestamp evaluation {severity success description}}
        }
      }
    }
  }
}"""
PARTITION = f"""
query($key: AssetKeyInput!, $partition: String!) {{
  assetOrError(assetKey: $key) {{
    ... on Asset {{
      definition {{latestRunForPartition(partition: $partition) {{id status}}}}
      assetEventHistory(
        partitions: [$partition], limit: 1000, eventTypeSelectors: [MATERIALIZATION, OBSERVATION, FAILED_TO_MATERIALIZE]
      ) {{
        results {{... on MaterializationEvent {{__typename {EVENT}}} ... on ObservationEvent {{__typename {EVENT}}}}}
      }}
    }}
  }}
}}"""
RUN_PAGE = """
query($id: ID!) {
  runOrError(runId: $id) {
    ... on Run {
      id status startTime endTime
      stats {... on RunStatsSnapshot {startTime endTime}}
      assets {key {path}}
      assetChecks {name}
      eventConnection {
        events {__typename ... on MessageEvent {message level} ... on ExecutionStepFailureEvent {error {message}}}
      }
    }
  }
}"""


class AssetPages:
    """Dagster's web server on an instance."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def show(self, assets: Iterable[str], pages: Iterable[str], partitions: Iterable[str]) -> dict[str, Any]:
        """How these assets are drawn, and the pages of these partitions of some of them."""
        shown: dict[str, Any] = {"overview": self.ask(OVERVIEW, keys=[{"path": [asset]} for asset in assets])}
        for asset in pages:
            for partition in partitions:
                answer = self.ask(PARTITION, key={"path": [asset]}, partition=partition)["assetOrError"]
                shown[f"{asset} {partition}"] = _as_drawn(answer)
        return shown

    def show_run(self, run_id: str) -> dict[str, Any]:
        """The page of a run."""
        return self.ask(RUN_PAGE, id=run_id)["runOrError"]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer, which has no errors."""
        answer = self._client.post("/graphql", json={"query": query, "variables": variables}).json()
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]


def _as_drawn(of_partition: dict[str, Any]) -> dict[str, Any]:
    """The newest event of each kind, and the latest run, which a page shows only if it is not that of the latest
    materialisation."""
    events = sorted(of_partition["assetEventHistory"]["results"], key=lambda each: float(each["timestamp"]))
    newest = {each["__typename"]: each for each in events}
    run = (of_partition["definition"] or {}).get("latestRunForPartition")
    is_shown = run and run["id"] != newest.get("MaterializationEvent", {}).get("runId")
    return {"newest": newest, "another_run": run if is_shown else None}


@contextmanager
def asset_pages(instance: dg.DagsterInstance) -> Iterator[AssetPages]:
    """The pages of that instance, on loopback."""
    with open_workspace(instance) as workspace, bound_socket() as listening:
        app = create_app_from_workspace_process_context(workspace)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        while not server.started:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
                yield AssetPages(client)
        finally:
            server.should_exit = True
            serving.join()
    workspace._grpc_server_registry.wait_for_processes()  # else a later test would meet the code server's end
