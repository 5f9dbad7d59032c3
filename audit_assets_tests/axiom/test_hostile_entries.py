"""Whatever an attacker writes into an entry reaches Axiom as text, and touches no other row."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import CUT, EVENT_SCHEMA, LONGEST_RAW, LONGEST_TEXT, OF_SOME_ENTRIES, events_from
from audit_assets.config.change_filter import COLUMNS, NOT_GIVEN
from audit_assets.sandbox.server import Sandbox, serve_sandbox
from audit_assets_tests.axiom.made_entries import ANNE, AT, BORIS, HOUR, client_of, entries
from audit_assets_tests.support import JumpingClock

NOT_THEIRS = {"entry_id", "actor_key", "stream", "account_id", "raw_sha256", "quarantine_reason"}
WRITABLE = sorted(name for name, dtype in EVENT_SCHEMA.items() if dtype == pl.String and name not in NOT_THEIRS)
OURS = {"change_kind": "update"}
"""The fields of an entry that this project words itself."""

ATTACKS = [
    "'] | union ['x",
    '"); drop table events; --',
    "x') | summarize count() by entry_id //",
    "dns_record\n| where false",
    'let actors = dynamic(["x"]);',
    '","actor_key":"' + BORIS + '","x":"',
    '"zone_id":null,',
    "${jndi:ldap://x}{{7*7}}%s%n",
    "\x00\x01\x1b[31m\r\n\t\x7f\x85",
    "\u202e\u2066\u200b\ufeff\u2028\ufffe\U0001f4a5\U000e0041",
    "<invalid string: too long>",
    "null",
    "",
    " ",
    "\\",
    "A" * (LONGEST_TEXT + 1),
    "é" * (LONGEST_RAW + 1),
]

texts = st.sampled_from(ATTACKS) | st.text(max_size=60)
rows = st.fixed_dictionaries(
    {name: texts | st.none() for name in WRITABLE}
    | {"resource_type": texts}
    | {name: st.just(word) for name, word in OURS.items()}
)

hours = count()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, AxiomClient]]:
    path = tmp_path_factory.mktemp("hostile")
    with serve_sandbox(Sandbox(path)) as sandbox, client_of(sandbox, JumpingClock(sandbox.shared.clock)) as axiom:
        yield sandbox, axiom


def stored(sandbox: Sandbox, entry_id: str) -> dict[str, Any]:
    """The event as Axiom gives it back, asked with another client and another query."""
    known = sandbox.environment()
    answer = httpx.post(
        f"{known['AXIOM_URL']}/v1/datasets/_apl?format=tabular",
        json={"apl": f"['{known['AXIOM_DATASET']}'] | where entry_id in (\"{entry_id}\") | limit 5"},
        headers={"Authorization": f"Bearer {known['AXIOM_TOKEN']}"},
    ).json()
    [table] = answer["tables"]
    names = [field["name"] for field in table["fields"]]
    return dict(zip(names, (value for [value] in table["columns"]), strict=True))


def as_kept(name: str, text: str | None) -> str | None:
    if name in COLUMNS and not text:
        return NOT_GIVEN
    if name in OF_SOME_ENTRIES and not text:
        return ""
    longest = LONGEST_RAW if name == "raw" else LONGEST_TEXT
    return text[:longest] + CUT if text is not None and len(text) > longest else text


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4))
def test_hostile_text_comes_back_as_it_was_and_changes_nothing_else(
    served: tuple[Sandbox, AxiomClient], hostile: list[dict[str, str | None]]
) -> None:
    sandbox, axiom = served
    at = AT + HOUR * next(hours)
    columns: dict[str, Any] = {name: [row[name] for row in hostile] for name in WRITABLE}
    whole = pl.concat([entries(len(hostile), at=at, **columns), entries(2, at=at, actor_key=BORIS)])
    axiom.ingest(events_from(whole))
    assert axiom.prove(whole).holds

    activity = axiom.activity([ANNE, BORIS], at, at + HOUR)
    types = pl.Series([as_kept("resource_type", row["resource_type"]) for row in hostile])
    counted = types.value_counts(name="changes")
    ours = activity.filter(actor_key=ANNE)
    assert dict(ours.select("resource_type", "changes").iter_rows()) == dict(counted.iter_rows())
    assert activity.filter(actor_key=BORIS).rows() == [(BORIS, at, "dns_record", 2, 0)]

    sandbox.shared.clock.advance(sandbox.axiom.behaviour.field_delay)
    kept = stored(sandbox, whole["entry_id"][0])
    assert {name: kept.get(name) for name in WRITABLE} == {name: as_kept(name, hostile[0][name]) for name in WRITABLE}
    assert (kept["actor_key"], kept["is_change"], kept["account_id"]) == (ANNE, True, "acc0")
