"""A language model's note in a ticket: marked as a model's, bounded, and every sentence of it in a code span.

An entry's values may have dictated what the model wrote (prompt injection), so that its text is no more trusted than
theirs (docs/facts/linear.md, 3).
"""

from audit_assets.tickets.finding import TriageNote
from audit_assets.tickets.markdown import SafeMarkdown, code, collapsible

ASSESSMENT_LENGTH = 400
ITEM_LENGTH = 160
REASONS = 3
CHECKS = 4

OPEN_LENGTH = 500
"""A longer note is folded away: a ticket is read on a phone."""


def note_section(note: TriageNote) -> SafeMarkdown:
    """A note as Markdown."""
    lines = [f"- {code(note.assessment, ASSESSMENT_LENGTH)}"]
    lines += [f"- Benign explanation: {code(each, ITEM_LENGTH)}" for each in note.harmless[:REASONS]]
    lines += [f"- To check: {code(each, ITEM_LENGTH)}" for each in note.check[:CHECKS]]
    text = "\n".join(lines)
    source = f"Triage note, written by the model {code(note.model, 60)}; it may be wrong and decides nothing."
    shown = text if len(text) <= OPEN_LENGTH else collapsible("The note", text)
    return SafeMarkdown(f"## Triage note\n\n{source}\n\n{shown}")
