"""A person creates a token and uses it: one story on the person's one ticket, from Cloudflare to Linear."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from audit_assets.tickets.verdict_table import decided_verdicts
from audit_assets_tests.defs.assets.test_hour import JUDGED
from audit_assets_tests.pipeline import DAY, HOUR, Pipeline, v2_burst, v2_entry

ALICE = v2_entry(JUDGED)["actor"]


def by_token(entries: list[dict[str, Any]], name: str = "deploy", **owner: Any) -> list[dict[str, Any]]:
    """The entries as made with an API token: of Alice, unless the owner is another."""
    actor = {**ALICE, "context": "api_token", "token_id": name.encode().hex(), "token_name": name, **owner}
    return [{**entry, "actor": {**entry["actor"], **actor}} for entry in entries]


def uses(time: datetime, count: int, name: str = "deploy", **owner: Any) -> list[dict[str, Any]]:
    return by_token(v2_burst(time + timedelta(minutes=5), count, actor=f"{name}@token"), name, **owner)


@pytest.fixture
def organisation(pipeline: Pipeline) -> Pipeline:
    """Two people who work on most days of two months."""
    pipeline.remember(
        [
            entry
            for day in range(1, 60)
            for place, actor in enumerate(("alice@example.com", "bob@example.com"))
            for entry in v2_burst(JUDGED - DAY * day + HOUR * (place - day % 3), 3 + day % 4, actor=actor)
        ]
    )
    return pipeline


def test_a_person_who_creates_a_token_and_uses_it_is_on_one_ticket(organisation: Pipeline) -> None:
    created = v2_entry(JUDGED + timedelta(minutes=4), resource_type="api_token", number=1)
    organisation.sandbox.cloudflare.add("v2", [created, *uses(JUDGED, 300)])
    assert organisation.run(JUDGED).success
    (ticket,) = organisation.tickets()
    assert ticket["title"].endswith(': alice@example·com with token "deploy"')
    first_sentence = ticket["description"].splitlines()[0]
    assert (
        '`alice@example[.]com` with `token "deploy"`, first active at 09:05 UTC, created 300 DNS records'
        in first_sentence
    )
    flagged = organisation.summary(JUDGED)["flagged"]
    assert 'token "deploy" of alice@example.com' in {each["actor"] for each in flagged}
    assert {each["ticket"]["identifier"] for each in flagged} == {ticket["identifier"]}


def test_a_later_hour_of_the_token_joins_it_and_running_again_changes_nothing(organisation: Pipeline) -> None:
    organisation.sandbox.cloudflare.add("v2", uses(JUDGED, 300))
    assert organisation.run(JUDGED).success
    organisation.clock.sleep(3600)
    organisation.sandbox.cloudflare.add("v2", uses(JUDGED + HOUR, 900))
    assert organisation.run(JUDGED + HOUR).success
    (ticket,) = organisation.tickets()
    assert (len(ticket["comments"]), len(ticket["attachments"])) == (1, 2)
    assert organisation.run(JUDGED + HOUR).success
    assert organisation.tickets() == [ticket]


def test_a_confirmed_ticket_marks_the_hours_of_the_token(organisation: Pipeline) -> None:
    organisation.sandbox.cloudflare.add("v2", uses(JUDGED, 300))
    assert organisation.run(JUDGED).success
    (ticket,) = organisation.tickets()
    organisation.sandbox.linear.complete(ticket["identifier"])
    organisation.sandbox.linear.label(ticket["identifier"], "confirmed-incident")
    assert organisation.read_verdicts().success
    verdicts = decided_verdicts(organisation.store.read("ticket_verdicts", None))
    (flagged,) = organisation.summary(JUDGED)["flagged"]
    assert verdicts.select("actor_key", "verdict").unique().rows() == [(flagged["actor_key"], "confirmed")]


def test_a_dismissed_token_silences_no_other_of_its_owner(organisation: Pipeline) -> None:
    organisation.sandbox.cloudflare.add("v2", uses(JUDGED, 300))
    assert organisation.run(JUDGED).success
    organisation.sandbox.linear.cancel(organisation.tickets()[0]["identifier"])
    organisation.clock.sleep(3600)
    organisation.sandbox.cloudflare.add("v2", uses(JUDGED + HOUR, 300, name="another"))
    assert organisation.run(JUDGED + HOUR).success
    outcomes = {each["actor"]: each["ticket"]["outcome"] for each in organisation.summary(JUDGED + HOUR)["flagged"]}
    assert outcomes == {'token "another" of alice@example.com': "opened"}


def test_a_token_without_a_person_has_a_ticket_of_its_own(organisation: Pipeline) -> None:
    organisation.sandbox.cloudflare.add("v2", uses(JUDGED, 300, id=None, email=None))
    assert organisation.run(JUDGED).success
    (ticket,) = organisation.tickets()
    assert ticket["title"].endswith(': token "deploy"')


def test_a_token_that_is_called_as_a_person_is_not_that_person(organisation: Pipeline) -> None:
    organisation.sandbox.cloudflare.add("v2", uses(JUDGED, 300, name="x of bob@example.com"))
    assert organisation.run(JUDGED).success
    (ticket,) = organisation.tickets()
    assert ": alice@example·com with token" in ticket["title"]
