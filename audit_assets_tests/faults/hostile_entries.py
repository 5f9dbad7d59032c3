"""What hostile audit entries look like: as text, since half of it can't be expressed in Python's values.

A key twice, 5,000 digits and a broken byte are examples. Every entry has a marker of its own, so that none can vanish
behind another.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from audit_assets.exports.timed_entries import TimedEntry

ACTORS = 12
"""So many actors write all the entries: each gets a ticket, and tickets are not what is tried here."""

ATTACKS = [
    "'] | union ['x",
    '"; drop',
    "dns\n| where false",
    "](javascript:alert(1))",
    "```\n# h1",
    "<img src=x onerror=alert(1)>",
    "@everyone [x](https://evil.example)",
    "| a | b |\n|---|---|",
    "=cmd|' /C calc'!A0",
    "${jndi:ldap://x}{{7*7}}%s%n",
    "../../etc/passwd",
    "\0\x01\x1b[31m\r\n\t\x7f\x85",
    "\u202e\u2066\u200b\ufeff\u2028\ufffe\U0001f4a5\U000e0041",
    "\ud800",
    "\udfff\ud83d",
    "null",
    "NaN",
    "",
    " ",
    "\\",
    "é" * 40_000,
]
NUMBERS = ["0", "-0", "1e400", "-1e400", "1E-400", "NaN", "Infinity", "-Infinity", "1" * 5_000, "-" + "9" * 5_000]
NUMBERS += [str(2**63), str(-(2**63) - 1), str(10**18), "0.1", "1e22"]
STRUCTURES = ["null", "true", "false", "[]", "{}", '{"a":1,"a":2}', '{"id":"x","id":{"id":[]}}', '[{"":{}}]']
DEPTHS = [30, 400, 990, 100_000]
TIMES = [
    '"9999-12-31T23:59:59.999999999Z"',
    '"0000-01-01T00:00:00Z"',
    '"0001-01-01T00:00:00+23:59"',
    '"2026-02-30T10:00:00Z"',
    '"2026-04-01T25:61:61Z"',
    '"9999-12-31T23:59:59-23:59"',
    '"1970-01-01T00:00:00Z"',
    "99999999999999999999",
    "1e400",
    '"yesterday"',
    "null",
    "[]",
    "{}",
]


@dataclass(frozen=True, repr=False)
class Fragment:
    """JSON text that is not shown in its full length where an example fails."""

    text: str

    def __repr__(self) -> str:
        return f"Fragment({self.text[:40]!a}, {len(self.text):,} letters)"


texts = st.sampled_from(ATTACKS) | st.text(st.characters(exclude_categories=()), max_size=30)
quoted = texts.map(json.dumps)
nested = st.sampled_from(DEPTHS).flatmap(
    lambda depth: st.sampled_from(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth])
)
fragments = st.one_of(quoted, quoted, st.sampled_from(NUMBERS), st.sampled_from(STRUCTURES), nested).map(Fragment)

PATHS = {
    "v2": [
        ("action", "type"),
        ("action", "result"),
        ("action", "description"),
        ("actor", "email"),
        ("actor", "type"),
        ("actor", "token_name"),
        ("actor", "ip_address"),
        ("raw", "user_agent"),
        ("raw", "status_code"),
        ("raw", "uri"),
        ("resource", "type"),
        ("resource", "product"),
        ("resource", "id"),
        ("resource", "request"),
        ("zone", "name"),
        ("action",),
        ("actor",),
        ("raw",),
        ("resource",),
        ("zone",),
        ("new",),
        ("id",),
    ],
    "v1": [
        ("action", "type"),
        ("action", "result"),
        ("actor", "email"),
        ("actor", "ip"),
        ("actor", "type"),
        ("metadata", "token_name"),
        ("metadata", "zone_name"),
        ("resource", "type"),
        ("resource", "id"),
        ("interface",),
        ("newValue",),
        ("action",),
        ("actor",),
        ("metadata",),
        ("resource",),
        ("new",),
        ("id",),
    ],
}
TIME_PATH = {"v2": ("action", "time"), "v1": ("when",)}


@dataclass(frozen=True)
class Twist:
    """What is hostile about an entry, before it has a marker, an hour and an actor."""

    stream: str
    laid_over: tuple[tuple[tuple[str, ...], Fragment], ...]
    """Fragments of JSON in the place of parts; a part that is laid over twice is in the entry twice."""

    time: str | None
    actor: int
    minute: int
    shape: str
    """"entry", or what is in its place: "list", "text", "broken byte", "same id"."""


@st.composite
def twists(draw: st.DrawFn) -> Twist:
    """One hostile member of a page."""
    stream = draw(st.sampled_from(["v2", "v2", "v1"]))
    paths = st.sampled_from(PATHS[stream])
    return Twist(
        stream=stream,
        laid_over=tuple(draw(st.lists(st.tuples(paths, fragments), max_size=3))),
        time=draw(st.sampled_from([None] * 20 + TIMES)),
        actor=draw(st.integers(0, ACTORS - 1)),
        minute=draw(st.integers(0, 59)),
        shape=draw(st.sampled_from(["entry"] * 12 + ["list", "text", "broken byte", "same id"])),
    )


def member(twist: Twist, marker: str, hour: datetime) -> TimedEntry:
    """The text that Cloudflare sends for a twist, filed at a minute of the hour."""
    at = hour + timedelta(minutes=twist.minute)
    if twist.shape == "list":
        return TimedEntry(at, f'["{marker}",{twist.laid_over[0][1].text if twist.laid_over else 0}]')
    if twist.shape == "text":
        return TimedEntry(at, f'"{marker}"')
    parts: dict[str, Any] = _typical(twist, marker, at)
    laid_over = [(path, fragment.text) for path, fragment in twist.laid_over]
    for path, fragment in [*laid_over, *([(TIME_PATH[twist.stream], twist.time)] if twist.time else [])]:
        place = parts
        for name in path[:-1]:
            if not isinstance(place.get(name), dict):
                break
            place = place[name]
        else:
            twice = path[-1] + "\0again" if path[-1] in place and fragment.startswith("{") else path[-1]
            place[twice] = fragment
    if twist.shape == "same id":
        parts["id"] = f'"{hour:%Y%m%d%H}"'
    body = _written({"marker": f'"{marker}"', **parts}).encode()
    return TimedEntry(at, body[:-1] + b',"broken":"\xff\xfe"}' if twist.shape == "broken byte" else body)


def _typical(twist: Twist, marker: str, at: datetime) -> dict[str, Any]:
    """The parts of a typical entry, each as JSON text."""
    stamp, who = json.dumps(at.isoformat().replace("+00:00", "Z")), f"{twist.actor:032x}"
    actor = {"id": f'"{who}"', "email": f'"actor{twist.actor}@example.com"', "type": '"user"'}
    if twist.stream == "v1":
        return {
            "id": f'"{marker}"',
            "action": {"type": '"rec_add"', "result": "true"},
            "actor": actor,
            "metadata": {},
            "resource": {"type": '"DNS_record"', "id": '"1"'},
            "when": stamp,
        }
    return {
        "id": f'"{marker}"',
        "action": {"type": '"create"', "result": '"success"', "time": stamp},
        "actor": actor,
        "raw": {"method": '"POST"', "status_code": "200"},
        "resource": {"id": '"1"', "product": '"dns"', "type": '"dns_record"'},
        "zone": {"name": '"example.com"'},
    }


def _written(parts: dict[str, Any]) -> str:
    """JSON text of nested dicts of JSON texts; a key may occur twice."""
    inner = (
        f"{json.dumps(name.split(chr(0))[0])}:{_written(value) if isinstance(value, dict) else value}"
        for name, value in parts.items()
    )
    return "{" + ",".join(inner) + "}"
