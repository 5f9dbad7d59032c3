"""A run is taken for dead only if its code server is gone, or does not have it; who can't answer is not dead.

That a real code server's answer is understood, and a dead run is started again: deploy/test_deployment.py.
"""

import json
import socket
from concurrent import futures
from contextlib import closing
from typing import Any

import dagster as dg
import grpc
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.__generated__.dagster_api_pb2 import CanCancelExecutionReply
from dagster._grpc.__generated__.dagster_api_pb2_grpc import DagsterApiServicer, add_DagsterApiServicer_to_server
from dagster._grpc.types import CanCancelExecutionResult
from dagster._serdes import serialize_value

from audit_assets.defs import code_server_launcher
from audit_assets.defs.code_server_launcher import CodeServerRunLauncher


def health(port: int | None) -> WorkerStatus:
    tags = {} if port is None else {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": port})}
    launcher = CodeServerRunLauncher()
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(dg.DagsterRun(job_name="hourly_audit", tags=tags)).status


@pytest.mark.parametrize(("has_it", "status"), [(True, WorkerStatus.RUNNING), (False, WorkerStatus.NOT_FOUND)])
def test_its_code_server_knows(has_it: bool, status: WorkerStatus) -> None:
    class CodeServer(DagsterApiServicer):
        def CanCancelExecution(self, request: Any, context: Any) -> CanCancelExecutionReply:  # noqa: ARG002 - gRPC's
            answer = serialize_value(CanCancelExecutionResult(can_cancel=has_it))
            return CanCancelExecutionReply(serialized_can_cancel_execution_result=answer)

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    add_DagsterApiServicer_to_server(CodeServer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert health(port) is status
    finally:
        server.stop(None).wait()


def test_with_its_code_server_it_is_gone() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    assert health(port) is WorkerStatus.NOT_FOUND


def test_a_code_server_that_is_busy_has_it_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_server_launcher, "SECONDS", 1)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        assert health(silent.getsockname()[1]) is WorkerStatus.RUNNING


def test_a_run_that_no_code_server_started_is_left_alone() -> None:
    assert health(None) is WorkerStatus.RUNNING
