"""Progress: moving in a terminal, and a line now and then where nobody looks at one."""

import threading
from collections import Counter

import pytest
from rich.console import Console

from audit_assets.cli import console
from audit_assets.cli.console import HoursDone, describe_progress, step


@pytest.mark.parametrize(
    ("done", "elapsed", "text"),
    [
        (0, 5, "0 of 738 h"),
        (36, 5, "36 of 738 h"),
        (312, 30, "312 of 738 h, about 41 s left"),
        (369, 600, "369 of 738 h, about 10 min left"),
        (740, 60, "738 of 738 h, about 0 s left"),
        (-3, 60, "0 of 738 h"),
    ],
)
def test_it_is_shown_how_far_a_step_is_and_how_long_it_will_take(done: int, elapsed: float, text: str) -> None:
    assert describe_progress(done, 738, elapsed) == text


def test_a_pipe_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    counted, asked = iter(range(100, 10_000)), threading.Event()

    def count() -> int:
        if (done := next(counted)) == 103:
            asked.set()
        return done

    monkeypatch.setattr(console, "PIPE_SECONDS", 0.001)
    with step("Pulling", Counter, HoursDone(738, count)):
        assert asked.wait(60)
    first, *lines, last = capsys.readouterr().err.splitlines()
    assert first == "Pulling …"
    assert [line.split(", about")[0] for line in lines[:3]] == [f"Pulling: {done} of 738 h" for done in (100, 101, 102)]
    assert last.startswith("Pulling: ")


def test_a_terminal_shows_it_moving(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(force_terminal=True, width=100, record=True)
    monkeypatch.setattr(console, "progress", terminal)
    with terminal.capture() as shown, step("Pulling", Counter, HoursDone(738, lambda: 312)):
        pass
    assert "312 of 738 h, about 0 s left" in shown.get()
