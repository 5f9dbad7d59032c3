"""Each condition of a match, alone and together, on entries as Cloudflare gives them."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_assets.watch.matching import find_matches
from audit_assets_tests.watch.rules import entries, matched, normalize, rule

V1: dict[str, Any] = {
    "stream": "v1",
    "action": {"type": "change_setting", "info": "by hand"},
    "interface": "UI",
    "metadata": {"name": "security_level", "zone_name": "example.com"},
    "resource": {"type": "zone", "id": "z1"},
    "oldValue": "high",
    "newValue": "essentially_off",
}

V2: dict[str, Any] = {
    "action": {"type": "update", "description": "Update Access Policy"},
    "actor": {"context": "dash"},
    "raw": {"uri": "/accounts/0a1b2c3d4e5f60718293a4b5c6d7e8f9/access/policies/12?page=1", "method": "PUT"},
    "resource": {
        "product": "access",
        "type": "policies",
        "request": {"decision": "bypass", "include": [{"everyone": {}}], "precedence": 1, "isPublic": True},
        "response": {"result": {"name": "Staff Only"}},
    },
    "zone": {"id": "z1", "name": "example.com"},
}


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        (V1, {"stream": "v1", "resource_type": "Zones"}),
        (V1, {"action": "change settings"}),
        (V1, {"kind": "update"}),
        (V1, {"actor_type": "user"}),
        (V1, {"description": "by*"}),
        (V1, {"setting": "security-level"}),
        (V1, {"old_value": "HIGH"}),
        (V1, {"new_value": ["off", "essentially off"]}),
        (V1, {"resource_type": "zone", "setting": "security*", "old_value": "high", "new_value": "*off"}),
        ({**V1, "newValue": True}, {"new_value": "true"}),
        ({**V1, "newValue": 1.0}, {"new_value": "1.0"}),
        ({**V1, "newValue": {"type": "MX"}}, {"request": {"type": "mx"}}),
        ({**V1, "newValueJson": {"records": [{"type": "MX"}]}}, {"request": {"type": "mx"}}),
        ({**V1, "oldValueJson": {"type": "MX"}}, {"before": {"type": "mx"}}),
        ({**V1, "oldValueJson": {"name": "example.com"}}, {"before": {"name": "{zone}"}}),
        (V2, {"stream": "v2", "product": "Access"}),
        (V2, {"resource_type": "policy"}),
        (V2, {"uri": "*/access/policies/{id}"}),
        (V2, {"uri": "/accounts/{id}/access/*"}),
        (V2, {"request": {"decision": "bypass"}}),
        (V2, {"request": {"Decision": ["allow", "by*"]}}),
        (V2, {"request": {"everyone": "*"}}),
        (V2, {"request": {"is_public": "true"}}),
        (V2, {"request": {"precedence": "1"}}),
        (V2, {"request": {"decision": "bypass", "precedence": "*"}}),
        (V2, {"response": {"name": "staff_only"}}),
        ({**V2, "resource": {"type": "x", "request": {"roles": ["a", "b c"]}}}, {"request": {"role": "b_c"}}),
        ({**V2, "resource": {"type": "x", "request": {"ids": [1, 2]}}}, {"request": {"ids": "2"}}),
        ({**V2, "resource": {"type": "x", "value": {"name": "example.com"}}}, {"request": {"name": "{zone}"}}),
        ({**V2, "action": {"type": "update", "result": ""}}, {"product": "access"}),
        ({**V2, "action": {"type": "update", "result": "failure"}}, {"product": "access", "result": "failure"}),
        ({**V2, "action": {"type": "view"}}, {"kind": "none"}),
        ({"resource": {"type": "x"}}, {"kind": "update"}),
    ],
)
def test_what_meets_a_condition(entry: dict[str, Any], match: dict[str, Any]) -> None:
    assert matched(rule(match=[match]), entry) == 1


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        (V1, {"stream": "v2", "resource_type": "zone"}),
        (V1, {"resource_type": "zone_setting"}),
        (V1, {"product": "*"}),
        (V1, {"uri": "*"}),
        (V1, {"setting": "security_level", "new_value": "off"}),
        (V1, {"old_value": "essentially_off"}),
        (V1, {"request": {"new_value": "essentially_off"}}),
        (V2, {"setting": "*"}),
        (V2, {"uri": "/access/*"}),
        (V2, {"uri": "*/access/policies"}),
        (V2, {"request": {"decision": "allow"}}),
        (V2, {"request": {"name": "staff_only"}}),
        (V2, {"request": {"precedence": "12"}}),
        (V2, {"request": {"decision": "bypass", "everyone": "true"}}),
        (V2, {"actor_type": "token"}),
        ({**V2, "action": {"type": "update", "result": "failure"}}, {"product": "access"}),
        (
            {**V2, "resource": {"type": "x", "request": {"name": '"decision":"bypass"'}}},
            {"request": {"decision": "bypass"}},
        ),
        ({**V2, "resource": {"type": "x", "request": {"name": "a.example.com"}}}, {"request": {"name": "{zone}"}}),
        ({**V2, "zone": {}, "resource": {"type": "x", "request": {"name": ""}}}, {"request": {"name": "{zone}"}}),
    ],
)
def test_what_does_not(entry: dict[str, Any], match: dict[str, Any]) -> None:
    assert matched(rule(match=[match]), entry) == 0


def test_any_of_several_matches_is_enough_and_none_of_unless() -> None:
    several = rule(match=[{"action": "a"}, {"action": "b"}], unless=[{"resource_type": "calm"}])
    story = [{"action": {"type": each}, "resource": {"type": kind}} for each in "abc" for kind in ("loud", "calm")]
    found = find_matches([several], entries(*story).lazy())
    assert found.select("action", "resource_type").sort("action").rows() == [("a", "loud"), ("b", "loud")]


def test_an_entry_that_meets_two_matches_is_one() -> None:
    assert (
        matched(
            rule(match=[{"action": "delete"}, {"resource_type": "zone"}]),
            {"action": {"type": "delete"}, "resource": {"type": "zone"}},
        )
        == 1
    )


@pytest.mark.parametrize(
    ("actor", "excepted", "count"),
    [
        ({"email": "ops@example.com"}, "ops@example.com", 0),
        ({"email": "ops@example.com"}, "OPS@example.com", 0),
        ({"email": "ops@example.com"}, "anne@example.com", 1),
        ({"email": "ops@example.com", "token_id": "t1", "token_name": "ops@example.com"}, "ops@example.com", 1),
        ({"email": "ops@example.com", "type": "account"}, "ops@example.com", 1),
    ],
)
def test_only_a_person_is_excepted_by_an_address(actor: dict[str, str], excepted: str, count: int) -> None:
    zone = {"action": {"type": "delete"}, "resource": {"type": "zone"}, "actor": actor}
    assert matched(rule(except_actors=[excepted]), zone) == count


def test_any_actor_is_excepted_by_its_key() -> None:
    zone = {"action": {"type": "delete"}, "resource": {"type": "zone"}, "actor": {"token_id": "t1"}}
    key = entries(zone)["actor_key"][0]
    assert matched(rule(except_actors=[key]), zone) == 0
    assert matched(rule(except_actors=["f" * 32]), zone) == 1


def test_what_is_nested_too_deeply_hides_nothing() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    entry = {**V2, "resource": {"type": "policies", "request": {"decision": "bypass", "padding": deep}}}
    assert matched(rule(match=[{"request": {"decision": "bypass"}}]), entry) == 1
    assert matched(rule(match=[{"request": {"decision": "allow"}}]), entry) == 0


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["bypass", '"decision":"bypass"', "\\"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["decision", "a", '"decision', '"decision"', "\\"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def holds(value: Any, keys: tuple[str, ...]) -> bool:
    """Whether a field of one of these names is bypass, or a list with it, anywhere."""
    if isinstance(value, list):
        return any(holds(each, keys) for each in value)
    if not isinstance(value, dict):
        return False
    own = [each for key, each in value.items() if key in keys]
    of_own = any(each == "bypass" or (isinstance(each, list) and "bypass" in each) for each in own)
    return of_own or any(holds(each, keys) for each in value.values())


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(VALUES)
def test_no_text_looks_like_a_field_and_no_field_is_missed(value: Any) -> None:
    frame, _ = normalize(
        [
            {
                "id": "1",
                "action": {"type": "update", "time": "2026-01-05T10:00:00Z"},
                "resource": {"type": "x", "request": {"all": value}},
            }
        ],
        "v2",
    )
    found = find_matches([rule(match=[{"request": {"decision": "bypass"}}])], frame.lazy())
    lists_hold_scalars = "[{" not in (text := json.dumps(value)) and "[[" not in text and ", [" not in text
    if holds(value, ("decision",)) and lists_hold_scalars and ", {" not in text:
        assert found.height == 1
    if not holds(value, ("decision", '"decision')):
        assert found.is_empty()


def test_hostile_columns_raise_nothing() -> None:
    hostile = "\ud800 ` ) | ( [ \\ \x00 \n" * 20
    story = {
        **V2,
        "action": {"type": hostile, "description": hostile},
        "resource": {"type": hostile, "product": hostile, "request": {hostile: hostile}},
        "raw": {"uri": hostile},
    }
    frame, _ = normalize([{**story, "id": "1", "action": {**story["action"], "time": "2026-01-05T10:00:00Z"}}], "v2")
    every = rule(match=[{"product": "x", "description": "*`*", "uri": "*a*", "request": {"a": "*"}}])
    assert isinstance(find_matches([every], frame.lazy()), pl.DataFrame)
