"""Public reports about other programs, and what each was tried with here (docs/facts/cloudflare.md, 11)."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.defs.partitions import hours_from
from audit_assets.exports.entries_file import EntriesFileError, FileEntries, read_entries
from audit_assets.tickets.changed_values import changed_values
from audit_assets_tests.cloudflare.samples import ACCOUNT, v1_entry

AT = datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)
SECONDS = int(AT.timestamp())


def read(folder: Path, *records: object) -> FileEntries:
    path = folder / "logs.json"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read_entries(path)


@pytest.mark.parametrize("power", [0, 3, 6, 9])
@pytest.mark.parametrize("kind", [int, str])
def test_each_of_logpushs_units_of_time_is_told_by_its_size(tmp_path: Path, power: int, kind: type) -> None:
    """elastic/integrations#7762: seconds were read as milliseconds."""
    (entry,) = read(tmp_path, {"ID": "a", "ActionType": "add", "When": kind(SECONDS * 10**power)}).v1
    assert entry.time == AT


def test_the_names_of_the_api_and_those_of_logpush_are_both_known(tmp_path: Path) -> None:
    """elastic/integrations#8737: `when` of the API went into a parser of `When`."""
    assert len(read(tmp_path, {"ID": "a", "When": SECONDS}, v1_entry())) == 2


@pytest.mark.parametrize("record", [{"When": SECONDS}, {"ActionTimestamp": SECONDS, "AuditLogID": "a"}])
def test_a_time_is_all_that_a_record_needs(tmp_path: Path, record: dict[str, object]) -> None:
    """panther-labs/panther#2020: a Logpush job has the fields that somebody chose."""
    assert len(read(tmp_path, record)) == 1


def test_logpushs_file_that_proves_a_bucket_is_no_log(tmp_path: Path) -> None:
    """matanolabs/matano#105: it lies beside the logs, and ended their reading."""
    with pytest.raises(EntriesFileError, match="objects with the keys content, filename"):
        read(tmp_path, {"content": "tests", "filename": "test.txt.gz"})


@pytest.mark.parametrize("stream_key", ["email", "id", "ip"])
def test_a_null_is_nothing_and_no_word(stream_key: str) -> None:
    """wazuh/wazuh#669: null became the text "null", and so an actor of that name."""
    rows, quarantined = normalize_entries([v1_entry(actor={stream_key: None})], "v1", ACCOUNT)
    assert quarantined == []
    assert "null" not in rows.select("actor", "actor_email", "ip_address").row(0)


def test_json_in_a_text_of_json_is_read() -> None:
    """wazuh/wazuh#10648: fields that are JSON again were shown as one text."""
    entry = v1_entry() | {"oldValue": "null", "newValue": '{"security": {"level": "high"}}'}
    assert changed_values(json.dumps(entry)) == "security.level: high"


@pytest.mark.parametrize(
    ("first", "last"), [("2026-03-28-00:00", "2026-03-30-23:00"), ("2026-10-24-00:00", "2026-10-26-23:00")]
)
def test_each_day_has_24_hours_wherever_it_runs(first: str, last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """dagster-io/dagster#32743: hours around the change to summer time were left out."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        keys = hours_from(first).get_partition_keys(datetime(2026, 11, 1, tzinfo=UTC))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert len(keys[: keys.index(last) + 1]) == len(set(keys[: keys.index(last) + 1])) == 72
