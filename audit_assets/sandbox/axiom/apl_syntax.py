"""APL text before it is translated: only known tokens and known stages, nothing that the translator could drop.

duckdb-kql ignores some of what it parses (hints, names inside calls) and accepts what APL does not document (other
escapes, functions in braces, member access with a dot). All of that is refused here, with its position; whether names
and types are right is checked in query_plan.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from audit_assets.sandbox.axiom.axiom_behaviour import AxiomRefusal, bad_query

STAGES: Mapping[str, str] = {
    "where": "Where",
    "extend": "Extend",
    "distinct": "Distinct",
    "summarize": "Summarize",
    "sort": "Sort",
    "limit": "Take",
}
"""The tabular operators that the sandbox runs, and duckdb-kql's names for them."""

AGGREGATES = ("count", "max", "min", "sum")
SCALARS = ("bin", "bin_auto", "column_ifexists", "datetime_diff", "isempty", "isnotempty")
FUNCTIONS = frozenset({*AGGREGATES, *SCALARS, "dynamic"})
"""What may be called: what our queries need, each tested with a known answer."""

WORDS = frozenset({"where", "and", "or", "in"})
"""Words that a parenthesis may follow without being called."""

DEEPEST = 50
"""Nested brackets: the parser's time grows with them."""

_STRING = r"""(?:[^{q}\\\x00-\x1f\x7f]|\\["'\\tn])*"""

_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\r\n]+)
    | (?P<comment>//[^\r\n]*)
    | (?P<datetime>datetime[ ]*\([^()"'\r\n]*\))
    | (?P<string>"{_STRING.format(q='"')}"|'{_STRING.format(q="'")}')
    | (?P<number>\d+[hd]?\b)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>!in\b|>=|[\[\](),;|=<])
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True)
class Token:
    """A piece of the text, and where it begins."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class StageText:
    """One stage of the text: its operator, and how many expressions it lists, those after `by` included."""

    operator: str
    width: int


@dataclass(frozen=True)
class QueryText:
    """A text that can be translated: comments are blanked out, so that positions stay the same."""

    text: str
    dataset: str
    stages: tuple[StageText, ...]


def read_query(text: str) -> QueryText:
    """Parse an APL text. Raises AxiomRefusal for everything that the sandbox does not support."""
    tokens = _tokens(text)
    meaningful = [token for token in tokens if token.kind not in ("space", "comment")]
    _check_neighbours(text, meaningful)
    dataset, stages = _pipeline(text, _without_lets(text, meaningful))
    plain = "".join(" " * len(token.text) if token.kind == "comment" else token.text for token in tokens)
    return QueryText(plain, dataset, stages)


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise _refused(text, at, "the sandbox can't read this")
        tokens.append(Token(found.lastgroup, found.group(), at))
        at = found.end()
    return tokens


def _check_neighbours(text: str, tokens: list[Token]) -> None:
    """Check each token with the one before it."""
    depth = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.text in ("(", "["):
            depth += 1
        elif token.text in (")", "]"):
            depth -= 1
        if depth < 0:
            raise _refused(text, token.at, "a bracket is closed that was not opened")
        if depth > DEEPEST:
            raise _refused(text, token.at, "the sandbox does not support brackets nested as deep as this")
        if token.text == "=" and depth:
            raise _refused(text, token.at, "the sandbox does not support names inside a call")
        if token.kind == "string" and before and before.kind == "string":
            raise _refused(text, token.at, "two strings side by side")
        if token.kind == "string" and before and before.kind == "name" and before.at + len(before.text) == token.at:
            raise _refused(text, token.at, "the sandbox does not know this kind of string")
        if token.text == "(" and before and before.kind == "name" and before.text not in FUNCTIONS | WORDS:
            raise _refused(text, before.at, f"the sandbox does not run the function {before.text!r}")
    if depth:
        raise _refused(text, len(text), "a bracket is not closed")


def _without_lets(text: str, tokens: list[Token]) -> list[Token]:
    """What follows the `let` statements at the top."""
    names: set[str] = set()
    while tokens and tokens[0].text == "let":
        if len(tokens) < 4 or tokens[1].kind != "name" or tokens[2].text != "=":
            raise _refused(text, tokens[0].at, "a let statement is `let name = value;`")
        if tokens[1].text in names:
            raise _refused(text, tokens[1].at, f"{tokens[1].text!r} is defined twice")
        ends = [index for index, token in enumerate(tokens) if token.text == ";"]
        if not ends:
            raise _refused(text, tokens[0].at, "a let statement ends with a semicolon")
        if any(token.text == "|" for token in tokens[: ends[0]]):
            raise _refused(text, tokens[0].at, "the sandbox supports let statements with values only")
        names.add(tokens[1].text)
        tokens = tokens[ends[0] + 1 :]
    return tokens


def _pipeline(text: str, tokens: list[Token]) -> tuple[str, tuple[StageText, ...]]:
    if tokens and tokens[-1].text == ";":
        tokens = tokens[:-1]
    parts = _split(tokens, "|")
    dataset = _dataset(text, parts[0])
    return dataset, tuple(_stage(text, part) for part in parts[1:])


def _dataset(text: str, tokens: list[Token]) -> str:
    match [(token.kind, token.text) for token in tokens]:
        case [(_, "["), ("string", name), (_, "]")]:
            return name[1:-1]
        case _:
            raise _refused(text, tokens[0].at if tokens else 0, "a query begins with the name of a dataset")


def _stage(text: str, tokens: list[Token]) -> StageText:
    if not tokens:
        raise _refused(text, len(text), "an empty stage")
    operator, body = tokens[0].text, tokens[1:]
    if operator not in STAGES:
        raise _refused(text, tokens[0].at, f"the sandbox does not run the operator {operator!r}")
    if any(token.text == ";" for token in body):
        raise _refused(text, tokens[0].at, "one query at a time")
    return StageText(operator, _width(operator, body))


def _width(operator: str, body: list[Token]) -> int:
    """How many expressions a stage lists: the translation must have as many."""
    if not body:
        return 0
    lists = _split(body, ",")
    by = operator == "summarize" and any(token.text == "by" for token in body) and body[0].text != "by"
    return len(lists) + (1 if by else 0)


def _split(tokens: list[Token], sign: str) -> list[list[Token]]:
    """Split at a sign outside of all brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.text == sign and token.kind == "sign" and not depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _refused(text: str, at: int, why: str) -> AxiomRefusal:
    line = text.count("\n", 0, at) + 1
    return bad_query(why, line, at - (text.rfind("\n", 0, at) + 1) + 1)
