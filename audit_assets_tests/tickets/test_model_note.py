"""A model's note is marked, bounded, and no more than quoted text, whatever the model writes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.tickets.finding import TriageNote
from audit_assets.tickets.model_note import note_section
from audit_assets_tests.tickets.test_markdown import all_tokens, hostile

SHORT = TriageNote("small-model-1", "A script may have done it.", ("one interface",), ("Ask Alice.",))

STRUCTURE = {
    "heading_open",
    "heading_close",
    "paragraph_open",
    "paragraph_close",
    "bullet_list_open",
    "bullet_list_close",
    "list_item_open",
    "list_item_close",
    "inline",
    "text",
    "softbreak",
    "code_inline",
}

texts = hostile | st.text(st.characters(), min_size=100, max_size=600)
notes = st.builds(
    TriageNote, hostile, texts, st.lists(texts, max_size=5).map(tuple), st.lists(texts, max_size=6).map(tuple)
)


def test_a_short_note_is_open_and_shows_whose_it_is() -> None:
    assert note_section(SHORT) == (
        "## Triage note\n\n"
        "Triage note, written by the model `small-model-1`; it may be wrong and decides nothing.\n\n"
        "- `A script may have done it.`\n"
        "- Benign explanation: `one interface`\n"
        "- To check: `Ask Alice.`"
    )


def test_a_long_note_is_folded_but_its_mark_is_not() -> None:
    long = TriageNote("m", "x" * 400, ("y" * 160,), ())
    marked, folded = note_section(long).split("\n\n+++ The note\n\n")
    assert "written by the model `m`; it may be wrong" in marked
    assert folded.endswith("\n\n+++")


@settings(max_examples=400, deadline=None)
@given(notes)
def test_nothing_that_a_model_writes_becomes_a_part_of_the_ticket(note: TriageNote) -> None:
    section = note_section(note)
    found = all_tokens(section)
    assert len(section) <= 2_200
    assert {token.type for token in found} <= STRUCTURE
    items = 1 + min(len(note.harmless), 3) + min(len(note.check), 4)
    assert [token.type for token in found].count("list_item_open") == items
    assert [token.type for token in found].count("code_inline") == items + 1
    assert [token.type for token in found].count("heading_open") == 1
    assert "://" not in section
    assert "linear.app" not in section.lower()
    assert all(line.isprintable() for line in section.splitlines())
