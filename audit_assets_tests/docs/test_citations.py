"""Every page and section of the documentation that code, tests and the pages themselves refer to exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import audit_assets
import audit_assets_tests

PACKAGE, TESTS = Path(audit_assets.__file__).parent, Path(audit_assets_tests.__file__).parent
ROOT = PACKAGE.parent

SECTION = r"(?:[A-D]\d*|\d+(?:\.\d+|[a-z])?)"
AND = r"(?:,?\s+and\s+|,\s+)"
CITATION = re.compile(rf"docs/facts/(\w+\.md)((?:,\s+|\s+\(){SECTION}\b(?:{AND}{SECTION}\b)*)?")
PAGE = re.compile(r"(?<![\w./-])((?:audit_assets/)?docs/(?:\w+/)*\w+\.md)")
FILE_NAME = re.compile(r"`((?:[\w.*-]+/)*[\w*-]+\.(?:py|graphql|jinja))`")
COMMENT_MARK = re.compile(r"\n\s*#\s?")


def source_files() -> list[Path]:
    """Code, queries and configuration: whatever may cite a page."""
    kinds = {".py", ".toml", ".yaml", ".apl", ".graphql", ".md", ".j2", ".html"}
    below = [path for folder in (PACKAGE, TESTS) for path in folder.rglob("*") if path.suffix in kinds]
    return sorted([*below, *(ROOT / name for name in ("README.md", "pyproject.toml") if (ROOT / name).exists())])


def text_of(path: Path) -> str:
    """The text of a file with each comment on one line, so that a citation over two lines is found whole."""
    return " ".join(COMMENT_MARK.sub(" ", path.read_text()).split())


def citations(text: str) -> Iterator[tuple[str, str]]:
    """Each (page, section) that a text cites; the section is empty where only the page is named."""
    for page, sections in CITATION.findall(text):
        for section in re.findall(SECTION, sections) or [""]:
            yield page, section


def headings(page: Path) -> set[str]:
    """What the headings of a page begin with."""
    return set(re.findall(rf"^#+ ({SECTION})\b", page.read_text(), re.MULTILINE))


def test_every_cited_section_is_a_heading_of_its_page() -> None:
    pages = {page.name: headings(page) for page in (PACKAGE / "docs" / "facts").glob("*.md")}
    unresolved = [
        f"{path.relative_to(ROOT)}: docs/facts/{page}, {section}"
        for path in source_files()
        for page, section in citations(text_of(path))
        if section and section not in pages.get(page, ())
    ]
    assert not unresolved, "\n".join(unresolved)


def test_every_page_that_is_mentioned_exists() -> None:
    mentioned = {(str(path.relative_to(ROOT)), page) for path in source_files() for page in PAGE.findall(text_of(path))}
    missing = [
        f"{path}: {page}"
        for path, page in sorted(mentioned)
        if page != "docs/facts/NAME.md" and not (PACKAGE / page.removeprefix("audit_assets/")).exists()
    ]
    assert not missing, "\n".join(missing)


def test_every_file_of_ours_that_a_page_names_exists() -> None:
    """Files of other projects are named without backticks, or as modules."""
    pages = [*(PACKAGE / "docs").rglob("*.md"), ROOT / "README.md"]
    named = {(page.name, name) for page in pages if page.exists() for name in FILE_NAME.findall(page.read_text())}
    assert len(named) > 20
    files = [path for folder in (PACKAGE, TESTS) for path in folder.rglob("*")]
    missing = [f"{page}: {name}" for page, name in sorted(named) if not any(path.match(name) for path in files)]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(docs/facts/axiom.md, 2.1)", [("axiom.md", "2.1")]),
        ("docs/facts/dagster.md, B2 and B10, say", [("dagster.md", "B2"), ("dagster.md", "B10")]),
        ("docs/facts/linear.md, 1.2, 2 and 4.1.", [("linear.md", "1.2"), ("linear.md", "2"), ("linear.md", "4.1")]),
        ("docs/facts/reliability.md, 2a and 0.5)", [("reliability.md", "2a"), ("reliability.md", "0.5")]),
        ('docs/facts/detection.md, 2.4, "Prior"', [("detection.md", "2.4")]),
        ("docs/facts/reliability.md (5) asks for less", [("reliability.md", "5")]),
        ("as in docs/facts/apl.md.", [("apl.md", "")]),
    ],
)
def test_citations_are_read_with_all_their_sections(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(citations(text)) == expected
