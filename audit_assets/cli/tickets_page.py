"""The page that a demo leaves in its home: all of its tickets, which open without a server."""

import webbrowser
from pathlib import Path
from typing import Any

from audit_assets.cli.home_lock import HomeError

PAGE = "tickets.html"


def page_address(home: Path) -> str | None:
    """The address of the page in this folder, for a browser; None if there is none."""
    page = (home / PAGE).resolve()
    return page.as_uri() if page.exists() else None


def write_page(home: Path, html: str) -> None:
    """Leave the page in this folder."""
    (home / PAGE).write_text(html, encoding="utf-8")


def with_page_links(value: Any, address: str | None) -> Any:
    """A summary in which each ticket also has a `page`: where it is on the page with that address. The `url` of a
    ticket leads to the sandbox, which has stopped when the demo ends."""
    if address is None:
        return value
    if isinstance(value, list):
        return [with_page_links(each, address) for each in value]
    if not isinstance(value, dict):
        return value
    linked = {key: with_page_links(each, address) for key, each in value.items()}
    has_ticket = linked.get("identifier") and linked.get("url")
    return {**linked, "page": f"{address}#{linked['identifier']}"} if has_ticket else linked


def open_page(address: str) -> None:
    """Show the page in the person's browser. Raises `HomeError` if there is none."""
    if not webbrowser.open(address):
        raise HomeError(f"No browser was found: open {address} yourself.")
