"""Protocols that are wrong on purpose: the suite must catch each of them, else it proves nothing of the right one."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def followed(name: str | None) -> Iterator[None]:
    """Follow that protocol in this process; None: the project's own."""
    yield
