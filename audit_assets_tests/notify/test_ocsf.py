"""Findings as OCSF events are valid by the schema's own requirements: names, types, enumerations, constraints."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from audit_assets.notify.ocsf import detection_findings

SCHEMA = json.loads((Path(__file__).parents[1] / "fixtures" / "ocsf" / "detection_finding.json").read_text())

TYPES: Mapping[str, type] = {
    "integer_t": int,
    "long_t": int,
    "timestamp_t": int,
    "string_t": str,
    "username_t": str,
    "url_t": str,
}
"""Of the schema's simple types, in JSON."""

SUMMARY: dict[str, Any] = {
    "version": 2,
    "hour": "2026-11-22-09:00",
    "flagged": [
        {
            "actor": "alice@example.com",
            "actor_key": "a" * 32,
            "actor_type": "user",
            "severity": "urgent",
            "severity_because": ["deletes"],
            "tickets_a_day": 0.1,
            "learning": [],
            "in_words": ["45 changes in the hour; usual is 3", "45 of 45 changes in the hour are deletes"],
            "deviations": [{"kind": "volume", "changes": 45}, {"kind": "many_deletes", "changes": 45}],
            "axiom_url": "https://app.axiom.co/acme/query",
            "ticket": {"outcome": "opened", "identifier": "SEC-1", "url": "https://linear.app/acme/issue/SEC-1"},
        },
        {
            "actor": 'token "deploy"',
            "actor_key": "b" * 32,
            "actor_type": "token",
            "severity": "low",
            "in_words": [],
            "deviations": [{"kind": "watch_rule"}],
            "ticket": {"outcome": "dismissed", "identifier": None, "url": None},
        },
    ],
}


def problems(value: Any, attributes: Mapping[str, Any], constraints: Mapping[str, Any], path: str) -> Iterator[str]:
    """What is wrong with an object, by the schema."""
    yield from (
        f"{path}.{name} is missing" for name, each in attributes.items() if each.get("required") and name not in value
    )
    if (any_of := constraints.get("at_least_one")) and not set(any_of) & set(value):
        yield f"{path} has none of {any_of}"
    for name, found in value.items():
        if name not in attributes:
            yield f"{path}.{name} is unknown"
            continue
        known = attributes[name]
        if isinstance(found, list) != known.get("array", False):
            yield f"{path}.{name} is a list, or is none"
        for each in found if isinstance(found, list) else [found]:
            yield from _problems_of_value(each, known, f"{path}.{name}")


def _problems_of_value(value: Any, known: Mapping[str, Any], path: str) -> Iterator[str]:
    if simple := TYPES.get(known["type"]):
        if not isinstance(value, simple):
            yield f"{path} is no {known['type']}"
        elif "enum" in known and value not in known["enum"]:
            yield f"{path} is {value}"
    elif known["type"] in SCHEMA["objects"]:
        of_object = SCHEMA["objects"][known["type"]]
        yield from problems(value, of_object["attributes"], of_object.get("constraints", {}), path)
    else:
        assert known["type"] == "object", path


@pytest.mark.parametrize("is_update", [False, True])
def test_every_event_is_valid(*, is_update: bool) -> None:
    events = detection_findings(SUMMARY, is_update=is_update)
    assert len(events) == 2
    assert [each for event in events for each in problems(event, SCHEMA["class"]["attributes"], {}, "event")] == []


def test_an_invalid_event_would_be_found() -> None:
    (event, _) = detection_findings(SUMMARY, is_update=False)
    event["severity_id"], event["finding_info"]["type"], event["evidences"] = 7, "x", [{"name": "x"}]
    del event["metadata"]["product"]
    assert [*problems(event, SCHEMA["class"]["attributes"], {}, "event")] == [
        "event.severity_id is 7",
        "event.metadata.product is missing",
        "event.finding_info.type is unknown",
        f"event.evidences has none of {SCHEMA['objects']['evidences']['constraints']['at_least_one']}",
        "event.evidences.name is unknown",
    ]


def test_an_event_has_the_finding() -> None:
    first, second = detection_findings(SUMMARY, is_update=False)
    assert (first["class_uid"], first["type_uid"], first["severity"], first["status"]) == (
        2004,
        200401,
        "Critical",
        "New",
    )
    assert (first["start_time"], first["end_time"] - first["start_time"]) == (1795338000000, 3_600_000)
    assert first["finding_info"]["uid"] == f"2026-11-22-09:00/{'a' * 32}"
    assert first["finding_info"]["src_url"] == "https://linear.app/acme/issue/SEC-1"
    assert first["unmapped"]["deviations"] == SUMMARY["flagged"][0]["deviations"]
    assert (second["status"], second["finding_info"]["title"]) == ("Suppressed", 'token "deploy": an unusual hour')


def test_an_hour_that_is_sent_again_updates_its_findings() -> None:
    before, after = (detection_findings(SUMMARY, is_update=is_update)[0] for is_update in (False, True))
    assert (after["activity_id"], after["type_uid"]) == (2, 200402)
    assert after["finding_info"] == before["finding_info"]
