"""Every module can be the first that is imported: no imports go in a circle, and none gives a warning.

A fresh interpreter for each of the modules would take minutes. Without a circle the order of imports decides nothing,
so that one interpreter which imports them all shows the rest.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import audit_assets

PACKAGE = Path(audit_assets.__file__).parent

MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__main__.py"
}


def imported_on_import(source: str) -> Iterator[str]:
    """The modules, and names in modules, that a module imports when it is imported itself: not those in functions."""
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def needed_by(name: str, source: str) -> set[str]:
    """Our modules that must be imported before a module is: those it names, and the packages that these lie in."""
    found = {each for each in imported_on_import(source) if each in MODULES}
    packages = {each[:end] for each in (*found, name) for end, letter in enumerate(each) if letter == "."}
    return (found | packages) - {name}


def test_no_imports_go_in_a_circle() -> None:
    graph = {name: needed_by(name, path.read_text()) for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]), pytrace=False)


def test_every_module_is_imported_without_a_warning() -> None:
    command = [sys.executable, "-W", "error", "-c", f"import {', '.join(MODULES)}"]
    run = subprocess.run(  # noqa: S603 - our own
        command, capture_output=True, text=True, check=False, timeout=120, cwd=PACKAGE.parent
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_only_imports_at_the_top_level_can_make_a_circle() -> None:
    source = "import a.b\nfrom c import d\nif x:\n    import e\ndef f():\n    import g\nclass H:\n    from i import j\n"
    assert set(imported_on_import(source)) == {"a.b", "c", "c.d", "e", "i", "i.j"}


OF_THE_UI = ("audit_assets.cli.dagster_services", "audit_assets.guard.browser_guard", "audit_assets.sandbox")
"""What is imported only where the extra `ui` or `sandbox` is installed."""


def test_without_the_extras_everything_but_the_ui_and_the_sandbox_can_be_imported() -> None:
    others = [name for name in MODULES if not name.startswith(OF_THE_UI)]
    missing = "".join(
        f"sys.modules[{name!r}] = None; " for name in ("dagster_webserver", "uvicorn", "starlette", "duckdb")
    )
    command = [sys.executable, "-c", f"import sys; {missing}import {', '.join(others)}"]
    run = subprocess.run(  # noqa: S603 - our own
        command, capture_output=True, text=True, check=False, timeout=120, cwd=PACKAGE.parent
    )
    assert (run.returncode, run.stderr) == (0, "")
