"""People who are one across accounts: what they did in the others is their past in one in which they are new."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.tables import ASSESSED, BASELINES, FLAGGED, PEOPLE, SCORES_BEFORE
from audit_assets_tests.accounts.two_accounts import LAB, PROD, TwoAccounts
from audit_assets_tests.pipeline import problems_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANNE, ZOE = "anne@example.com", "zoe@example.com"
TOKEN = {"token_id": "7" * 32, "token_name": "deploy"}
DNS, CACHE = "dns_records", "cache_rules"


def past(days: int, *people: str, types: tuple[str, ...] = (DNS, "zones")) -> Iterator[dict[str, Any]]:
    """Three changes a day of each of these to these types, for so many days."""
    for day in range(1, days + 1):
        for number, person in enumerate(people):
            for turn in range(3):
                at = JUDGED - DAY * day + timedelta(minutes=number, seconds=turn)
                yield from v2_burst(at, 1, actor=person, resource_type=types[(day + turn) % len(types)])


@pytest.fixture
def known(two: TwoAccounts) -> TwoAccounts:
    """Anne has worked in Production for 40 days, others in both accounts; Production's day is made."""
    two.remember(PROD, [*past(40, ANNE, "bert@example.com"), *past(40, "carl@example.com", types=(CACHE,))])
    two.remember(
        LAB, [*past(40, "dora@example.com", "emil@example.com"), *past(40, "finn@example.com", types=(CACHE,))]
    )
    made = two.run(PROD, JUDGED)
    assert made.success, problems_of(made)
    return two


def judge(two: TwoAccounts, entries: list[dict[str, Any]], hour: datetime = JUDGED) -> dg.ExecuteInProcessResult:
    """A run of Laboratory's hour with these entries."""
    two.of[LAB].add("v2", entries)
    made = two.run(LAB, hour)
    assert made.success, problems_of(made)
    return made


def row_of(store: HourStore, table: str, who: str, hour: datetime = JUDGED) -> dict[str, Any]:
    names = store.require("actor_names", hour).filter(pl.col("actor") == who)
    frame = store.require(table, hour)
    key = "actor" if "actor" in frame.columns and table != FLAGGED else "actor_key"
    return frame.filter(pl.col(key) == names["actor_key"].item(), pl.col("hour") == hour).row(0, named=True)


def test_who_is_known_in_another_account_is_judged_by_what_it_does_there(known: TwoAccounts) -> None:
    judge(known, [*v2_burst(JUDGED, 4, actor=ANNE), *v2_burst(JUDGED + timedelta(minutes=9), 4, actor=ZOE)])
    with known.working(LAB) as store:
        anne, zoe = (row_of(store, ASSESSED, who) for who in (ANNE, ZOE))
        usual = row_of(store, BASELINES, ANNE)
    assert (zoe["familiarity"], zoe["new_resource_types"]) == ("newcomer", [DNS])
    assert (anne["familiarity"], anne["new_resource_types"], anne["active_hours"]) == ("well_known", [], 30)
    assert (usual["active_hours"], usual["hours_elsewhere"], usual["other_accounts"]) == (30, 30, ["Production"])
    assert not known.sandbox.linear.issues()


def test_an_unusual_hour_in_an_account_that_is_new_to_a_person_is_one_finding(known: TwoAccounts) -> None:
    judge(known, v2_burst(JUDGED, 90, actor=ANNE, resource_type=CACHE))
    (ticket,) = known.sandbox.linear.issues()
    assert ticket["title"].startswith("[Laboratory] ")
    assert ANNE in ticket["title"].replace("·", ".")
    told = "compared with what this person does in Production too: 30 of the 30 active hours of 30 days were there"
    assert told in ticket["description"]
    with known.working(LAB) as store:
        flagged = store.require(FLAGGED, JUDGED)
        (shown,) = store.read_json("flagged_actor_summary", JUDGED)["flagged"]
    assert flagged["actor_key"].n_unique() == 1
    assert told in shown["in_words"]
    assert set(flagged["kind"]) == {"volume", "new_resource_type"}
    assert {tuple(each["other_accounts"]) for each in shown["deviations"]} == {("Production",)}


def test_an_api_token_belongs_to_its_account(known: TwoAccounts) -> None:
    with_token = [{**each, "actor": {**each["actor"], **TOKEN}} for each in v2_burst(JUDGED, 4, actor=ANNE)]
    judge(known, with_token)
    with known.working(LAB) as store:
        row = store.require(ASSESSED, JUDGED).row(0, named=True)
    assert (row["familiarity"], row["active_hours"]) == ("newcomer", 0)


def test_the_next_days_see_the_hour_as_it_was_judged(known: TwoAccounts) -> None:
    """The organisation's past scores decide the alert threshold: they are those of the hours themselves."""
    judge(known, v2_burst(JUDGED, 4, actor=ANNE))
    tomorrow = JUDGED + DAY
    known.clock.sleep(DAY.total_seconds())
    made = judge(known, v2_burst(tomorrow, 5, actor=ANNE, resource_type="zones"), tomorrow)
    with known.working(LAB) as store:
        then, key = row_of(store, ASSESSED, ANNE), row_of(store, ASSESSED, ANNE)["actor"]
        before = store.require(SCORES_BEFORE, tomorrow.replace(hour=0))
        again = before.filter(pl.col("actor") == key, pl.col("hour") == JUDGED).row(0, named=True)
        later, usual = row_of(store, ASSESSED, ANNE, tomorrow), row_of(store, BASELINES, ANNE, tomorrow)
    measured = ("familiarity", "active_hours", "p_volume", "p_novelty", "p_many_new", "p_deletes", "time_share")
    assert {name: again[name] for name in measured} == {name: then[name] for name in measured}
    assert before.filter(pl.col("actor") == key).height == 1, "her hours elsewhere are none of this account's"
    assert (later["familiarity"], later["new_resource_types"]) == ("well_known", [])
    (day,) = made.asset_materializations_for_node(f"{LAB}__organisation_history")
    assert day.metadata["people_known_elsewhere"].value == 1
    assert (usual["active_hours"], usual["hours_elsewhere"]) == (30, 29)


def test_hours_of_a_confirmed_incident_are_nobodys_past(two: TwoAccounts) -> None:
    policy = two.file.parent / "prod.toml"
    policy.write_text(
        f'[[confirmed_incident]]\nactor = "{ANNE}"\nstart = "2026-10-01T00:00:00Z"\nend = "2026-11-22T00:00:00Z"\n'
    )
    two.write_file({PROD: {"policy": str(policy)}})
    two.remember(PROD, [*past(40, ANNE, "bert@example.com")])
    two.remember(LAB, [*past(40, "dora@example.com", "emil@example.com")])
    assert two.run(PROD, JUDGED).success
    judge(two, v2_burst(JUDGED, 4, actor=ANNE))
    with two.working(LAB) as store:
        assert row_of(store, ASSESSED, ANNE)["familiarity"] == "newcomer"


def test_an_account_whose_store_is_damaged_holds_up_no_other(known: TwoAccounts) -> None:
    with known.working(PROD) as store:
        store.path(PEOPLE, None).write_bytes(b"torn")
    made = judge(known, v2_burst(JUDGED, 4, actor=ANNE))
    with known.working(LAB) as store:
        assert row_of(store, ASSESSED, ANNE)["familiarity"] == "newcomer"
    for asset in ("organisation_history", "actor_baselines"):
        (event,) = made.asset_materializations_for_node(f"{LAB}__{asset}")
        assert event.metadata["accounts_not_read"].value == ["Production"]
    logged = known.instance.get_records_for_run(made.run_id).records
    warnings = [each.event_log_entry.user_message for each in logged if each.event_log_entry.level == logging.WARNING]
    assert any("What people did in Production could not be read" in each for each in warnings)


def test_one_account_alone_keeps_nothing_of_people_for_others(
    two: TwoAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.file.write_text("\n".join(two.file.read_text().split("[account.lab]")[:1]))
    two.remember(PROD, [*past(2, ANNE)])
    two.of[PROD].add("v2", v2_burst(JUDGED, 4, actor=ANNE))
    assert two.run(PROD, JUDGED).success
    with two.working(PROD) as store:
        assert store.read(PEOPLE, None) is None
        assert store.read("people_elsewhere", JUDGED.replace(hour=0)) is None
