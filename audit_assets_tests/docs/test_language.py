"""Identifiers and user-facing text use the plain words of the field: a short list of others occurs in neither."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import audit_assets

PACKAGE = Path(audit_assets.__file__).parent

FORBIDDEN = frozenset(
    {"told", "tell", "tells", "said", "say", "says", "hear", "heard", "ring", "rings", "rung", "wanting"}
    | {"trouble", "troubles", "doubt", "doubts", "rehearse", "rehearsal", "withheld", "gravest", "deed", "deeds"}
    | {"flood", "standing", "fate", "wire"}
)

ALLOWED = {
    "cloudflare/entries.py": frozenset({"another entry with the same id says something else"}),
    "reports/summary_versions.py": frozenset({"not_rung", "standing", "told"}),
    "storage/renamed_columns.py": frozenset({"standing", "told"}),
}
"""Per module what can't be renamed, as whole strings: names that stored hours still have, and a reason of quarantine,
which is a part of the ids of quarantined entries in Axiom."""

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
URL = re.compile(r"https?://\S+")


def words_of(text: str) -> set[str]:
    """The words of an identifier (snake_case or CamelCase) or of a sentence, in lower case."""
    return {word.lower() for word in WORD.findall(URL.sub(" ", text))}


def names_and_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each name that a module defines or asks for, and each string that is no docstring, with its line."""
    documentation = set(docstrings(tree))
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.keyword(arg=str(name)):
                yield node.lineno, name
            case ast.Attribute():
                yield node.lineno, node.attr
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.Constant(value=str(text)) if node not in documentation:
                yield node.lineno, text


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Strings that stand alone as a statement: of modules, classes and functions, and below constants and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value


def forbidden_in(source: str, allowed: frozenset[str] = frozenset()) -> list[str]:
    """`line: words in 'identifier or text'` for each that has any of the forbidden words."""
    return [
        f"  {line}: {', '.join(sorted(words))} in {' '.join(text.split())[:100]!r}"
        for line, text in sorted(set(names_and_texts(ast.parse(source))))
        if text not in allowed and (words := words_of(text) & FORBIDDEN)
    ]


def test_names_and_texts_use_plain_words() -> None:
    by_module = {
        name: found
        for path in sorted(PACKAGE.rglob("*.py"))
        if (found := forbidden_in(path.read_text(), ALLOWED.get(name := str(path.relative_to(PACKAGE)), frozenset())))
    }
    if by_module:
        count = sum(map(len, by_module.values()))
        listed = "\n".join(f"{name}: {len(found)}\n" + "\n".join(found) for name, found in by_module.items())
        pytest.fail(
            f"{count} names and texts in {len(by_module)} modules use forbidden words:\n{listed}", pytrace=False
        )


def test_words_are_found_in_every_kind_of_name_and_in_text() -> None:
    source = '''
"""A docstring may say so."""
from x import y as told_y
class RingBuffer:
    """It rings."""
    flood_limit = 1
    """The flood."""
def heard(said_of, *, doubt=None): return said_of.tells(fate="gravest of all")
'''
    assert [line.split(" in ")[0].strip() for line in forbidden_in(source)] == [
        "3: told",
        "4: ring",
        "6: flood",
        "8: doubt",
        "8: fate",
        "8: gravest",
        "8: heard",
        "8: said",
        "8: tells",
    ]


def test_parts_of_longer_words_and_addresses_are_not_meant() -> None:
    assert forbidden_in("strings = 'doubtless, https://example.com/tell/me, essay, wired, understanding'") == []
    assert forbidden_in("x = 'Ring the bell'", frozenset({"Ring the bell"})) == []
