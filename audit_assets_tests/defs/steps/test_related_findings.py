"""What relates findings is read from the stored hours: flags, tickets and entries."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_assets.cloudflare.entries import normalize_entries
from audit_assets.config.errors import StoreError
from audit_assets.config.policy import tables
from audit_assets.defs.steps.related_findings import LEAST_HOURS, find_relations
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.defs.steps.ticket_writing import OPENED_TICKETS
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.detection.schemas import FLAG
from audit_assets.detection.watch_columns import MATCHED_ENTRY
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ENTRIES, FLAGGED, TICKETS
from audit_assets.tickets.finding_builder import by_ticket
from audit_assets_tests.pipeline import v2_entry
from audit_assets_tests.tickets.sample_findings import ACCOUNT, HOUR

AN_HOUR = timedelta(hours=1)
INTRUDER = "198.51.100.7"
TOKEN = "e" * 32


class Stored:
    """Hours in a store, of which each actor's is flagged, with a ticket."""

    def __init__(self, folder: Path) -> None:
        self.store = HourStore(str(folder))
        self.numbers: dict[str, int] = {}

    def write(self, hour: datetime, *raw: dict[str, Any], outcome: str = "opened", **flags: Any) -> pl.DataFrame:
        """Store an hour: its flags, with these columns changed."""
        entries, _ = normalize_entries(list(raw), "v2", ACCOUNT)
        self.store.write(ENTRIES, hour, entries)
        actors = entries.select("actor_key", "actor", "actor_type").unique("actor_key", maintain_order=True)
        common = {"hour": hour, "kind": "volume", "severity": "high", "disposition": "ticket", "changes": 9, **flags}
        rows = [{**actor, "ticket_key": actor["actor_key"], **common} for actor in actors.to_dicts()]
        flagged = pl.DataFrame(rows, schema=FLAG)
        self.store.write(FLAGGED, hour, flagged)
        opened = [self._ticket(hour, row["actor_key"], outcome) for row in rows]
        self.store.write(TICKETS, hour, pl.DataFrame(opened, schema=OPENED_TICKETS))
        return flagged

    def _ticket(self, hour: datetime, key: str, outcome: str) -> dict[str, Any]:
        number = self.numbers.setdefault(key, len(self.numbers) + 1)
        ids = {"ticket_id": f"00000000-0000-4000-8000-{number:012}", "identifier": f"SEC-{number}"}
        return {"hour": hour, "actor_key": key, "ticket_key": key, "outcome": outcome, **ids}

    def week(self, hours: int = LEAST_HOURS) -> None:
        """So many empty hours of the week before."""
        for back in range(25, 25 + hours):
            self.store.write(ENTRIES, HOUR - AN_HOUR * back, normalize_entries([], "v2", ACCOUNT)[0])

    def related(self, flagged: pl.DataFrame) -> list[tuple[str, str, str]]:
        """What relates the findings of HOUR to those of others: by whom, and by what."""
        inputs = RunInputs(ACCOUNT, tables(), self.store, load_watch_rules())
        found = find_relations(inputs, by_ticket(flagged), HOUR)
        rows = found.relations.filter(pl.col("ticket_key").is_in(flagged["actor_key"].implode())).to_dicts()
        return [(found.actors[row["other"]], row["reason"], row["value"]) for row in rows]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    made = Stored(tmp_path)
    made.week()
    return made


def by(name: str, hour: datetime = HOUR, address: str = INTRUDER, **changed: Any) -> dict[str, Any]:
    entry = v2_entry(hour + timedelta(minutes=5), actor=f"{name}@example.com", **changed)
    entry["actor"] |= {"ip_address": address}
    entry["resource"] |= {"id": entry["id"]}
    return entry


BEFORE = HOUR - 3 * AN_HOUR
OF_ALICE = [("alice@example.com", "address", INTRUDER)]


def test_an_earlier_finding_on_the_same_address_however_it_was_written(stored: Stored) -> None:
    stored.write(BEFORE, by("alice", BEFORE, address=f"::ffff:{INTRUDER}"))
    assert stored.related(stored.write(HOUR, by("bob"))) == OF_ALICE


def test_a_token_that_an_earlier_finding_created(stored: Stored) -> None:
    created = by("alice", BEFORE, "192.0.2.9", resource_type="api_token")
    created["resource"]["id"] = TOKEN
    used = by("nobody")
    used["actor"] = {"type": "account", "token_id": TOKEN, "token_name": "x", "ip_address": INTRUDER}
    stored.write(BEFORE, created)
    assert stored.related(stored.write(HOUR, used)) == [("alice@example.com", "token_creator", TOKEN)]


@pytest.mark.parametrize("outcome", ["on_shared_ticket", "dismissed", "unreadable", "failed", "dry_run"])
def test_a_finding_without_a_ticket_of_its_own_relates_nothing(stored: Stored, outcome: str) -> None:
    stored.write(BEFORE, by("alice", BEFORE), outcome=outcome)
    assert stored.related(stored.write(HOUR, by("bob"))) == []


def test_a_finding_of_several_relates_nothing(stored: Stored) -> None:
    flagged = stored.write(HOUR, by("alice"), by("bob"))
    of_all = flagged.with_columns(actor_key=pl.lit("organisation"), ticket_key=pl.lit("organisation"))
    assert stored.related(of_all) == []


def test_a_day_is_the_longest(stored: Stored) -> None:
    flagged = stored.write(HOUR, by("bob"))
    stored.write(HOUR - 25 * AN_HOUR, by("alice", HOUR - 25 * AN_HOUR))
    assert stored.related(flagged) == []
    stored.write(HOUR - 24 * AN_HOUR, by("alice", HOUR - 24 * AN_HOUR))
    assert stored.related(flagged) == OF_ALICE


def test_too_few_stored_hours_relate_nothing(tmp_path: Path) -> None:
    stored = Stored(tmp_path)
    stored.week(LEAST_HOURS - 1)
    assert stored.related(stored.write(HOUR, by("alice"), by("bob"))) == []


def test_what_many_share_is_known_after_an_hour_and_what_they_do_not_is_looked_for_in_all(stored: Stored) -> None:
    at_work, yesterday = HOUR - 25 * AN_HOUR, HOUR - 30 * AN_HOUR
    office = [by(name, at_work) for name in ("carol", "dave", "erin")]
    stored.store.write(ENTRIES, at_work, normalize_entries(office, "v2", ACCOUNT)[0])
    both = by("alice"), by("bob")
    assert stored.related(stored.write(HOUR, *both)) == []
    for entry in both:
        entry["resource"]["id"] = "theirs"
    of_resource = [(name, "resource", "dns_records theirs") for name in ("alice@example.com", "bob@example.com")]
    assert sorted(stored.related(stored.write(HOUR, *both))) == of_resource
    for entry in (changed := [by(name, yesterday) for name in ("carol", "dave", "erin")]):
        entry["resource"]["id"] = "theirs"
    stored.store.write(ENTRIES, yesterday, normalize_entries(changed, "v2", ACCOUNT)[0])
    assert stored.related(stored.write(HOUR, *both)) == []


def test_a_failed_attempt_that_a_rule_matched_has_an_address_and_no_resource(stored: Stored) -> None:
    stored.write(BEFORE, by("alice", BEFORE))
    target = {"resource_type": "zone", "resource_id": "z1", "change_kind": "update"}
    attempt = dict.fromkeys(MATCHED_ENTRY.names()) | target
    flagged = stored.write(HOUR, by("bob", address="192.0.2.9"))
    attempt |= {"actor_key": flagged["actor_key"][0], "ip_address": INTRUDER, "action_result": "failure"}
    matched = pl.Series([[attempt]], dtype=FLAG["matched"])
    assert stored.related(flagged.with_columns(kind=pl.lit("watch_rule"), matched=matched)) == OF_ALICE


def test_what_failed_without_a_rule_and_what_was_only_viewed_does_not_count(stored: Stored) -> None:
    stored.write(BEFORE, by("alice", BEFORE))
    failed = by("bob")
    failed["action"]["result"] = "failure"
    assert stored.related(stored.write(HOUR, failed, by("bob", action="view", number=1))) == []


def test_a_sign_in_counts(stored: Stored) -> None:
    stored.write(BEFORE, by("alice", BEFORE))
    entry = by("bob", action="update", resource_type="login")
    entry["action"]["description"] = "SSO_LOGIN"
    assert stored.related(stored.write(HOUR, entry)) == OF_ALICE


def test_a_damaged_hour_before_is_left_out_and_the_hour_s_own_is_not(stored: Stored) -> None:
    stored.write(BEFORE, by("alice", BEFORE))
    flagged = stored.write(HOUR, by("bob"))
    for table in (FLAGGED, TICKETS):
        stored.store.path(table, BEFORE - AN_HOUR).write_bytes(b"damaged")
    assert stored.related(flagged) == OF_ALICE
    stored.store.path(ENTRIES, HOUR).unlink()
    with pytest.raises(StoreError, match="raw_audit_entries holds nothing for"):
        stored.related(flagged)
