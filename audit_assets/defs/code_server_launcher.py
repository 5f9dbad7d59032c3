"""Dagster's own run launcher, which also notices that a run's process is gone.

With DefaultRunLauncher a run is a process of the code server, which reports it when it dies. If both die together, as
with a power cut or a machine without memory, nobody does: Dagster can't ask that launcher, so that the run stays
"started" and holds up the queue until `max_runtime_seconds` are over (docs/facts/dagster.md, B13). Run monitoring asks
this one.
"""

import json

import dagster as dg
import grpc
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

SECONDS = 10
"""That a code server has for its answer."""


class CodeServerRunLauncher(dg.DefaultRunLauncher):
    """Runs are processes of the code server, and the code server is asked whether it has them."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING if the code server that started the run still has it, or does not answer in time, as under load, and
        for a run that no code server started, as `audit-assets start` makes them; else NOT_FOUND: nobody listens there
        any more, or another server does."""
        if not (address := run.tags.get(GRPC_INFO_TAG)):
            return CheckRunHealthResult(WorkerStatus.RUNNING, msg="no code server has started it")
        client = DagsterGrpcClient(**json.loads(address))
        request = CanCancelExecutionRequest(run_id=run.run_id)
        try:
            answer = client.can_cancel_execution(request, timeout=SECONDS)
        except DagsterUserCodeUnreachableError as error:
            cause = error.__cause__
            # grpc's types know no code() of RpcError: what is raised of a call has one
            if isinstance(cause, grpc.RpcError) and cause.code() is grpc.StatusCode.UNAVAILABLE:  # type: ignore[attr-defined]
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, msg="its code server is gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING, msg="its code server gave no answer in time")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, msg="its code server was started anew and does not have it")
