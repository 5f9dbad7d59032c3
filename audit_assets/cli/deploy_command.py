"""`audit-assets deploy`: writes out the files that a deployment starts from."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer
from rich.text import Text

from audit_assets.cli.console import output
from audit_assets.config.errors import SettingError
from audit_assets.tickets.formatting import pluralize

PACKAGE = "audit_assets.deploy"
READABLE_FOLDER, READABLE_FILE = 0o755, 0o644
"""None of these files holds a secret, and a container reads them as another user."""

NEXT_STEP = "README.md there has what to do next, with Docker, Kubernetes or systemd."


def deploy(
    to: Annotated[Path, typer.Option(help="Folder that gets the files; it is made if necessary.")],
) -> None:
    """Write out what a deployment starts from: for Docker Compose, Dagster's Helm chart and systemd.

    A file that is there and differs is never overwritten, and then nothing is written.

    Example: audit-assets deploy --to deployment
    """
    shipped = dict(shipped_files())
    try:
        states = {name: _state(to / name, content) for name, content in shipped.items()}
        if differing := [name for name, state in states.items() if state == "differs"]:
            raise SettingError(
                f"{', '.join(differing)} in {to} would be overwritten, and differs: name another folder with --to, and "
                "compare the two."
            )
        for name, state in states.items():
            if state == "missing":
                _write(to, name, shipped[name])
            output.print(Text(f"{'written' if state == 'missing' else 'as it was'}: {to / name}"), soft_wrap=True)
    except OSError as error:
        raise SettingError(f"{to} can't be written: {error.strerror}. Name another folder with --to.") from None
    output.print(Text(f"{pluralize(len(shipped), 'file')} in {to}. {NEXT_STEP}"), soft_wrap=True)


def shipped_files() -> Iterator[tuple[str, bytes]]:
    """The files by their path below the folder, in order."""
    yield from sorted(_below(files(PACKAGE), PurePosixPath()))


def _below(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            if each.name != "__pycache__":
                yield from _below(each, path / each.name)
        elif not each.name.endswith((".py", ".pyc")):
            yield str(path / each.name), each.read_bytes()


def _state(path: Path, content: bytes) -> str:
    if not path.is_symlink() and not path.exists():
        return "missing"
    return "the same" if path.is_file() and path.read_bytes() == content else "differs"


def _write(to: Path, name: str, content: bytes) -> None:
    path = to / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(READABLE_FILE)
    for folder in (path.parent, *path.parent.parents):
        if folder != to and not folder.is_relative_to(to):
            break
        folder.chmod(READABLE_FOLDER)
