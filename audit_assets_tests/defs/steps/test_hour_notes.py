"""The notes of an hour take a bounded time and delay no ticket for long."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from audit_assets.config.errors import AuditAssetsError, Incomplete, Refused, Unavailable
from audit_assets.defs.resources import TriageResource
from audit_assets.defs.steps.hour_notes import HourNotes
from audit_assets.tickets.finding import TriageNote
from audit_assets.tickets.model_note import note_section
from audit_assets.triage.model_answer import ASSESSMENT_LENGTH, ITEM_LENGTH, MOST_CHECKS, MOST_REASONS, ModelNote
from audit_assets_tests.support import JumpingClock
from audit_assets_tests.tickets.sample_findings import finding
from audit_assets_tests.triage.model_server import ModelServer, answer, error

NOTE = TriageNote("m", "a", (), ())


@dataclass
class SlowModel:
    """A model that takes its time, or fails; records the time that each request may take."""

    clock: JumpingClock
    takes: float = 0.0
    fails: AuditAssetsError | None = None
    allowed: list[float] = field(default_factory=list)

    def note_on(self, case: str, *, seconds: float) -> ModelNote:
        assert "alice" in case
        self.allowed.append(round(seconds))
        self.clock.sleep(min(self.takes, seconds))
        if self.fails:
            raise self.fails
        return ModelNote(NOTE.model, NOTE.assessment, NOTE.harmless, NOTE.check)

    def close(self) -> None:
        """Nothing is open."""


def hour_of(model: SlowModel) -> HourNotes:
    return HourNotes(lambda: model, model.clock)


def test_a_ticket_has_20_seconds_and_an_hour_60() -> None:
    model = SlowModel(JumpingClock(), takes=25.0, fails=Unavailable("no answer"))
    notes = hour_of(model)
    for _ in range(20):
        assert notes.add_note(finding()).note is None
    assert model.allowed == [20, 20, 20]
    assert notes.errors == [
        "no answer",
        "The triage model used up its time for this hour: the other tickets have no note.",
    ]


def test_what_is_left_of_the_hour_is_all_that_a_ticket_gets() -> None:
    model = SlowModel(JumpingClock(), takes=15.0)
    notes = hour_of(model)
    assert [notes.add_note(finding()).note for _ in range(6)] == [NOTE] * 4 + [None] * 2
    assert model.allowed == [20, 20, 20, 15]
    assert notes.made == 4


def test_what_can_not_get_better_ends_the_notes_of_the_hour() -> None:
    model = SlowModel(JumpingClock(), fails=Refused("wrong key"))
    notes = hour_of(model)
    assert [notes.add_note(finding()).note for _ in range(5)] == [None] * 5
    assert (len(model.allowed), notes.errors) == (1, ["wrong key"])


def test_a_repeated_error_is_recorded_once_and_the_next_ticket_may_have_a_note() -> None:
    model = SlowModel(JumpingClock(), fails=Incomplete("nonsense"))
    notes = hour_of(model)
    for _ in range(3):
        notes.add_note(finding())
    model.fails = None
    assert notes.add_note(finding()).note == NOTE
    assert (notes.errors, notes.made) == (["nonsense"], 1)


def test_without_a_model_there_is_no_note_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIT_ASSETS_TRIAGE_MODEL", raising=False)
    notes = TriageResource().hour_notes()
    assert notes.add_note(finding()) == finding()
    assert (notes.made, notes.errors) == (0, [])
    notes.close()


@pytest.mark.usefixtures("triage_settings")
def test_a_named_model_gets_the_packaged_prompt(server: ModelServer) -> None:
    notes = TriageResource().hour_notes()
    note = notes.add_note(finding()).note
    notes.close()
    assert note
    assert note.assessment == "A script may have removed DNS records in bulk."
    assert server.requests[0]["messages"][0]["content"].startswith("You help a security analyst")


@pytest.mark.usefixtures("triage_settings")
def test_a_team_may_replace_the_prompt(server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "prompt.md"
    own.write_text("Réponds en français.", "utf-8")
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_PROMPT", str(own))
    notes = TriageResource().hour_notes()
    notes.add_note(finding())
    notes.close()
    assert server.requests[0]["messages"][0]["content"] == "Réponds en français."


@pytest.mark.usefixtures("triage_settings")
@pytest.mark.parametrize("held", [None, b"", b" \n", b"\xff\xfe", b"x" * 20_001])
def test_an_unusable_prompt_is_one_sentence_and_sends_nothing(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bytes | None
) -> None:
    own = tmp_path / "prompt.md"
    if held is not None:
        own.write_bytes(held)
    monkeypatch.setenv("AUDIT_ASSETS_TRIAGE_PROMPT", str(own))
    notes = TriageResource().hour_notes()
    assert [notes.add_note(finding()).note for _ in range(2)] == [None, None]
    (sentence,) = notes.errors
    assert sentence.startswith(f"AUDIT_ASSETS_TRIAGE_PROMPT names '{own}'")
    assert server.requests == []


@pytest.mark.usefixtures("triage_settings")
def test_one_bad_answer_costs_one_note(server: ModelServer) -> None:
    replies = iter([error(500), answer()])
    server.behaviour = lambda _: next(replies)
    notes = TriageResource().hour_notes()
    written = [notes.add_note(finding()).note for _ in range(2)]
    notes.close()
    assert written[0] is None
    assert written[1]
    assert notes.errors == ["The triage model's endpoint answered HTTP 500."]


def test_a_ticket_renders_the_longest_note_that_is_accepted_whole() -> None:
    reasons, checks = ("h" * ITEM_LENGTH,) * MOST_REASONS, ("c" * ITEM_LENGTH,) * MOST_CHECKS
    text = note_section(TriageNote("m", "a" * ASSESSMENT_LENGTH, reasons, checks))
    assert text.count("a" * ASSESSMENT_LENGTH) == 1
    assert text.count("h" * ITEM_LENGTH) == MOST_REASONS
    assert text.count("c" * ITEM_LENGTH) == MOST_CHECKS
