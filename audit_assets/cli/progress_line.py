"""A line that shows how far something is: it moves on a terminal, and is printed anew now and then elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.live import Live
from rich.text import Text

from audit_assets.cli.console import printed_now_and_then, progress


@contextmanager
def progress_line(describe: Callable[[], str]) -> Iterator[None]:
    """Show what `describe` returns until the block ends, and then as it was in the end."""
    if progress.is_terminal:
        with Live(get_renderable=lambda: Text(describe()), console=progress, transient=True, refresh_per_second=4):
            yield
    else:
        with printed_now_and_then(describe):
            yield
    progress.print(Text(describe()))


def describe_time(seconds: float) -> str:
    """`40 s`, `3 min 5 s` or `2 h 10 min`."""
    rest = timedelta(seconds=round(seconds))
    hours, minutes = rest // timedelta(hours=1), rest % timedelta(hours=1) // timedelta(minutes=1)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest.seconds % 60} s" if minutes else f"{rest.seconds} s"
