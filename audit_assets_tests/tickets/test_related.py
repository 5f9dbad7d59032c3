"""Findings are related by what few share: an address, a network, a resource, a token and its creator."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from audit_assets.tickets.related import (
    EVIDENCE,
    MOST_OTHERS,
    MOST_PAIRS,
    candidates_of,
    may_be_shared,
    relate,
    traces_of,
)
from audit_assets_tests.tickets.sample_findings import HOUR

AN_HOUR = timedelta(hours=1)
INTRUDER = "198.51.100.7"
OFFICE = "192.0.2.1"
NOBODY = pl.DataFrame(schema=EVIDENCE)


def entry(key: str, hours_ago: int = 0, address: str | None = None, **of: Any) -> dict[str, Any]:
    return {"ticket_key": key, "hour": HOUR - AN_HOUR * hours_ago, "ip_address": address, **of}


def evidence(*entries: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(entries, schema=EVIDENCE)


def related(
    *entries: dict[str, Any], before: Iterable[dict[str, Any]] | None = (), severe: Iterable[str] = ()
) -> dict[tuple[str, str], list[tuple[str, str, int]]]:
    """Who is related to whom, and by what. `before`: what was seen in the week before; None if that is not known."""
    traces = traces_of(evidence(*entries))
    keys = traces.select("ticket_key").unique()
    ranks = keys.with_columns(rank=pl.when(pl.col("ticket_key").is_in([*severe])).then(3).otherwise(1))
    seen = None if before is None else traces_of(evidence(*before))
    found: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for row in relate(traces, seen, ranks, HOUR).iter_rows(named=True):
        found.setdefault((row["ticket_key"], row["other"]), []).append((row["reason"], row["value"], row["values"]))
    return found


def changed(key: str, resource: str, hours_ago: int = 0, kind: str | None = "update") -> dict[str, Any]:
    return entry(key, hours_ago, change_kind=kind, resource_type="zone", resource_id=resource)


def test_three_on_one_address_within_four_hours_are_all_related() -> None:
    found = related(*(entry(key, ago, INTRUDER) for key, ago in (("a", 3), ("b", 1), ("c", 0))))
    by_address = [("address", INTRUDER, 1)]
    # a and b were related by the hour before
    assert found == dict.fromkeys((("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")), by_address)


def test_addresses_of_one_network_are_related_and_of_others_are_not() -> None:
    found = related(entry("a", 0, INTRUDER), entry("b", 0, "198.51.200.1"), entry("c", 0, "203.0.113.1"))
    assert found == {pair: [("network", "198.51.0.0/16", 1)] for pair in (("a", "b"), ("b", "a"))}
    found = related(entry("a", 0, "2001:db8:7:1::1"), entry("b", 2, "2001:db8:7:2::1"), entry("c", 0, "2001:db8:8::1"))
    assert found == {pair: [("network", "2001:db8:7::/48", 1)] for pair in (("a", "b"), ("b", "a"))}


def test_the_office_of_twelve_relates_nothing() -> None:
    before = [entry(f"colleague {number}", 30 + number, OFFICE) for number in range(12)]
    assert related(entry("a", 0, OFFICE), entry("b", 2, OFFICE), entry("c", 0, "192.0.7.7"), before=before) == {}


def test_the_address_of_a_ci_system_relates_no_tokens() -> None:
    before = [entry(f"token {number}", 30, "203.0.113.5") for number in range(3)]
    assert related(entry("token 1", 0, "203.0.113.5"), entry("token 7", 0, "203.0.113.5"), before=before) == {}


def test_an_address_of_one_person_and_a_token_of_theirs_relates_the_token_of_another() -> None:
    before = [entry("insider", 30, INTRUDER), entry("token of insider", 40, INTRUDER)]
    found = related(entry("insider", 1, INTRUDER), entry("ci", 0, INTRUDER), before=before)
    assert found["ci", "insider"] == [("address", INTRUDER, 1)]


def test_what_both_shared_before_is_usual_for_them() -> None:
    before = [entry("a", 30, INTRUDER), entry("b", 40, INTRUDER)]
    assert related(entry("a", 1, INTRUDER), entry("b", 0, INTRUDER), before=before) == {}


def test_where_it_is_not_known_who_shares_it_only_a_token_and_its_creator_are_related() -> None:
    found = related(
        entry("a", 1, INTRUDER, change_kind="create", resource_type="api_token", resource_id="t0"),
        entry("b", 0, INTRUDER, token_id="t0"),
        before=None,
    )
    assert found == {("b", "a"): [("token_creator", "t0", 1)], ("a", "b"): [("created_token", "t0", 1)]}


def test_a_token_that_is_only_updated_or_viewed_is_nobody_s_creation() -> None:
    for kind in ("update", "delete", None):
        created = entry("a", 1, change_kind=kind, resource_type="api_token", resource_id="t0")
        assert related(created, entry("b", 0, token_id="t0")) == {}


def test_one_resource_is_related_unless_many_work_on_it() -> None:
    entries = [changed("a", "z1", 20), changed("b", "z1")]
    assert related(*entries) == {pair: [("resource", "zone z1", 1)] for pair in (("a", "b"), ("b", "a"))}
    assert related(*entries, before=[changed(f"colleague {number}", "z1", 50) for number in range(3)]) == {}


def test_who_only_looked_at_a_resource_or_failed_to_change_it_is_not_related_by_it() -> None:
    assert related(changed("a", "z1", kind=None), changed("b", "z1")) == {}


@pytest.mark.parametrize("missing", ["", None, "dashboard", "10.0.0"])
def test_what_is_no_address_relates_nothing(missing: str | None) -> None:
    blank = {"token_id": "", "change_kind": "create", "resource_type": "zone", "resource_id": ""}
    assert related(entry("a", 0, missing, **blank), entry("b", 0, missing, **blank)) == {}


def test_several_resources_are_counted_and_a_third_kind_is_not_named() -> None:
    two = [each for key in ("a", "b") for each in (changed(key, "z1"), changed(key, "z2"))]
    assert related(*two)["a", "b"] == [("resource", "zone z1", 2)]
    made = entry("a", 0, INTRUDER, change_kind="create", resource_type="api_token", resource_id="t0")
    found = related(*two, made, entry("b", 0, INTRUDER, token_id="t0"))
    assert [reason for reason, _, _ in found["b", "a"]] == ["address", "token_creator"]


def test_what_earlier_hours_share_is_theirs_to_relate() -> None:
    assert related(entry("a", 3, INTRUDER), entry("b", 2, INTRUDER), entry("c", 0, OFFICE)) == {}
    traces = traces_of(evidence(entry("a", 3, INTRUDER), entry("b", 2, INTRUDER)))
    assert candidates_of(traces, HOUR).is_empty()


def test_an_hour_that_goes_on_is_no_news() -> None:
    entries = [entry(key, ago, INTRUDER) for key in ("a", "b") for ago in (2, 0)]
    traces = traces_of(evidence(*entries, entry("c", 0, INTRUDER)))
    ranks = pl.DataFrame({"ticket_key": ["a", "b", "c"], "rank": [1, 1, 1]})
    since = relate(traces, traces_of(NOBODY), ranks, HOUR).select("ticket_key", "other", "since")
    hours = {(key, other): hour for key, other, hour in since.iter_rows()}
    assert (hours["a", "b"], hours["a", "c"]) == (HOUR - 2 * AN_HOUR, HOUR)


def test_nobody_can_relate_hundreds_of_tickets() -> None:
    """The most severe come first."""
    many = [entry(f"earlier {number}", 1, INTRUDER) for number in range(480)]
    found = related(*many, *(entry(f"now {number}", 0, INTRUDER) for number in range(20)), severe=["earlier 7"])
    assert len(found) <= 2 * MOST_PAIRS
    assert max(sum(key == one for key, _ in found) for one in {key for key, _ in found}) <= MOST_OTHERS
    assert ("earlier 7", "now 0") in found
    assert all((other, key) in found for key, other in found)


def test_what_is_there_once_is_left_out_and_nothing_else() -> None:
    alone = [changed("a", f"own-{number}", kind="create") for number in range(3)]
    together = [
        *(entry(key, ago, INTRUDER) for key, ago in (("a", 0), ("b", 1))),
        changed("a", "shared"),
        changed("b", "shared", 2),
        changed("a", "token-1", kind="create"),
        entry("b", token_id="token-1"),
        entry("c", token_id="token-2"),
    ]
    shared = may_be_shared(traces_of(evidence(*alone, *together)))
    assert set(shared.select("ticket_key", "kind", "value").iter_rows()) == {
        *((key, "address", INTRUDER) for key in "ab"),
        *((key, "network", "198.51.0.0/16") for key in "ab"),
        *((key, "resource", "zone shared") for key in "ab"),
        ("a", "created_token", "token-1"),
        ("b", "token_creator", "token-1"),
        ("c", "token_creator", "token-2"),
    }
