"""Audit entries as text, and how deep they are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.cloudflare.entry_json import is_deeper
from audit_assets_tests.cloudflare.samples import ACCOUNT, v2_entry
from audit_assets_tests.support import more_stack

texts = st.text(st.sampled_from('a"\\[]{}é\ud800\n'), max_size=6)
values = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=12
)


def levels_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(levels_of, inner), default=0)


@given(values, st.booleans())
def test_levels_are_counted_outside_of_strings_only(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert [is_deeper(text, levels) for levels in range(8)] == [levels_of(value) > levels for levels in range(8)]


@pytest.mark.parametrize("depth", [400, 900, 990, 1_500])
def test_an_entry_is_filed_alike_however_much_of_the_stack_is_free(depth: int) -> None:
    deep: Any = 0
    for _ in range(depth):
        deep = [deep]
    entries = [v2_entry(1, resource={"request": deep}), {"id": "2", "note": deep}]
    frame, quarantined = normalize_entries(entries, "v2", ACCOUNT)
    with more_stack():
        again = normalize_entries(entries, "v2", ACCOUNT)
    assert frame.equals(again[0])
    assert quarantined == again[1]
    assert frame["native_id"].to_list() == [v2_entry(1)["id"]]
    assert ("nested too deeply" in frame["raw"][0]) == (depth > 400), "what is not that deep is kept"
    assert [each["native_id"] for each in quarantined] == ["2"]
