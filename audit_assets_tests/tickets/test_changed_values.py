"""What an entry changed, before and after, without the secrets in it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.tickets.changed_values import changed_values


def v1(**parts: Any) -> str:
    return json.dumps({"id": "1", "when": "2026-11-22T10:00:00Z", "action": {"type": "change_setting"}} | parts)


def v2(request: Any, uri: str = "/zones/1/dns_records", **resource: Any) -> str:
    return json.dumps(
        {
            "id": "1",
            "action": {"type": "update", "time": "2026-11-22T10:00:00Z"},
            "raw": {"uri": uri},
            "resource": {"type": "dns_record", "request": request, **resource},
        }
    )


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (
            v1(metadata={"name": "security_level"}, oldValue="high", newValue="essentially_off"),
            "security_level: high → essentially_off",
        ),
        (v1(oldValue="", newValue="null"), None),
        (v1(oldValue="1.2.3.4", newValue=""), "value: 1.2.3.4 → (none)"),
        (
            v1(oldValueJson={"proxied": True, "ttl": 1}, newValueJson={"proxied": False, "ttl": 1}),
            "proxied: true → false",
        ),
        (
            v1(oldValue='{"mode": "block", "id": "a"}', newValue='{"mode": "simulate", "id": "a"}'),
            "mode: block → simulate",
        ),
        (v2({"value": "essentially_off"}, "/zones/1/settings/security_level"), "security_level: essentially_off"),
        (
            v2({"type": "A", "name": "www", "content": "192.0.2.1", "ttl": 60, "proxied": True}),
            "type: A, name: www, content: 192.0.2.1, ttl: 60, and 1 more",
        ),
        (v2({"rule": {"action": "skip", "enabled": False}}), "rule.action: skip, rule.enabled: false"),
        (v2({"paths": ["/a", "/b"]}), 'paths: ["/a", "/b"]'),
        (v2({"note": "x" * 100}), f"note: {'x' * 60}…"),
        (v2({}), None),
        (v2(None, value="on"), None),
        ("", None),
        ("[1]", None),
        ("{", None),
        ("[" * 100_000, None),
    ],
)
def test_what_was_changed_is_shown_with_its_value_before_where_that_is_known(raw: str, values: str | None) -> None:
    assert changed_values(raw) == values


PEM = "-----BEGIN PRIVATE KEY-----\nMIIE"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"
LONG = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIzNDU2"


@pytest.mark.parametrize(
    "raw",
    [
        v2({"password": "hunter2"}),
        v2({"clientSecret": "hunter2"}),
        v2({"auth": {"value": "hunter2"}}),
        v2({"headers": [{"Authorization": "hunter2"}]}),
        v2({"conf": {"a": {"b": {"c": {"api_key": "hunter2"}}}}}),
        v2({"name": "X", "text": "hunter2", "type": "secret_text"}, "/accounts/1/workers/scripts/a/secrets"),
        v2({"value": "hunter2"}, type="api_token"),
        v2({"value": "hunter2"}, "/zones/1/settings/webhook_token"),
        v2({"destination_conf": "s3://bucket/logs?access-key-id=hunter2&secret-access-key=hunter2"}),
        v2({"url": "https://user:hunter2@example.com/hook"}),
        v1(metadata={"name": "API token"}, oldValue="hunter2", newValue="hunter2!"),
        v1(newValueJson={"service_token": "hunter2"}),
    ],
)
def test_what_is_named_like_a_secret_is_masked(raw: str) -> None:
    shown = changed_values(raw) or ""
    assert "hunter2" not in shown
    assert "(masked)" in shown or "…" in shown


@pytest.mark.parametrize("secret", [PEM, JWT, LONG])
@pytest.mark.parametrize("wrap", [str, lambda secret: [secret], lambda secret: {"a": {"b": {"c": {"d": secret}}}}])
def test_what_has_the_shape_of_a_secret_is_masked(secret: str, wrap: Any) -> None:
    assert secret[:20] not in (changed_values(v2({"content": wrap(secret)})) or "")


def test_the_id_of_a_token_is_no_secret() -> None:
    identifier = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    assert changed_values(v2({"token_id": identifier})) == f"token_id: {identifier}"


any_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(any_json, any_json, st.sampled_from(["metadata", "oldValue", "newValueJson", "resource", "raw", "action"]))
def test_whatever_an_entry_holds_there_is_a_bounded_text(part: Any, other: Any, name: str) -> None:
    for entry in ({"when": 1, "newValue": other, name: part}, {"resource": {"request": other}, name: part}):
        assert len(changed_values(json.dumps(entry)) or "") < 4 * 260 + 40
