"""The definitions as Dagster's services load them: in a code server, a process of its own, under a location's name."""

import os
from pathlib import Path

from dagster import DagsterInstance, __version__
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

MODULE = "audit_assets.definitions"
LOCATION_VARIABLE = "DAGSTER_LOCATION_NAME"
"""Dagster's own, for the name of a code server's location: what is on and off is kept under that name."""


def location_name() -> str:
    """The name under which Dagster keeps what is on: the variable's, or the module's, as dagster gives it."""
    return os.environ.get(LOCATION_VARIABLE, "").strip() or MODULE


def open_workspace(instance: DagsterInstance) -> WorkspaceProcessContext:
    """The definitions, in a code server that ends with the context."""
    target = ModuleTarget(MODULE, attribute=None, working_directory=str(Path.cwd()), location_name=location_name())
    return WorkspaceProcessContext(instance, target, version=__version__, code_server_log_level="warning")
