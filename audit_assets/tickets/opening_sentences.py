"""The first sentences of a ticket: who did what and when, and how severe it is."""

from collections.abc import Sequence
from datetime import datetime

from audit_assets.tickets.deviation_sentences import (
    NAME_LENGTH,
    count_members,
    is_new_type,
    rarest_types_first,
    short_code,
)
from audit_assets.tickets.finding import Deviation, Finding
from audit_assets.tickets.formatting import NAMED, hour_name, listed, pluralize
from audit_assets.tickets.markdown import SafeMarkdown, code, words

ACTOR_LENGTH = 120


def opening_sentence(finding: Finding) -> SafeMarkdown:
    """Who did what, when."""
    did = _many(finding.deviations) if finding.is_of_organisation else _one(finding)
    return SafeMarkdown(f"{opening_start(finding.hour)} {did}.")


def opening_start(hour: datetime) -> str:
    """How the first sentence about an hour begins: before any word that an attacker could have chosen. By this
    beginning a ticket's hour is recognised, so that it never changes."""
    return f"In the hour {hour_name(hour)},"


def severity_sentence(finding: Finding) -> SafeMarkdown:
    """How severe a finding is, and what raised it."""
    causes = [shown for cause in finding.severity_because if (shown := words(cause, NAME_LENGTH))]
    more = f" and {len(causes) - NAMED:,} more" if len(causes) > NAMED else ""
    raised = f", raised by {', '.join(causes[:NAMED])}{more}" if causes else ""
    return SafeMarkdown(f"{finding.severity.capitalize()} severity{raised}.")


def _many(deviations: Sequence[Deviation]) -> str:
    """What many actors did, and how to look at it."""
    shared = [each for each in deviations if each.kind == "organisation"]
    did = listed([f"{count_members(each)} changed {short_code(each.resource_type)}" for each in shared])
    return f"{did}, unusually for each of them. One look should cover all: a migration or another shared cause"


def _one(finding: Finding) -> str:
    """What one actor did."""
    burst = next((each for each in finding.deviations if each.kind == "volume"), None)
    new_types = [short_code(each.resource_type) for each in rarest_types_first(finding.deviations) if is_new_type(each)]
    did = []
    if burst and burst.horizon_hours == 1:
        did.append(f"made {pluralize(burst.changes, 'change')}")
    elif burst:
        did.append(f"reached {pluralize(burst.changes, 'change')} in {burst.horizon_hours:,} hours")
    if new_types:
        types = "resource types" if new_types[1:] else "a resource type"
        did.append(f"changed {types} new to it: {listed(new_types)}")
    return f"{code(finding.actor, ACTOR_LENGTH)} {' and '.join(did) or 'did something unusual'}"
