"""A line that shows how far something is: it moves on a terminal, and is printed anew now and then elsewhere."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.live import Live
from rich.text import Text

from audit_assets.cli.console import progress

PRINTED_EVERY = 5.0
"""Seconds, where lines can't move: in a log or a pipe."""


@contextmanager
def progress_line(describe: Callable[[], str]) -> Iterator[None]:
    """Show what `describe` returns until the block ends, and then as it was in the end."""
    if progress.is_terminal:
        with Live(get_renderable=lambda: Text(describe()), console=progress, transient=True, refresh_per_second=4):
            yield
    else:
        with _printed_now_and_then(describe):
            yield
    progress.print(Text(describe()))


@contextmanager
def _printed_now_and_then(describe: Callable[[], str]) -> Iterator[None]:
    ended = threading.Event()

    def print_it() -> None:
        while not ended.wait(PRINTED_EVERY):
            progress.print(Text(describe()))

    printer = threading.Thread(target=print_it, daemon=True)
    printer.start()
    try:
        yield
    finally:
        ended.set()
        printer.join()


def describe_time(seconds: float) -> str:
    """`40 s`, `3 min 5 s` or `2 h 10 min`."""
    rest = timedelta(seconds=round(seconds))
    hours, minutes = rest // timedelta(hours=1), rest % timedelta(hours=1) // timedelta(minutes=1)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest.seconds % 60} s" if minutes else f"{rest.seconds} s"
