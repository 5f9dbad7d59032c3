"""Facts of hours are the same whether they are counted here or in Axiom; aggregates come back whole or not at all."""

import random
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_assets.axiom import aggregates, hour_facts
from audit_assets.axiom.aggregates import (
    digest_of_hour,
    digests_of_past,
    organisation_hours_in,
    organisation_types_in,
    pack_hour,
    pack_past,
    unpack_hours,
    unpack_past,
    with_organisation,
)
from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.events import events_from, quarantined_events
from audit_assets.axiom.hour_facts import (
    changes_in,
    count_events,
    facts_of_events,
    join_facts,
    latest_names,
    names_in,
    origin_uses_in,
    origins_in,
)
from audit_assets.axiom.query_texts import activity_text
from audit_assets.config.change_filter import ChangeFilter
from audit_assets.sandbox.fault_plan import Fault
from audit_assets.sandbox.server import Sandbox
from audit_assets_tests.axiom.made_entries import ANNE, AT, BORIS, DAY, HOUR, entries
from audit_assets_tests.axiom.test_dashboard import rows as answered
from audit_assets_tests.axiom.test_quarantined_events import quarantined
from audit_assets_tests.support import JumpingClock

TODAY = AT.replace(hour=0)
FILTERS = [ChangeFilter(), ChangeFilter(without_kinds=("update",), without_results=(), without_products=("unknown",))]


def made(count: int = 60) -> pl.DataFrame:
    """Entries of two actors in two hours that differ in everything that decides."""
    chance = random.Random(3)  # noqa: S311 - any entries will do

    def some(*values: str | None) -> list[str | None]:
        return [chance.choice(values) for _ in range(count)]

    whose = some(ANNE, BORIS)
    return entries(
        count,
        every=timedelta(seconds=100),
        actor_key=whose,
        actor=[f"{key}-{name}" for key, name in zip(whose, some("old", "new"), strict=True)],
        actor_email=some("anne@example.com", None),
        token_id=some("7f", None),
        ip_address=some("192.0.2.7", "2001:db8::1", None),
        user_agent=some("curl/8", 'a "quoted" one, with \\', None),
        interface=some("api", None),
        change_kind=(kinds := some("create", "update", "delete", "none")),
        is_change=[kind != "none" for kind in kinds],
        action_result=some("success", "failure", None),
        resource_type=some("dns_record", "api_token"),
        resource_product=some("dns", None),
    )


def test_facts_of_events_are_what_axiom_counts(axiom: AxiomClient, sandbox: Sandbox) -> None:
    unreadable = quarantined_events(quarantined("x", "y"), "acc0")
    events = pl.concat([events_from(made()), unreadable])
    axiom.ingest(events)
    axiom.prove(events.select("entry_id", time="_time"))
    facts = facts_of_events(events)
    window = AT, AT + 2 * HOUR
    assert_frame_equal(axiom.hour_facts(*window), facts, check_row_order=False)
    assert_frame_equal(count_events(facts), axiom.events_by_hour(*window), check_row_order=False)
    sandbox.faults.add(Fault("axiom", "query", "status", options={"status": 432}))
    assert_frame_equal(axiom.hour_facts(AT, AT + HOUR), facts.filter(pl.col("hour") == AT), check_row_order=False)
    assert any(scan.apl.startswith("// hour_facts.apl for a part") for scan in sandbox.axiom.scans)


@pytest.mark.parametrize("change_filter", FILTERS, ids=["default", "other"])
def test_what_follows_from_facts_is_what_the_queries_of_entries_answer(
    axiom: AxiomClient, sandbox: Sandbox, change_filter: ChangeFilter
) -> None:
    events = events_from(made())
    axiom.ingest(events)
    axiom.prove(events.select("entry_id", time="_time"))
    facts, window = facts_of_events(events), (AT, AT + 2 * HOUR)
    settings = sandbox.axiom.environment(sandbox.url)
    with AxiomClient(
        token=settings["AXIOM_TOKEN"],
        dataset=settings["AXIOM_DATASET"],
        url=settings["AXIOM_URL"],
        change_filter=change_filter,
    ) as client:
        changes = changes_in(facts, change_filter)
        assert_frame_equal(
            changes, client.organisation_changes(*window), check_row_order=False, check_column_order=False
        )
        together = with_organisation(changes)
        assert_frame_equal(organisation_hours_in(together), client.organisation_hours(*window))
        assert_frame_equal(organisation_types_in(together), client.organisation_types(*window))
        assert_frame_equal(latest_names(names_in(facts)), client.latest_names(*window))
        actors = [ANNE, BORIS]
        assert_frame_equal(origins_in(facts), client.origins(actors, *window), check_row_order=False)
        uses = origin_uses_in(facts, change_filter)
        assert_frame_equal(uses, client.origin_uses(actors, *window), check_row_order=False)
        counted = client.activity(actors, *window)["changes"].sum()
    linked = answered(sandbox, activity_text(settings["AXIOM_DATASET"], actors, *window, change_filter))
    assert sum(row[-1] for row in linked) == counted > 0, "the link of a ticket shows what was counted"


def test_a_flood_of_origins_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hour_facts, "MOST_ORIGINS", 3)
    addresses = [f"192.0.2.{n % 10}" for n in range(20)]
    flood = facts_of_events(events_from(entries(20, ip_address=addresses)))
    few = facts_of_events(events_from(entries(3, actor_key=BORIS)))
    facts = join_facts([flood, few])
    assert facts.filter(pl.col("actor_key") == ANNE).select("address", "cut", "events").rows() == [(None, True, 20)]
    uses = origin_uses_in(facts, ChangeFilter()).filter(pl.col("actor_key") == ANNE)
    assert uses.select("address", "changed").rows() == [(None, None)]
    assert origins_in(facts).filter(pl.col("actor_key") == ANNE)["day"].to_list() == [None]
    assert origins_in(facts).filter(pl.col("actor_key") == BORIS)["address"].to_list() == ["192.0.2.7"]


@pytest.mark.parametrize("longest", [1, 700, 200_000])
def test_an_hour_comes_back_whole_or_not_at_all(longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "LONGEST_TEXT", longest)
    facts = facts_of_events(events_from(made())).filter(pl.col("hour") == AT)
    rows = pack_hour(facts, AT).sample(fraction=1, shuffle=True, seed=1)
    digest = digest_of_hour(rows)
    older = pack_hour(facts.head(3), AT)
    forged = rows.with_columns(aggregate_text=pl.lit("[]"))
    everything = pl.concat([older, rows, rows, forged])
    assert_frame_equal(unpack_hours(everything, {AT: digest})[AT], facts, check_row_order=False)
    assert rows["aggregate_events"].sum() == facts["events"].sum() == rows["aggregate_generation"][0]
    lost = rows["aggregate_id"][-1]
    assert unpack_hours(everything.filter(pl.col("aggregate_id") != lost), {AT: digest}) == {}
    assert unpack_hours(everything, {AT: "0" * 64, AT + HOUR: digest}) == {}


def test_what_two_generations_have_in_common_is_in_both(
    axiom: AxiomClient, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregates, "LONGEST_TEXT", 1)
    facts = facts_of_events(events_from(made())).filter(pl.col("hour") == AT).sort("newest")
    generations = [pack_hour(facts.head(rows), AT) for rows in (3, 5)]
    for rows in generations:
        assert axiom.aggregates.ingest(rows) == rows.height
    for rows in generations:
        clock.sleep(60)
        found = axiom.aggregates.hours(TODAY, {AT: digest_of_hour(rows)})
        assert_frame_equal(found[AT], facts.head(rows.height), check_row_order=False)


def test_an_hour_of_nothing_has_no_rows_and_is_known() -> None:
    nothing = pack_hour(facts_of_events(events_from(made(0))), AT)
    assert nothing.is_empty()
    assert unpack_hours(nothing, {AT: digest_of_hour(nothing)})[AT].is_empty()


@pytest.mark.parametrize("longest", [1, 200_000])
def test_of_the_past_each_actor_comes_back_whole_or_not_at_all(longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "LONGEST_TEXT", longest)
    changes = with_organisation(changes_in(facts_of_events(events_from(made())), ChangeFilter()))
    rows = pack_past(changes, TODAY + DAY, 60)
    digests = dict(digests_of_past(rows).iter_rows())
    back = unpack_past(pl.concat([rows, rows]), TODAY + DAY, digests)
    assert_frame_equal(back, changes, check_row_order=False, check_column_order=False)
    lost = rows.filter(pl.col("aggregate_actor") == ANNE)["aggregate_id"][0]
    rest = unpack_past(rows.filter(pl.col("aggregate_id") != lost), TODAY + DAY, digests)
    others = changes.filter(pl.col("actor_key") != ANNE)
    assert_frame_equal(rest, others, check_row_order=False, check_column_order=False)
    assert unpack_past(rows, TODAY, digests).is_empty(), "of another day"


def test_what_is_there_is_not_sent_again(axiom: AxiomClient, sandbox: Sandbox) -> None:
    rows = pack_hour(facts_of_events(events_from(made())).filter(pl.col("hour") == AT), AT)
    assert axiom.aggregates.ingest(rows) == 1
    assert axiom.aggregates.hours(TODAY, {AT: digest_of_hour(rows)}) == {}, "not visible yet"
    sandbox.shared.clock.advance(timedelta(seconds=60))
    assert axiom.aggregates.ingest(rows) == 0
    assert [*axiom.aggregates.hours(TODAY, {AT: digest_of_hour(rows)})] == [AT]


def test_an_acknowledgement_that_is_lost_is_no_second_copy(axiom: AxiomClient, sandbox: Sandbox) -> None:
    rows = pack_hour(facts_of_events(events_from(made())).filter(pl.col("hour") == AT), AT)
    sandbox.faults.add(Fault("axiom", "ingest", "drop_after"))
    assert axiom.aggregates.ingest(rows) == 1
    assert axiom.dataset_facts().rows == 0, "nor is it an entry"
    assert len(axiom.aggregates.hours(TODAY, {AT: digest_of_hour(rows)})[AT]) > 0
