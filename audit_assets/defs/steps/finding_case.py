"""What a model gets of a finding: one JSON object of a fixed structure, in which every value is quoted data.

The keys are ours and the values bounded; text is truncated, its invisible characters are written out and its addresses
defanged (tickets/markdown.py). Identifiers of the account and links are left out: a model has no use for them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from audit_assets.tickets.deviation_sentences import rarest_types_first
from audit_assets.tickets.finding import ENTRIES_SHOWN, Finding
from audit_assets.tickets.markdown import one_line

VALUE_LENGTH = 120
MOST_DEVIATIONS = 8
LIST_LENGTH = 20
"""These bounds are judgements: enough for a note, and a case stays under 60,000 characters."""


def build_case(finding: Finding) -> str:
    """A finding as the JSON text of a user message."""
    deviations = rarest_types_first(finding.deviations)
    case = {
        "actor": finding.actor,
        "actor_type": finding.actor_type,
        "hour_utc": finding.hour,
        "severity": finding.severity,
        "severity_because": finding.severity_because,
        "limited_history": finding.learning,
        "deviations": [asdict(each) for each in deviations[:MOST_DEVIATIONS]],
        "deviations_total": len(deviations),
        "actions": [asdict(each) for each in finding.action_summaries],
        "origins": [asdict(each) for each in finding.origins],
        "entries": [asdict(each) for each in finding.entries[:ENTRIES_SHOWN]],
        "last_entries": [asdict(each) for each in finding.last_entries[:ENTRIES_SHOWN]],
        "entries_total": finding.entries_total,
    }
    return json.dumps(_quote(case), ensure_ascii=False, allow_nan=False)


def _quote(value: Any) -> Any:
    """A value in the form that JSON takes; an unknown value, or one that is no number, is None and left out."""
    if isinstance(value, str):
        return one_line(value, VALUE_LENGTH)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: quoted for key, each in value.items() if (quoted := _quote(each)) is not None}
    if isinstance(value, Sequence):
        return [_quote(each) for each in value[:LIST_LENGTH]]
    return value
