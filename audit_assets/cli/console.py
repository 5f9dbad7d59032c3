"""The two consoles of the command line: results on standard output, progress and errors on standard error."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from audit_assets.transport.untrusted_text import visible_lines


class SafeConsole(Console):
    """A terminal on which no text is more than text: what would move its cursor or hide something is written out."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible_lines(segment.text))


output = SafeConsole(highlight=False)
progress = SafeConsole(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print a value for other programs, and nothing else."""
    print(json.dumps(value, indent=1))


@contextmanager
def step(text: str, count_requests: Callable[[], Counter[tuple[str, str]]]) -> Iterator[None]:
    """Show what is in progress, how far it is, and at the end how long it took.

    `count_requests` returns how many were made so far, by service and call.
    """
    started = time.monotonic()
    before = count_requests()

    spinner = Spinner("dots")

    def status() -> Spinner:
        calls = count_requests() - before
        requests = ", ".join(f"{count} {service} {call}" for (service, call), count in sorted(calls.items()))
        elapsed = f"{text} … {time.monotonic() - started:.0f} s"
        spinner.update(text=Text(f"{elapsed} (requests: {requests})" if requests else elapsed))
        return spinner

    if progress.is_terminal:
        with Live(get_renderable=status, console=progress, transient=True, refresh_per_second=4):
            yield
    else:
        progress.print(Text(f"{text} …"))
        yield
    progress.print(Text(f"{text}: {time.monotonic() - started:.1f} s"))
