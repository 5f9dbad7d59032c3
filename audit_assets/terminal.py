"""What a person reads in the terminal: the demo's summary and progress, the doctor's findings."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from audit_assets.doctor import Finding

COLOURS = {"urgent": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
VERDICTS = {"ok": "[green]ok[/]", "advice": "[yellow]advice[/]", "problem": "[bold red]problem[/]"}


@contextmanager
def step(console: Console, text: str, requests: Callable[[], Counter[tuple[str, str]]]) -> Iterator[None]:
    """Says what is under way, how far it is, and in the end how long it took.

    `requests` tells how many were made so far, by service and call.
    """
    started = time.monotonic()
    before = requests()

    def line() -> Text:
        calls = requests() - before
        said = ", ".join(f"{count} {service} {call}" for (service, call), count in sorted(calls.items()))
        return Text(f"{text} … {time.monotonic() - started:.0f} s" + (f" (requests: {said})" if said else ""))

    if console.is_terminal:
        with Live(_Ticking(line), console=console, transient=True, refresh_per_second=4):
            yield
    else:
        console.print(Text(f"{text} …"))
        yield
    console.print(Text(f"{text}: {time.monotonic() - started:.1f} s"))


class _Ticking:
    """A line that is made anew whenever it is drawn."""

    def __init__(self, line: Any) -> None:
        self._spinner = Spinner("dots")
        self._line = line

    def __rich__(self) -> Spinner:
        self._spinner.update(text=self._line())
        return self._spinner


def print_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """The demo's outcome. Values of entries are untrusted: they are printed as text, never as markup."""
    entries, proof, flagged = summary["entries"], summary["proof"], summary["flagged"]
    table = Table(title=f"Flagged in {summary['hours'][0]} to {summary['hours'][-1]} UTC", title_justify="left")
    for column, ratio in (("hour", None), ("severity", None), ("actor", 2), ("why", 5), ("ticket", None)):
        table.add_column(column, ratio=ratio, no_wrap=ratio is None)
    for actor in flagged:
        why = "\n".join(deviation["in_words"] for deviation in actor["deviations"])
        ticket = actor["ticket"]
        table.add_row(
            actor["hour"][5:],
            Text(actor["severity"], COLOURS[actor["severity"]]),
            Text(actor["actor"]),
            Text(why),
            Text(ticket["identifier"] or ticket["outcome"] or ""),
        )
    console.print(table if flagged else Text("Nobody was flagged."))
    console.print(
        f"{entries['pulled']:,} entries pulled in {summary['history_hours'] + len(summary['hours']):,} hours, "
        f"{proof['expected']:,} ingested, {proof['found']:,} of {proof['expected']:,} proved to be in Axiom; "
        f"{entries['quarantined']:,} quarantined."
    )
    if entries["unreadable"]:
        console.print(f"{entries['unreadable']:,} lines of the file are no JSON and could not be served.")
    for warning in summary["warnings"]:
        console.print(Text(f"Note: {warning}", "yellow"))


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """The doctor's findings, and what to do about them."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.about, VERDICTS[finding.verdict], escape(finding.what))
        if finding.next_step:
            table.add_row("", "→", escape(finding.next_step))
    console.print(table)
