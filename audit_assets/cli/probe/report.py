"""The report of a probe, for the terminal, for programs and for a file that a team can share.

What is shared names nobody: checks write sentences of their own and numbers, and what an error repeats of a service or
a setting is masked here once more.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from audit_assets.cli.probe.assumptions import Answer, Result
from audit_assets.config.accounts import ENVIRONMENT, chosen_account
from audit_assets.config.settings import secrets_from_files, sources
from audit_assets.config.settings_table import ACCOUNT_ID, PATH, SETTINGS, TEXT, WEB_ADDRESS
from audit_assets.transport.untrusted_text import visible

COLOURS: dict[Answer, str] = {"confirmed": "green", "contradicted": "bold red", "unknown": "yellow"}
ANSWERS: tuple[Answer, ...] = ("contradicted", "unknown", "confirmed")
"""In the order in which people should read them."""

_IDENTIFYING = re.compile(
    r"https?://\S+"  # addresses
    r"|[^\s@<>\"'`]+@[^\s@<>\"'`]+"  # e-mail
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # UUID
    r"|\b(?=[\w-]{0,200}[0-9])[\w-]{24,}"  # tokens and keys
    r"|\b[0-9a-fA-F]{16,}\b"  # ids and hashes
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,}[0-9a-fA-F]{0,4}",  # addresses of networks
)

MASK = "***"


class Redaction:
    """Call it with a text to get it without the values of settings, addresses, e-mail addresses and ids."""

    def __init__(self, values: Sequence[str]) -> None:
        """`values`: those of the settings that are not at their default."""
        longest_first = sorted({value for value in values if value}, key=len, reverse=True)
        words = [rf"(?<![\w-]){re.escape(value)}(?![\w-])" for value in longest_first]
        self._values = re.compile("|".join(words) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        return visible(_IDENTIFYING.sub(MASK, self._values.sub(MASK, text)))


def redaction_of(environment: dict[str, str]) -> Redaction:
    """A redaction by the settings that are in force: those that may name somebody, so no numbers and the like."""
    names = [name for listed in sources().values() for name in listed]
    account = chosen_account() or ENVIRONMENT
    values = [environment.get(name, "").strip() for name in names if _may_identify(name, environment)]
    return Redaction([*values, *secrets_from_files(), account.name, *account.texts.values()])


def _may_identify(name: str, environment: dict[str, str]) -> bool:
    """A channel's address may, too: it is no setting of the table."""
    known = SETTINGS.get(name)
    return known is None or (
        known.type in (TEXT, PATH, ACCOUNT_ID, WEB_ADDRESS) and environment.get(name) != known.default
    )


def as_shared(results: Sequence[Result], now: datetime, redact: Redaction) -> dict[str, Any]:
    """The whole report as JSON, fit to be shared."""
    shown = [{**asdict(each), "seen": redact(each.seen)} for each in results]
    counts = Counter(each.answer for each in results)
    return {
        "version": 1,
        "audit_assets": version("audit_assets"),
        "probed": f"{now:%Y-%m-%d}",
        "counts": {answer: counts[answer] for answer in ANSWERS},
        "assumptions": shown,
    }


def in_markdown(report: dict[str, Any]) -> str:
    """The report as a page."""
    lines = [
        "# What a probe found of Cloudflare, Axiom and Linear",
        "",
        f"audit_assets {report['audit_assets']}, {report['probed']}. "
        + ", ".join(f"{count} {answer}" for answer, count in report["counts"].items())
        + ". It names no account, person, address or token.",
    ]
    for answer in ANSWERS:
        found = [each for each in report["assumptions"] if each["answer"] == answer]
        if found:
            lines += ["", f"## {answer.capitalize()}"]
        for each in found:
            rests = " Correctness rests on it." if each["stops"] else ""
            lines += [
                "",
                f"### {each['id']}",
                "",
                f"- Assumed: {each['assumed']}.{rests} ({each['fact']})",
                f"- Checked: {each['how']}",
                f"- Seen: {each['seen']}",
                f"- The pipeline: {each['does']}.",
            ]
    return "\n".join(lines) + "\n"


def in_terminal(results: Sequence[Result]) -> Table:
    """What a person reads at once: each assumption, its answer, what was seen, and what the pipeline does about it."""
    table = Table("", "", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    for each in results:
        answer = f"[{COLOURS[each.answer]}]{each.answer}[/]"
        table.add_row(each.service, answer, escape(visible(f"{each.assumed} ({each.id}): {each.seen}")))
        if each.answer != "confirmed":
            table.add_row("", "→", escape(f"{each.does}."))
    return table
