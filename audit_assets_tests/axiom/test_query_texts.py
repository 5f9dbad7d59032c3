"""The query texts: what they are made of, and that nothing but typed values gets in."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.axiom import query_texts as queries
from audit_assets.axiom.aggregates import AGGREGATE_SCHEMA
from audit_assets.axiom.events import EVENT_SCHEMA, OF_SOME_ENTRIES
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.config.errors import SettingError
from audit_assets_tests.axiom.made_entries import ANNE, AT, BORIS, DAY

PROJECT = Path(queries.__file__).parents[2]
FILES = sorted((PROJECT / "audit_assets" / "axiom" / "queries").glob("*.apl"))
FIXTURES = Path(__file__).parents[1] / "fixtures" / "axiom"

KUSTO_TYPES = {"String": "string", "Boolean": "bool", "Int64": "long", "Datetime": "datetime"}


LEFT_OUT = queries.change_filter_values(ChangeFilter())


def window() -> dict[str, Any]:
    return {"window_start": AT - DAY, "window_end": AT}


def test_a_query_is_its_file_with_the_values_and_the_dataset_put_in() -> None:
    text = queries.fill("activity", "acme-logs", **window(), actors=[ANNE, BORIS], **LEFT_OUT)
    file = (PROJECT / "audit_assets/axiom/queries/activity.apl").read_text()
    assert text.splitlines()[1:5] == [
        "let window_start = datetime(2026-11-19T10:00:00Z);",
        "let window_end = datetime(2026-11-20T10:00:00Z);",
        f'let actors = dynamic(["{ANNE}", "{BORIS}"]);',
        'let streams_left_out = dynamic([""]);',
    ]
    assert text.replace("['acme-logs']", queries.EXAMPLE_DATASET).splitlines()[5:] == file.splitlines()[5:]


def test_times_of_any_zone_are_written_in_utc() -> None:
    there = AT.astimezone(timezone(timedelta(hours=-7)))
    values = {"window_start": there - DAY, "window_end": there}
    assert queries.fill("entries_held", "d", **values) == queries.fill("entries_held", "d", **window())


@pytest.mark.parametrize(
    "value",
    [
        "x' or 1==1",
        '"] | union ["x',
        ANNE.upper(),
        "",
        "a" * 65,
        f"{ANNE}\n",
        "\uff41",
        5,
        None,
        True,
        b"ab",
        [],
        ["ab", "x'"],
        [["ab"]],
        {"a": "b"},
        AT,
    ],
)
def test_anything_but_hex_is_refused_as_an_actor(value: Any) -> None:
    with pytest.raises(ValueError, match=r"actors|activity\.apl"):
        queries.fill("activity", "d", **window(), actors=value, **LEFT_OUT)


@given(st.text())
def test_no_text_but_hex_gets_into_a_query(text: str) -> None:
    if re.fullmatch("[0-9a-f]{1,64}", text):
        return
    with pytest.raises(ValueError, match="hex digits"):
        queries.fill("activity", "d", **window(), actors=[text], **LEFT_OUT)


@given(st.text(min_size=1))
def test_no_text_but_a_plain_name_gets_into_a_query_from_a_policy(text: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_ .:/-]{0,99}", text):
        return
    left_out = LEFT_OUT | {"actions_left_out": queries.Names([text])}
    with pytest.raises(ValueError, match="plain names"):
        queries.fill("activity", "d", **window(), actors=[ANNE], **left_out)
    with pytest.raises(ValueError, match="letters, digits"):
        ChangeFilter(without_actions=(text,))


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 11, 1),  # noqa: DTZ001 - that is the point
        datetime(2026, 11, 1, 0, 0, 0, 1, tzinfo=UTC),
        "2026-11-01T00:00:00Z",
        "abc",
        ["abc"],
    ],
)
def test_anything_but_an_aware_whole_second_is_refused_as_a_time(start: Any) -> None:
    with pytest.raises(ValueError, match="window_start"):
        queries.fill("entries_held", "d", window_start=start, window_end=AT)


def test_every_parameter_of_the_file_is_needed_and_no_other() -> None:
    with pytest.raises(ValueError, match="takes"):
        queries.fill("activity", "d", **window())
    with pytest.raises(ValueError, match="takes"):
        queries.fill("entries_held", "d", **window(), actors=[ANNE])


@pytest.mark.parametrize("name", ["", "a'b", "A", "a.b", "a_b", "x" * 81, "a b", "é", "a\n", "../x"])
def test_a_dataset_whose_name_needs_quoting_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="AXIOM_DATASET"):
        queries.check_dataset(name)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_query_file_is_whole_bounded_in_time_and_limited(file: Path) -> None:
    text = file.read_text()
    lines = text.splitlines()
    assert lines[0].startswith("// ")
    assert lines[1].startswith("let window_start = ")
    assert text.count(queries.EXAMPLE_DATASET) == 1
    body = lines[lines.index(queries.EXAMPLE_DATASET) :]
    assert body[1] == "| where _time >= window_start and _time < window_end"
    assert re.fullmatch(r"\| limit \d+", body[-1])
    assert queries.limit_of(file.stem) == (10 if file.stem == "dataset_facts" else 50_000)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_counts_drops_duplicates_by_entry_id_first(file: Path) -> None:
    if file.stem == "dataset_facts" or "count()" not in file.read_text():  # no count of theirs decides anything
        return
    stages = [line.split()[1] for line in file.read_text().splitlines() if line.startswith("| ")]
    grouping = next(line for line in file.read_text().splitlines() if re.match(r"\| (distinct|summarize)", line))
    assert "entry_id" in grouping
    assert set(stages[: stages.index(grouping.split()[1])]) <= {"where", "extend"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_query_uses_only_what_axiom_documents(file: Path) -> None:
    features = json.loads((FIXTURES / "apl_features.json").read_text())
    documented = {name for names in features.values() for name in names}
    text = re.sub(r"//.*|\"[^\"]*\"|\['[^']*'\]", "", file.read_text())
    used = set(re.findall(r"\b(\w+)\(|^\| ([\w-]+)|\b(in|startswith_cs|and|or)\b", text, re.MULTILINE))
    assert {name for names in used for name in names if name} - {"datetime", "dynamic"} <= documented


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_field_that_may_be_missing_is_in_every_new_event(file: Path) -> None:
    """Else the first event that has it would be read as one that has it not, until Axiom knows the field."""
    assert set(re.findall(r"column_ifexists\('(\w+)'", file.read_text())) <= {"account_id", *OF_SOME_ENTRIES}


@given(st.lists(st.booleans(), min_size=len(LEFT_OUT), max_size=len(LEFT_OUT)))
def test_a_link_has_the_query_without_what_a_policy_does_not_use(used: list[bool]) -> None:
    """Every list in turn: what is left is the file but for the lists that hold nothing, and always whole lines."""
    names = [field.name for field in fields(ChangeFilter)]
    policy = ChangeFilter(**{name: ("seldom",) if is_used else () for name, is_used in zip(names, used, strict=True)})
    text = queries.activity_text("d", [ANNE], AT - DAY, AT, policy)
    given_lists = {name for name, is_used in zip(LEFT_OUT, used, strict=True) if is_used}
    assert set(re.findall(r"\w+_left_out", text)) == given_lists
    assert all(text.count(f"!in ({name})") == text.count(f"let {name} = ") == 1 for name in given_lists)
    assert not re.search(r"and$|and \n|where $|where and|\n\n", text, re.MULTILINE)
    whole = queries.fill("activity", "d", **window(), actors=[ANNE], **queries.change_filter_values(policy))
    assert len(text.splitlines()) <= len(whole.splitlines())
    if all(used):
        assert text == whole


def test_an_independent_parser_finds_every_query_valid(tmp_path: Path) -> None:
    """Microsoft's parser and binder, narrowed to what Axiom documents (docs/facts/apl.md, 3)."""
    checker, modules, node = FIXTURES / "kusto_check.js", os.environ.get("KUSTO_MODULES"), shutil.which("node")
    if not node or not modules:
        pytest.skip(
            "needs node, and KUSTO_MODULES: the node_modules folder after npm install @kusto/language-service-next"
        )
    columns = EVENT_SCHEMA | AGGREGATE_SCHEMA
    schema = ",".join(f"{name}:{KUSTO_TYPES[str(dtype).split('(')[0]]}" for name, dtype in columns.items())
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": modules,
        "APL_FEATURES": str(FIXTURES / "apl_features.json"),
    }
    link = tmp_path / "link.apl"
    link.write_text(queries.activity_text("cloudflare-audit", [ANNE], AT - DAY, AT, ChangeFilter()))
    ran = subprocess.run(  # noqa: S603 - our own arguments
        [node, checker, schema, "cloudflare-audit", *FILES, link],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count(": ok (") == len(FILES) + 1
    assert "activity.apl" in ran.stdout
    assert "(actor_key:string, resource_type:string, change_kind:string, hour:datetime, changes:long)" in ran.stdout
