"""The invented organisation: realistic, repeatable, and with the incidents of its ground truth."""

import json
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService
from audit_assets.sandbox.organisation.daily_activity import day_of, holiday
from audit_assets.sandbox.organisation.organisation_activity import (
    Activity,
    Organisation,
    generate_activity,
    visibility_delay,
)
from audit_assets.sandbox.organisation.organisation_members import OFFICES, make_members
from audit_assets.sandbox.organisation.resource_catalogue import KINDS
from audit_assets_tests.sandbox.cloudflare_calls import Caller, Door, caller, door, faults, service, text

__all__ = ["caller", "door", "faults", "service"]

FRIDAY = datetime(2026, 11, 20, 15, 20, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2026, 11, 22, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPEC = "AUDIT_ASSETS_TESTS_CLOUDFLARE_SPEC"


@pytest.fixture(scope="module")
def activity() -> Activity:
    """Thirty-six days before a Friday afternoon: six more than a baseline looks back on."""
    return generate_activity(7, FRIDAY, 36)


def actor_name(entry: dict[str, Any]) -> str:
    actor = entry["actor"]
    return actor.get("token_name") or actor.get("email") or actor["type"]


def changes(activity: Activity) -> Iterator[tuple[str, str, str]]:
    """Actor, hour and resource type of everything that changed something."""
    for entry in activity.v2:
        action = entry["action"]
        if action["description"] != "LOGIN" and action["type"] != "view" and action["result"] != "failure":
            yield actor_name(entry), action["time"][:13], entry["resource"]["type"]
    for entry in activity.v1:
        yield actor_name(entry), entry["when"][:13], entry["resource"]["type"]


def hour_name(hour: datetime) -> str:
    return hour.strftime("%Y-%m-%dT%H")


def deviations(activity: Activity, until: datetime) -> set[tuple[str, str, str, str | None]]:
    """What the plain rule finds in the last six closed hours: actor, hour, kind and type."""
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    types: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for actor, hour, kind in changes(activity):
        sizes[actor][hour] += 1
        types[actor][hour].add(kind)
    found: set[tuple[str, str, str, str | None]] = set()
    closed = until.replace(minute=0, second=0, microsecond=0)
    for hour in (closed - back * HOUR for back in range(1, 7)):
        now, since = hour_name(hour), hour_name(hour - timedelta(days=30))
        for actor in [actor for actor in sizes if now in sizes[actor]]:
            past = [at for at in sizes[actor] if since <= at < now]
            usual = statistics.mean(sizes[actor][at] for at in past) if past else 1.0
            if sizes[actor][now] >= max(10, 10 * usual):
                found.add((actor, now, "volume", None))
            known = {kind for at in past for kind in types[actor][at]}
            found |= {(actor, now, "new_resource_type", kind) for kind in types[actor][now] - known}
    return found


def test_the_same_seed_gives_the_same_activity(activity: Activity) -> None:
    assert generate_activity(7, FRIDAY, 36) == activity
    assert generate_activity(8, FRIDAY, 1).v2 != generate_activity(7, FRIDAY, 1).v2


def test_activity_can_be_generated_in_pieces() -> None:
    organisation = Organisation(7, FRIDAY.date())
    start, middle, end = FRIDAY - 40 * HOUR, FRIDAY - 13.7 * HOUR, FRIDAY
    whole, first, second = (
        organisation.ordinary_activity(*window) for window in ((start, end), (start, middle), (middle, end))
    )
    assert (whole.v2, whole.v1) == (first.v2 + second.v2, first.v1 + second.v1)


def test_a_month_is_some_twenty_thousand_entries_most_of_them_in_v2() -> None:
    month = generate_activity(1, FRIDAY, 30)
    assert 15_000 <= len(month.v2) + len(month.v1) <= 27_000
    assert 0 < len(month.v1) < len(month.v2) / 4


def test_no_entry_is_in_both_streams_and_worker_scripts_are_in_v1_only(activity: Activity) -> None:
    ids = [entry["id"] for entry in (*activity.v2, *activity.v1)]
    assert len(set(ids)) == len(ids)
    assert {len(entry["id"]) for entry in activity.v2} == {32, 36}
    v2, v1 = ({entry["resource"]["type"] for entry in stream} for stream in (activity.v2, activity.v1))
    assert "script" in v1
    assert not v1 & v2


def test_all_entries_are_in_the_window_and_in_order(activity: Activity) -> None:
    for stream, times in (("v2", [e["action"]["time"] for e in activity.v2]), ("v1", [e["when"] for e in activity.v1])):
        assert [time[:19] for time in times] == sorted(time[:19] for time in times), stream
        assert (FRIDAY - timedelta(days=36)).isoformat()[:19] <= times[0] <= times[-1] < FRIDAY.isoformat()


def spec_properties(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The properties of a schema of an OpenAPI document, with references and combined schemas resolved."""
    if "$ref" in schema:
        return spec_properties(spec, spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    parts = [part for keyword in ("allOf", "anyOf", "oneOf") for part in schema.get(keyword, [])]
    properties = dict(schema.get("properties", {}))
    for part in parts:
        properties |= spec_properties(spec, part)
    return properties


def test_v2_entries_have_only_documented_members(activity: Activity) -> None:
    path = os.environ.get(SPEC)
    if not path:
        pytest.skip(f"{SPEC} is not set: openapi.json of github.com/cloudflare/api-schemas")
    spec = json.loads(Path(path).read_text(encoding="utf-8"))
    known = spec_properties(spec, spec["components"]["schemas"]["aaa_audit-logs-v2"])
    for entry in activity.v2:
        assert entry.keys() <= known.keys()
        for name, members in entry.items():
            if isinstance(members, dict):
                assert members.keys() <= spec_properties(spec, known[name]).keys() | {"value"}, name


def test_entries_have_the_irregularities_of_real_ones(activity: Activity) -> None:
    v2, v1 = activity.v2, activity.v1
    assert {e["action"]["result"] for e in v2} == {"success", "failure", ""}
    assert all(not 400 <= e["raw"]["status_code"] < 500 for e in v2 if "raw" in e)
    assert {type(e["resource"]["scope"]) for e in v2} == {str, dict}
    assert {"zone" in e for e in v2} == {"value" in e["resource"] for e in v2} == {True, False}
    assert {"email" in e["actor"] for e in v2} == {"id" in e["actor"] for e in v2} == {True, False}
    assert {e["actor"]["type"] for e in v2} == {"user", "account", "system"}
    assert {e["action"]["type"] for e in v2 if e["action"]["description"] == "LOGIN"} == {"update"}
    assert {e["newValue"] for e in v1} == {"", "null"}
    assert {e["action"]["result"] for e in v1} == {True, False}
    assert {len(e["when"]) for e in v1} == {20, 26, 27}


def test_people_work_by_day_and_deploys_run_at_night(activity: Activity) -> None:
    offices = {person.email: person.office for person in make_members(7, FRIDAY.date()).people}
    local = [
        (datetime.fromisoformat(e["action"]["time"]) + timedelta(hours=offices[actor_name(e)].utc_offset))
        for e in activity.v2
        if actor_name(e) in offices and e["actor"]["ip_address"] != "2001:db8:bad::66"
    ]
    by_day = sum(7 <= moment.hour < 20 and moment.weekday() < 5 for moment in local)
    assert by_day / len(local) > 0.95
    night = [
        e for e in activity.v2 if actor_name(e) == "github-actions-deploy" and e["resource"]["type"] != "dns_record"
    ]
    assert all(int(e["action"]["time"][11:13]) in (22, 23, 0, 1, 2, 3, 4) for e in night)


def test_an_active_hour_varies_like_a_log_normal(activity: Activity) -> None:
    hours = Counter((actor, hour) for actor, hour, _ in changes(activity) if "@" in actor)
    sizes = sorted(hours.values())
    median, ninety_ninth = sizes[len(sizes) // 2], sizes[len(sizes) * 99 // 100]
    assert 2 <= median <= 6
    assert ninety_ninth >= 5 * median


def test_terraform_now_and_then_makes_three_hundred_changes_in_a_minute(activity: Activity) -> None:
    runs = Counter(e["action"]["time"][:16] for e in activity.v2 if actor_name(e) == "terraform-cloud")
    assert sum(changed >= 120 for changed in runs.values()) >= 4


def test_newcomers_arrive_and_offices_keep_holidays(activity: Activity) -> None:
    first: dict[str, str] = {}
    for entry in activity.v2:
        first.setdefault(actor_name(entry), entry["action"]["time"][:10])
    newcomers = [who for who, day in first.items() if day > (FRIDAY - timedelta(days=14)).date().isoformat()]
    assert 1 <= len([who for who in newcomers if "@" in who]) <= 3
    people = {person.email: person.office for person in make_members(7, FRIDAY.date()).people}
    for office in OFFICES:
        day = holiday(office, 2026, 11, 7)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(hours=office.utc_offset)
        at_work = {e["action"]["time"][:13] for e in activity.v2 if people.get(actor_name(e)) == office}
        assert hour_name(noon) not in at_work or day >= FRIDAY.date()


@pytest.mark.parametrize(("seed", "until"), [(1, FRIDAY), (2, SUNDAY_NIGHT), (3, FRIDAY), (4, SUNDAY_NIGHT)])
def test_the_plain_rule_finds_the_incidents_and_little_else(seed: int, until: datetime) -> None:
    activity = generate_activity(seed, until, 36)
    found = deviations(activity, until)
    expected = {
        (truth.actor, deviation.hour[:13], deviation.kind, deviation.resource_type)
        for truth in activity.truths
        for deviation in truth.deviations
        if deviation.kind != "watch_rule"
    }
    assert len(expected) == 6
    assert expected <= found
    assert len(found - expected) <= 6


def test_the_new_resource_types_of_an_incident_are_new_to_its_actor_on_every_day() -> None:
    for seed in (1, 2, 3):
        everybody = make_members(seed, FRIDAY.date())
        days = [FRIDAY.date() + timedelta(days=number) for number in range(400)]
        for truth in generate_activity(seed, FRIDAY, 1).truths:
            new = {each.resource_type for each in truth.deviations if each.kind == "new_resource_type"}
            of_truth = {"token_name": truth.token_name} if truth.token_name else {"email": truth.actor_email}
            [(name, value)] = of_truth.items()
            [actor] = [each for each in (*everybody.people, *everybody.machines) if getattr(each, name) == value]
            touched = {act.kind.type for day in days for act in day_of(actor, day, everybody, seed)}
            assert not touched & new


def test_the_ground_truth_names_actors_as_the_entries_do(activity: Activity) -> None:
    for truth in activity.truths:
        identity = {"id": truth.actor_id, "email": truth.actor_email, "token_id": truth.token_id}
        theirs = [
            e["actor"]
            for e in activity.v2
            if actor_name(e) == truth.actor and e["action"]["time"][:13] in truth.hours[0]
        ]
        assert theirs
        assert all({name: actor.get(name, "") for name in identity} == identity for actor in theirs)


def test_the_incidents_are_in_the_last_six_closed_hours_at_any_time() -> None:
    for until in (FRIDAY, SUNDAY_NIGHT, datetime(2026, 1, 1, 0, 0, tzinfo=UTC)):
        closed = until.replace(minute=0)
        hours = {hour for truth in generate_activity(3, until, 1).truths for hour in truth.hours}
        assert {datetime.fromisoformat(hour) for hour in hours} == {closed - back * HOUR for back in range(1, 7)}


def test_every_entry_is_visible_within_a_quarter_of_an_hour(activity: Activity) -> None:
    delays = sorted(visibility_delay(entry) for entry in activity.v2)
    assert timedelta(0) < delays[0]
    assert delays[-1] < timedelta(minutes=15)
    assert delays[len(delays) // 2] < timedelta(minutes=1)


def test_somebody_of_another_organisation_is_active_here_for_the_first_time() -> None:
    visit = Organisation(7, FRIDAY.date()).visit(8, FRIDAY)
    (truth,) = visit.truths
    here, there = make_members(7, FRIDAY.date()), make_members(8, FRIDAY.date())
    assert truth.actor_id not in {person.id for person in here.people}
    (visitor,) = [person for person in there.people if person.id == truth.actor_id]
    assert {entry["actor"]["email"] for entry in visit.v2} == {visitor.email}
    assert {entry["resource"]["type"] for entry in visit.v2}.isdisjoint(KINDS[kind].type for kind in visitor.usual)
    assert {entry["action"]["time"][:13] for entry in visit.v2} == {truth.hours[0][:13]}
    assert len(visit.v2) == truth.deviations[0].changes
    assert Organisation(7, FRIDAY.date()).visit(8, FRIDAY) == visit


def test_the_service_has_new_activity_as_time_passes(
    service: CloudflareService, caller: Caller, door: Door, tmp_path: Path
) -> None:
    until = door.clock.now()
    truths = service.load_organisation(7, until, 3)
    assert json.loads((tmp_path / "truths.json").read_text(encoding="utf-8")) == [asdict(truth) for truth in truths]
    window = {"since": text(until), "before": text(until + timedelta(days=4)), "limit": 1000}
    assert caller.sweep(**window) == []
    door.clock.advance(timedelta(days=5))
    ahead = Organisation(7, until.date()).ordinary_activity(until, until + timedelta(days=4))
    assert sorted(entry["id"] for entry in caller.sweep(**window)) == sorted(entry["id"] for entry in ahead.v2)
