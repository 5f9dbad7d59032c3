"""Flagged rows and entries become findings: whose entries, which of them, from where."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from audit_assets.axiom.events import LONGEST_TEXT
from audit_assets.axiom.query_runner import ORIGINS_SCHEMA
from audit_assets.defs.steps.hour_flags import FLAGGED_ACTORS
from audit_assets.detection.schemas import ORGANISATION
from audit_assets.detection.watch_columns import MATCHED_ENTRY
from audit_assets.tickets.finding import Finding
from audit_assets.tickets.finding_builder import Links, findings_of
from audit_assets.tickets.finding_evidence import members_of
from audit_assets.tickets.origins import COMPARED_LENGTH
from audit_assets.tickets.ticket import ticket_for
from audit_assets_tests.axiom.made_entries import ANNE, BORIS, entries

HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)
TODAY = HOUR.replace(hour=0)
CARLA = "c" * 32
MINUTE = timedelta(minutes=1)


def flagged(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of FLAGGED_ACTORS; what is not named is null."""
    common = {"actor": "somebody", "actor_type": "user", "hour": HOUR, "severity": "high", "changes": 1, "members": []}
    return pl.DataFrame([common | row for row in rows], schema=FLAGGED_ACTORS)


def seen(*rows: tuple[str, str, datetime]) -> pl.DataFrame:
    """That these actors came from these addresses before, at these times."""
    found = [(actor, address, "Mozilla/5.0", "dash", "", at.replace(hour=0), at) for actor, address, at in rows]
    return pl.DataFrame(found, schema=ORIGINS_SCHEMA, orient="row")


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


BURST = {"actor_key": ANNE, "kind": "volume"}
NEW_TYPE = {"actor_key": BORIS, "kind": "new_resource_type", "resource_type": "api_token"}
TOGETHER = {"actor_key": ORGANISATION, "kind": "organisation", "resource_type": "zone", "members": [ANNE, BORIS, CARLA]}
HOURS_ENTRIES = pl.concat(
    [
        entries(25, at=HOUR),
        entries(2, at=HOUR + 30 * MINUTE, actor_key=BORIS, resource_type="api_token"),
        entries(3, at=HOUR + 40 * MINUTE, actor_key=BORIS),
        entries(1, at=HOUR + 50 * MINUTE, actor_key=BORIS, resource_type="zone"),
        entries(1, at=HOUR + 51 * MINUTE, actor_key=CARLA, resource_type="zone", actor="carla"),
    ]
)


def test_each_finding_has_its_own_entries_and_comes_in_the_order_of_the_flags() -> None:
    new_type, burst = findings_of("acc0", flagged(NEW_TYPE, BURST), HOURS_ENTRIES)
    assert (new_type.actor_key, burst.actor_key) == (BORIS, ANNE)
    assert (burst.entries_total, burst.other_changes) == (25, 0)
    assert [line.time for line in burst.entries] == [HOUR + MINUTE * n for n in range(10)]
    assert [line.time for line in burst.last_entries] == [HOUR + MINUTE * n for n in range(15, 25)]
    assert (new_type.entries_total, new_type.other_changes) == (2, 4)
    assert {line.resource_type for line in new_type.entries} == {"api_token"}
    assert new_type.last_entries == ()


def test_entries_that_came_late_are_shown_at_their_time() -> None:
    late = pl.concat([HOURS_ENTRIES[7:], HOURS_ENTRIES[:7]])
    (found, usual) = (findings_of("acc0", flagged(BURST), each) for each in (late, HOURS_ENTRIES))
    assert found == usual


def test_what_a_rule_matched_that_is_no_change_is_not_taken_off_the_other_changes() -> None:
    sign_ins = entries(7, at=HOUR, actor_key=BORIS, action="login", change_kind="none")
    matched = sign_ins.with_columns(entry_id=pl.format("signed-in-{}", pl.int_range(pl.len())))
    rows = [{name: row.get(name) for name in MATCHED_ENTRY} for row in matched.to_dicts()]
    rule = {"actor_key": BORIS, "kind": "watch_rule", "watch_rule": "failed_sign_ins", "matched": rows}
    found = only(findings_of("acc0", flagged(rule), HOURS_ENTRIES))
    assert (found.entries_total, found.other_changes) == (7, 6)


def test_few_entries_are_never_listed_twice() -> None:
    found = only(findings_of("acc0", flagged(BURST), HOURS_ENTRIES.head(13)))
    assert (len(found.entries), len(found.last_entries)) == (10, 3)
    assert len({line.time for line in (*found.entries, *found.last_entries)}) == 13


def test_actions_are_counted_by_action_and_resource_type() -> None:
    deleted = entries(30, at=HOUR + 29 * MINUTE, action="rec_del", change_kind="delete")
    found = only(findings_of("acc0", flagged(BURST), pl.concat([HOURS_ENTRIES, deleted])))
    counted = [(each.action, each.resource_type, each.changes, each.deletes) for each in found.action_summaries]
    assert counted == [("rec_del", "dns_record", 30, True), ("create", "dns_record", 25, False)]
    assert (found.action_summaries[1].oldest, found.action_summaries[1].newest) == (HOUR, HOUR + 24 * MINUTE)


def test_what_many_did_is_of_all_of_them_by_name() -> None:
    table = flagged(TOGETHER, NEW_TYPE)
    assert members_of(table).rows() == [
        (ORGANISATION, ANNE),
        (ORGANISATION, BORIS),
        (ORGANISATION, CARLA),
        (BORIS,) * 2,
    ]
    links = Links(entries={ORGANISATION: "https://app.axiom.co/all"}, run_id="b2a1")
    before = seen((ANNE, "192.0.2.7", TODAY - timedelta(days=2)), (CARLA, "192.0.2.7", TODAY - timedelta(days=3)))
    together, new_type = findings_of("acc0", table, HOURS_ENTRIES, seen=before, links=links)
    assert [(line.actor, line.resource_type) for line in together.entries] == [
        ("anne@example.com", "zone"),
        ("carla", "zone"),
    ]
    assert together.other_changes == 30
    assert (together.entries_url, together.run_id, new_type.entries_url) == ("https://app.axiom.co/all", "b2a1", "")
    assert (together.active_days, new_type.active_days) == (2, 0)
    assert [origin.days for origin in together.origins if origin.kind == "address"] == [2]
    assert all(line.actor is None for line in new_type.entries)


def test_what_was_used_before_is_known_by_actor_and_by_day() -> None:
    here, there = "192.0.2.7", "203.0.113.9"
    both = HOURS_ENTRIES.with_columns(
        ip_address=pl.when(pl.col("time") == HOUR).then(pl.lit(there)).otherwise("ip_address")
    )
    before = seen(
        (ANNE, here, TODAY - timedelta(days=30)),
        (ANNE, here, TODAY - timedelta(days=1)),
        (ANNE, here, HOUR - timedelta(hours=1)),
        (BORIS, there, TODAY - timedelta(days=1)),
    )
    found = only(findings_of("acc0", flagged(BURST), both, seen=before))
    addresses = [origin for origin in found.origins if origin.kind == "address"]
    assert [(each.value, each.changes, each.days, each.first_used) for each in addresses] == [
        (there, 1, 0, None),
        (here, 24, 2, TODAY - timedelta(days=30)),
    ]
    assert found.active_days == 2
    assert only(findings_of("acc0", flagged(BURST), both)).active_days is None


def test_findings_can_be_made_without_any_entries() -> None:
    together, burst = findings_of("acc0", flagged(TOGETHER, BURST), HOURS_ENTRIES.clear())
    assert (together.entries_total, together.other_changes, burst.action_summaries, burst.origins) == (0, 0, (), ())
    assert len(together.deviations[0].members) == 3


def test_nobody_flagged_is_no_finding() -> None:
    assert findings_of("acc0", flagged(), HOURS_ENTRIES, seen=seen()) == []


def test_texts_are_compared_as_far_as_axiom_holds_them() -> None:
    assert COMPARED_LENGTH == LONGEST_TEXT
    long = HOURS_ENTRIES.with_columns(ip_address=pl.lit("x" * (LONGEST_TEXT + 1)))
    before = seen((ANNE, "x" * LONGEST_TEXT, TODAY - timedelta(days=1)))
    (address,) = (
        each for each in only(findings_of("acc0", flagged(BURST), long, seen=before)).origins if each.kind == "address"
    )
    assert address.days == 1


def test_the_horizon_shows_in_what_was_counted_and_the_hour_s_entries_are_the_evidence() -> None:
    horizons = {"1h": 1, "24h": 24, "24h, lagged": 24, "active hours": 24, "14d": 14 * 24}
    found = {}
    for name, hours in horizons.items():
        burst = BURST | {"horizon": name, "horizon_hours": hours}
        found[name] = only(findings_of("acc0", flagged(burst), HOURS_ENTRIES))
        assert (found[name].entries_total, len(found[name].action_summaries)) == (25, 1)
    (deviations,) = zip(*(each.deviations for each in found.values()), strict=True)
    of_growth = {name for name, each in zip(found, deviations, strict=True) if each.slow_growth}
    of_hours = {name for name, each in zip(found, deviations, strict=True) if each.counts_hours}
    assert (of_growth, of_hours) == ({"24h, lagged", "14d"}, {"active hours"})


def test_a_token_that_was_created_in_the_hour_shows_when_and_by_whom() -> None:
    update: dict[str, Any] = {"change_kind": "update"}
    of_id: dict[str, Any] = {"resource_id": "7f" * 16, "resource_type": "api_token"}
    other_id: dict[str, Any] = of_id | {"resource_id": "8f" * 16}
    of_token = entries(3, at=HOUR + 9 * MINUTE, actor_key=CARLA, token_id="7f" * 16, **update)
    made = entries(1, at=HOUR + 2 * MINUTE, actor="anne`@example.com", **of_id)
    rolled = entries(1, at=HOUR + MINUTE, **of_id, **update)
    other = entries(1, at=HOUR + MINUTE, actor_key=BORIS, actor="boris", **other_id)
    bursts = flagged({"actor_key": CARLA, "kind": "volume", "axiom_url": ""}, BURST)
    token, anne = findings_of("acc0", bursts, pl.concat([other, of_token, rolled, made]))
    assert (token.created_at, token.created_by) == (HOUR + 2 * MINUTE, "anne`@example.com")
    assert (anne.created_at, anne.created_by) == (None, None)
    assert "\n- created at 10:02 UTC by `anne\u02cb@example[.]com`\n" in ticket_for(token).description
    (token,) = findings_of("acc0", bursts.head(1), pl.concat([other, of_token, rolled]))
    assert token.created_at is None
