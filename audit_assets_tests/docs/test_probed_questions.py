"""Every open question of the pages on services names the assumption of a probe that asks it, or why none does."""

import re
from pathlib import Path

import pytest

import audit_assets
from audit_assets.cli.probe.run import ALL

DOCS = Path(audit_assets.__file__).parent / "docs"
PAGES = ("cloudflare", "axiom", "apl", "linear")

IDS = {each.id for each in ALL}
NAMED = re.compile(r"`((?:cloudflare|axiom|linear)-[a-z0-9-]+)`")
WORDS = {10: "ten"}


def questions(page: str) -> list[str]:
    """The items of a page's list "to probe on a real account", each on one line."""
    text = (DOCS / "facts" / f"{page}.md").read_text()
    _, section = re.split(r"^## \d+ To probe on a real account$", text, flags=re.MULTILINE)
    listed = re.split(r"^## ", section, flags=re.MULTILINE)[0]
    return [" ".join(item.split()) for item in re.split(r"^- ", listed, flags=re.MULTILINE)[1:]]


@pytest.mark.parametrize("page", PAGES)
def test_every_open_question_is_probed_or_has_a_reason(page: str) -> None:
    assert len(questions(page)) >= 4
    for question in questions(page):
        named = set(NAMED.findall(question))
        assert named or re.search(r": not probed, since ", question), question
        assert named <= IDS, question


def test_every_assumption_is_behind_an_open_question() -> None:
    named = {name for page in PAGES for question in questions(page) for name in NAMED.findall(question)}
    assert named == IDS


def test_the_docs_count_what_stops_the_pipeline() -> None:
    text = " ".join((DOCS / "operations.md").read_text().split())
    assert f"On {WORDS[sum(each.stops for each in ALL)]} of the assumptions correctness rests" in text
