"""A short form of the fuzzers, and what they found."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets_tests.fuzz import __main__ as command
from audit_assets_tests.fuzz import hypothesis_rounds
from audit_assets_tests.fuzz.inputs import ANY_TIME
from audit_assets_tests.fuzz.parsers import PARSERS, POLICY, WATCH, Parser

FOUND: list[tuple[str, Any]] = [
    ("policies", b"a = " + b"[" * 3_000),
    ("policies", b"a = " + b"9" * 5_000),
    ("watch_rules", b"a = " + b"[" * 3_000),
    ("env_files", b"A=a\0b\n"),
    ("env_files", b"'a=b'=c\n"),
    ("stored_hours", ("json", b"")),
    ("stored_hours", ("json", b"[" * 100_000)),
]
"""What ended in an error that named nothing."""


@pytest.mark.parametrize(("parser", "value"), FOUND, ids=str)
def test_what_a_fuzzer_found_is_a_documented_error_now(parser: str, value: Any) -> None:
    PARSERS[parser].feed(value)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=40, suppress_health_check=ANY_TIME)
@given(data=st.data())
def test_a_parser_raises_nothing_but_what_it_documents(name: str, data: st.DataObject) -> None:
    PARSERS[name].feed(data.draw(PARSERS[name].given))


@pytest.mark.parametrize(("name", "text"), [("policies", POLICY), ("watch_rules", WATCH)])
def test_what_is_damaged_was_valid(name: str, text: str) -> None:
    PARSERS[name].parse(text.encode())


def test_the_command_names_the_input_that_falls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With engines in this process, so that a parser with an error can be put in."""

    def run(arguments: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        engine, name = arguments[2:4]
        fell = engine.endswith("hypothesis_rounds") and name == "headers"
        return subprocess.CompletedProcess(arguments, int(fell), "('', '')\nZeroDivisionError\n" if fell else "", "")

    monkeypatch.setattr(command.subprocess, "run", run)
    assert command.main(["--minutes", "0.01", "headers", "periods"]) == 1
    printed = capsys.readouterr().out
    assert "headers: FELL, 0 s\n('', '')\nZeroDivisionError\n" in printed
    assert "periods: held, 0 s\n1 parsers held, 1 fell.\n" in printed


def test_a_parser_that_falls_is_reported_with_its_smallest_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse(number: int) -> None:
        if number > 99:
            raise ZeroDivisionError

    monkeypatch.setitem(PARSERS, "numbers", Parser(st.integers(0, 1_000), parse, (ValueError,)))
    assert hypothesis_rounds.main("numbers", 30) == 1
    assert capsys.readouterr().out.startswith("100\nTraceback")


def test_the_command_knows_its_parsers() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "audit_assets_tests.fuzz", "nothing"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "there is no parser 'nothing': there are entries_v2, entries_v1, " in run.stderr
