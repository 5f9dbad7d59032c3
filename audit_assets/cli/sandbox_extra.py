"""The sandbox in this process; it needs the extra `sandbox`, which most installations do not have."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_assets.config.errors import SettingError

if TYPE_CHECKING:
    from audit_assets.sandbox.sandbox_history import SandboxHistory
    from audit_assets.sandbox.server import Sandbox


def start_sandbox(stack: ExitStack, folder: Path, **choice: Any) -> tuple["Sandbox", "SandboxHistory"]:
    """Serve the sandbox in that folder until the stack is closed. `choice` is as `open_sandbox` takes it.

    Raises `SettingError` if it can't start; without the extra, with the command that installs it.
    """
    with _extra():
        from audit_assets.sandbox.sandbox_history import SandboxSetupError, open_sandbox
        from audit_assets.sandbox.server import free_port, serve_sandbox
    try:
        sandbox, history = open_sandbox(folder, **choice)
    except SandboxSetupError as error:
        raise SettingError(f"The sandbox can't start: {error}.") from None
    stack.enter_context(serve_sandbox(sandbox, free_port()))
    return sandbox, history


def check_entries(path: Path) -> None:
    """Raises `SettingError` if this file holds no audit entries that the sandbox can serve. Touches nothing."""
    with _extra():
        from audit_assets.exports.entries_file import EntriesFileError, read_entries
    try:
        read_entries(path)
    except EntriesFileError as error:
        raise SettingError(f"{error}.") from None


@contextmanager
def _extra() -> Iterator[None]:
    """Raises `SettingError`, with the command that installs it, if a package of the extra can't be imported."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingError(
            f"The sandbox needs the package {error.name}: pip install 'audit-assets[sandbox]'."
        ) from None
