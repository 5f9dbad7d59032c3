"""The page about errors is true: each that a run can report is on it, and each that is on it can be reported."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import audit_assets

PACKAGE = Path(audit_assets.__file__).parent
PAGE = (PACKAGE / "docs" / "troubleshooting.md").read_text()

ERRORS = frozenset(
    {"Refused", "Unavailable", "Incomplete", "StoreError", "SettingError", "Rejected", "HourNotEnded", "HomeError"}
    | {"PreviewError", "SummaryError", "DemoError", "ForeignStore"}
)
"""What a person reads is the text of one of these."""

PARTS = frozenset({"cloudflare/page_parser.py", "cloudflare/paging.py", "cloudflare/pulls.py"})
"""Modules whose errors are the reason within another one's sentence."""

VALUE = "\u2026"
COMMANDS = ("cli/", "reports/")


def sentence(node: ast.expr, constants: dict[str, str]) -> str:
    """The text of an error with … in place of each value."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(sentence(part, constants) for part in parts)
        case ast.Name(id=name) if name in constants:
            return constants[name]
        case _:
            return VALUE


def errors(path: Path) -> Iterator[str]:
    """The sentences of the errors that a module makes."""
    tree = ast.parse(path.read_text())
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
            yield sentence(node.args[0], constants)


def reported() -> dict[str, list[str]]:
    """By module, what it can report; values alone tell nothing."""
    found = {str(path.relative_to(PACKAGE)): [*errors(path)] for path in sorted(PACKAGE.rglob("*.py"))}
    return {
        module: [text for text in texts if re.search(r"\w{3}", text)]
        for module, texts in found.items()
        if module not in PARTS and not module.startswith("sandbox/")
    }


def patterns() -> list[tuple[str, re.Pattern[str]]]:
    """The quoted errors of the page; … is any text."""
    rows = [row.split(" | ")[0] for row in PAGE.splitlines() if row.startswith("| `")]
    quoted = [text for row in rows for text in re.findall(r"`((?:\\`|[^`])+)`", row)]
    texts = [text.replace("\\`", "`") for text in quoted]
    return [(text, re.compile(".*".join(map(re.escape, text.split(VALUE))), re.DOTALL)) for text in texts]


def test_every_error_of_a_run_is_on_the_page() -> None:
    known = [pattern for text, pattern in patterns() if text != f"{VALUE}: {VALUE}"]
    missing = {
        module: unknown
        for module, texts in reported().items()
        if not module.startswith(COMMANDS)
        and (unknown := [text for text in texts if not any(pattern.search(text) for pattern in known)])
    }
    assert missing == {}


def test_every_error_on_the_page_can_be_reported() -> None:
    sources = [text for texts in reported().values() for text in texts]
    assert [text for text, pattern in patterns() if not any(pattern.search(source) for source in sources)] == []
