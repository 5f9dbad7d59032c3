"""What people dismiss with a ticket, as its attachments record it, and whether a later hour goes beyond that.

The attachment of each hour holds what the hour deviated in, how much, how severely, and why. A dismissal covers this
actor, these resource types and, of the organisation, these members, up to twice as many changes, and no severity that
these do not explain. What is not recorded is not covered: an attachment of an earlier version, one that was removed,
what found no room in it. Names are recorded as hashes, since an entry may have dictated them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from audit_assets.config.policy_tables import SEVERITIES, Severity
from audit_assets.detection.schemas import MIN_BURST_RATIO
from audit_assets.detection.verdict_marks import DISMISSED_TYPE_KNOWN
from audit_assets.linear.issues import KnownIssue, LinkContent
from audit_assets.tickets.finding import Deviation, Finding, PastDismissal

COVERS = "covers"
"""The key of an attachment's metadata. Its value has a word for each thing that is covered: `volume:hours:changes`,
`active:hours:active hours`, `touched:type:changes`, `new:type:changes` or
`organisation:type:changes:member,member`; and `raised:because`. Watch rules and reasons why entries could not be read
are as new types, kinds of groups and of a fall of the threshold as types of the organisation. Of an owner's credential
`volume` ends with its hash, which is also in the hashes of its types."""

COVERS_LENGTH = 4_000
"""Characters: how much Linear takes in metadata is not documented (docs/facts/linear.md, 1.4)."""

LONGEST_COUNT = 12
"""Digits."""

HASH_LENGTH = 16
"""Hex digits: nobody finds another name with the same 64 bits."""


@dataclass
class DismissedHour:
    """What one hour on a dismissed `ticket` covers. `raised`: what raised its severity; `volumes`: hours, changes and
    credential of each burst, `active`: hours, how many of them were, and credential; `touched`: how many of the changes
    of the hour went to which type; `new` types and their changes; `organisation`: types, changes, members. Types,
    members and what raised the severity are hashes."""

    ticket: KnownIssue
    severity: Severity
    raised: set[str] = field(default_factory=set)
    volumes: list[tuple[int, int, str]] = field(default_factory=list)
    active: list[tuple[int, int, str]] = field(default_factory=list)
    touched: dict[str, int] = field(default_factory=dict)
    new: dict[str, int] = field(default_factory=dict)
    organisation: list[tuple[str, int, frozenset[str]]] = field(default_factory=list)


def covers_of(finding: Finding) -> str:
    """What a dismissal of the finding covers, for its attachment's metadata: as many words as there is room for."""
    words: list[str] = []
    room = COVERS_LENGTH
    raised = [f"raised:{_hash(cause)}" for cause in finding.severity_because]
    for word in (*raised, *(word for each in finding.deviations for word in _words(each))):
        room -= len(word) + 1
        if room < 0:
            break
        words.append(word)
    return " ".join(words)


def uncovering(link: LinkContent) -> LinkContent:
    """The attachment for a ticket that was dismissed before it was there: nothing that it would cover was seen."""
    return replace(link, metadata={**link.metadata, COVERS: ""})


def dismissed_hours(tickets: Iterable[KnownIssue]) -> list[DismissedHour]:
    """What the attachments of dismissed tickets record."""
    return [hour for ticket in tickets for marks in ticket.marks if (hour := _parse(ticket, marks))]


def is_covered(finding: Finding, dismissed: Iterable[DismissedHour]) -> bool:
    """Whether people have dismissed all that the finding deviates in, in hours that were as severe."""
    as_severe = [hour for hour in dismissed if _is_as_severe(hour, finding)]
    return bool(finding.deviations) and all(_is_covered(each, as_severe) for each in finding.deviations)


def with_dismissals(finding: Finding, tickets: Iterable[KnownIssue]) -> Finding:
    """The finding with what people dismissed of it on these tickets within a year, where it does not show that yet."""
    hours = dismissed_hours(ticket for ticket in tickets if finding.hour <= ticket.closed_at + DISMISSED_TYPE_KNOWN)
    deviations = (replace(each, dismissed=each.dismissed or _past(each, hours, finding)) for each in finding.deviations)
    return replace(finding, deviations=tuple(deviations))


def _words(deviation: Deviation) -> Iterator[str]:
    own_type, changes = _own_type(deviation), deviation.changes
    if deviation.kind == "volume":
        who = f":{_credential(deviation)}" if deviation.credential_key else ""
        yield f"{'active' if deviation.counts_hours else 'volume'}:{deviation.horizon_hours}:{changes}{who}"
        yield from (f"touched:{_hash_type(deviation, name)}:{count}" for name, count in deviation.changes_by_type)
    elif not deviation.is_of_several:
        yield f"new:{own_type}:{changes}"
    else:
        yield f"organisation:{own_type}:{changes}:{','.join(map(_hash, deviation.member_keys))}"


def _parse(ticket: KnownIssue, marks: Mapping[str, Any]) -> DismissedHour | None:
    """None for an attachment that is no hour's. A word that can't be read covers nothing."""
    by_name: dict[Any, Severity] = {each: each for each in SEVERITIES}
    if (severity := by_name.get(str(marks.get("severity")))) is None:
        return None
    hour = DismissedHour(ticket, severity)
    for word in str(marks.get(COVERS, "")).split():
        match word.split(":"):
            case ["raised", cause]:
                hour.raised.add(cause)
            case ["volume", hours, changes, *who] if _is_count(hours) and _is_count(changes):
                hour.volumes.append((int(hours), int(changes), ":".join(who)))
            case ["active", hours, active, *who] if _is_count(hours) and _is_count(active):
                hour.active.append((int(hours), int(active), ":".join(who)))
            case ["touched", own_type, changes] if _is_count(changes):
                hour.touched[own_type] = int(changes)
            case ["new", own_type, changes] if _is_count(changes):
                hour.new[own_type] = int(changes)
            case ["organisation", own_type, changes, members] if _is_count(changes):
                hour.organisation.append((own_type, int(changes), frozenset(members.split(","))))
            case _:
                pass
    return hour


def _is_count(word: str) -> bool:
    """Whether it is a whole number, and not so long that Python refuses to read it."""
    return word.isascii() and word.isdecimal() and len(word) <= LONGEST_COUNT


def _is_as_severe(hour: DismissedHour, finding: Finding) -> bool:
    """Whether the severity of an hour is no higher than it was in the dismissed one, or only because more changes are
    rarer: all that raises it raised it then."""
    if not {_hash(cause) for cause in finding.severity_because} <= hour.raised:
        return False
    by_number = [each for each in finding.deviations if each.kind != "watch_rule"]
    dismissed = ((each.changes, changes) for each in by_number for changes, _ in _dismissed_of(each, hour))
    return _rank(finding.severity) <= _rank(hour.severity) or any(now > before for now, before in dismissed)


def _is_covered(deviation: Deviation, hours: Sequence[DismissedHour]) -> bool:
    own_type = _own_type(deviation)
    most = deviation.changes / MIN_BURST_RATIO
    if deviation.kind in ("new_resource_type", "unreadable_entries", "watch_rule"):
        return any(hour.new.get(own_type, 0) >= most for hour in hours)
    if deviation.is_of_several:
        members = {_hash(key) for key in deviation.member_keys}
        shared = [each for hour in hours for each in hour.organisation]
        return bool(members) and any(
            name == own_type and changes >= most and members <= those for name, changes, those in shared
        )
    volumes = [
        each[:2]
        for hour in hours
        for each in (hour.active if deviation.counts_hours else hour.volumes)
        if each[2] == _credential(deviation)
    ]
    is_as_many = any(span <= deviation.horizon_hours and changes >= most for span, changes in volumes)
    return is_as_many and _beyond(deviation, hours) * deviation.horizon_hours <= (deviation.baseline_mean or 0)


def _beyond(deviation: Deviation, hours: Sequence[DismissedHour]) -> float:
    """How many changes of the hour are beyond twice those that were dismissed of their types."""
    dismissed = [
        (count, max((hour.touched.get(_hash_type(deviation, name), 0) for hour in hours), default=0))
        for name, count in deviation.changes_by_type
    ]
    return sum(max(0, count - MIN_BURST_RATIO * most) for count, most in dismissed)


def _past(deviation: Deviation, hours: Iterable[DismissedHour], finding: Finding) -> PastDismissal | None:
    """The largest of the kind: of new types and of the organisation, of the same type."""
    found = [(changes, name, hour) for hour in hours for changes, name in _dismissed_of(deviation, hour)]
    if not found:
        return None
    changes, name, hour = max(found, key=lambda each: each[0])
    return PastDismissal(
        on=hour.ticket.closed_at,
        identifier=hour.ticket.identifier,
        url=hour.ticket.url,
        changes=None if deviation.counts_hours else changes,
        resource_type=name,
        less_severe=hour.severity if _rank(hour.severity) < _rank(finding.severity) else None,
    )


def _dismissed_of(deviation: Deviation, hour: DismissedHour) -> Iterator[tuple[int, str | None]]:
    """How many changes were dismissed, and to which type, if that is a type of the deviation."""
    own_type = _own_type(deviation)
    if deviation.kind == "volume":
        most = max(hour.touched, key=lambda name: hour.touched[name], default=None)
        known = next((name for name, _ in deviation.changes_by_type if _hash_type(deviation, name) == most), None)
        of_kind = hour.active if deviation.counts_hours else hour.volumes
        yield from ((count, known) for _, count, who in of_kind if who == _credential(deviation))
    elif deviation.is_of_several:
        yield from ((count, deviation.resource_type) for name, count, _ in hour.organisation if name == own_type)
    elif count := hour.new.get(own_type):
        yield count, deviation.resource_type


def _own_type(deviation: Deviation) -> str:
    """The hash of what it is about: the resource type, or the kind of a group or of what could not be read. No resource
    type begins with that control character and a kind by chance."""
    named = deviation.resource_type or ""
    is_of_type = deviation.kind in ("volume", "new_resource_type", "organisation")
    return _hash_type(deviation, named if is_of_type else f"\0{deviation.kind}\0{named}")


def _rank(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def _credential(deviation: Deviation) -> str:
    return _hash(deviation.credential_key) if deviation.credential_key else ""


def _hash_type(deviation: Deviation, name: str) -> str:
    """A dismissed type is one of the actor or, on its owner's ticket, of the credential: it covers no other one."""
    return _hash("\0".join(filter(None, (deviation.credential_key, name))))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:HASH_LENGTH]
