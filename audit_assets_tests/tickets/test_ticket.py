"""A ticket explains itself to a person on a phone, and has the same id however often it is made."""

from dataclasses import replace
from datetime import timedelta, timezone
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from audit_assets.tickets.finding import ChangeTotal, TriageNote
from audit_assets.tickets.next_checks import NEXT_CHECKS
from audit_assets.tickets.ticket import COMMENT_LENGTH, comment_for, link_for, relation_id, ticket_for, ticket_id
from audit_assets_tests.tickets.sample_findings import (
    ACCOUNT,
    ALICE,
    HOUR,
    TWELVE,
    action_summary,
    burst,
    entry,
    finding,
    new_type,
    origin,
    together,
)


def test_a_ticket_reads_from_what_happened_to_where_to_look() -> None:
    ticket = ticket_for(
        finding(
            severity="urgent",
            deviations=(burst(), new_type(new_to_organisation=True)),
            entries=(entry(11), entry(12, zone=None, interface=None, result="failure")),
            last_entries=(entry(3_000),),
            entries_total=214,
            action_summaries=(
                action_summary(changes=210),
                action_summary(
                    action="create", resource_type="api_tokens", changes=1, newest=HOUR, oldest=HOUR, deletes=False
                ),
                *(action_summary(resource_type=f"type {number}", changes=1) for number in range(5)),
            ),
            change_totals=(
                ChangeTotal("delete", "dns_records", 210, 210, 3),
                ChangeTotal("create", "api_tokens", 4, 4),
            ),
            origins=(origin(value="203.0.113.7", changes=211, days=0, first_used=None), origin()),
            active_days=14,
            entries_url="https://app.axiom.co/acme/query?initForm=%7B%22apl%22",
            run_id="b2a1",
            run_url="https://dagster.example.com/runs/b2a1",
        )
    )
    assert (
        ticket.title
        == "Deleted 210 DNS records in 3 zones and made 4 other changes also from a new IP address: alice@example·com"
    )
    assert ticket.priority == 1
    assert ticket.description == (
        "In the hour 2026-11-22 10:00 UTC, `alice@example[.]com` deleted 210 DNS records in 3 zones and made 4"
        " other changes also from a new IP address.\n"
        "\n"
        "Urgent severity.\n"
        "\n"
        "**What to do now:** Ask `alice@example[.]com`, not by e-mail, whether they did this. If not: end their"
        " sessions, reset password and second factor, look for tokens and members they added. If it was not meant:"
        " delete what was created, before anything is done with it.\n"
        "\n"
        "## Why this is unusual\n"
        "\n"
        "- 214 changes in the hour 2026-11-22 10:00 UTC; usual is 3.1 per active hour over 12 active hours in 30 days;"
        " at most 9 in any of them; 69 times the usual\n"
        "- first change to `api_tokens` on record (4 changes); nobody here touched it in 30 days\n"
        "\n"
        "+++ In numbers\n"
        "\n"
        "| What | Changes | Usual | Judged against |\n"
        "| --- | --- | --- | --- |\n"
        "| this hour | 214 | 3.1 (69 times) | its own 12 active hours |\n"
        "| `api_tokens` | 4 | none on record | its own 12 active hours |\n"
        "\n"
        "+++\n"
        "\n"
        "## What to check next\n"
        "\n"
        f"- {NEXT_CHECKS['deletes'][0]}\n"
        "- Find out whose `203.0.113.7` is (office, VPN, build system, hosting), and what else came from it.\n"
        f"- {NEXT_CHECKS['new resource type'][0]}\n"
        "\n"
        "## What was done\n"
        "\n"
        "- 210 times `delete dns_records`, 10:02:00 to 10:40:07\n"
        "- once `create api_tokens`, 10:00:00\n"
        "- once `delete type 0`, 10:02:00 to 10:40:07\n"
        "- once `delete type 1`, 10:02:00 to 10:40:07\n"
        "- once `delete type 2`, 10:02:00 to 10:40:07\n"
        "- and 2 more kinds of change, 2 changes together\n"
        "\n"
        "+++ The first 2 and the last of 214 entries (UTC)\n"
        "\n"
        "```text\n"
        "10:00:11  delete dns_records · 0000000000000000000000000000000b · example[.]com · 203.0.113.7 · dash"
        " · success\n"
        "10:00:12  delete dns_records · 0000000000000000000000000000000c · 203.0.113.7 · failure\n"
        "… 211 more …\n"
        "10:50:00  delete dns_records · 00000000000000000000000000000bb8 · example[.]com · 203.0.113.7 · dash"
        " · success\n"
        "```\n"
        "\n"
        "+++\n"
        "\n"
        "## From where\n"
        "\n"
        "This actor acted on 14 of the last 30 days.\n"
        "\n"
        "- Address `203.0.113.7`: 211 changes, first seen in this hour\n"
        "- Address `198.51.100.2`: 3 changes, used on 12 of the last 30 days\n"
        "\n"
        "## Links\n"
        "\n"
        "- [This query in Axiom](https://app.axiom.co/acme/query"
        "?initForm=%7B%22startTime%22%3A%222026-11-22T10%3A00%22%7D)\n"
        "- [The raw entries in Axiom](https://app.axiom.co/acme/query?initForm=%7B%22apl%22)\n"
        "- [The Dagster run](https://dagster.example.com/runs/b2a1)\n"
        "\n"
        "Actor type `user` · actor key `a11ce000000000000000000000000000`"
        " · account `023e105f4ecef8ad9ca31a8372d0c353`\n"
        "\n"
        "## How to close this ticket\n"
        "\n"
        "- It was abuse: complete it with the label `confirmed-incident`. These hours will be no example of what is"
        " usual.\n"
        "- It was not: cancel it, or complete it with `false-positive`. Up to twice as much of the same will alert no"
        " more.\n"
        "- Nobody knows: complete it without a label. Nothing is learned, and another unusual hour within 14 days"
        " reopens it."
    )


def test_the_organisation_s_ticket_names_who_did_the_same() -> None:
    shared = ticket_for(
        finding(
            actor_key="organisation",
            actor="the organisation",
            actor_type="organisation",
            deviations=(together(*TWELVE),),
            severity_because=("whole zones",),
            entries=(entry(11, actor="anne@example.com"),),
            entries_total=1_440,
        )
    )
    assert shared.title == "12 actors at once: unusual changes to dns_record (10:00 UTC, 22 Nov)"
    assert shared.description.startswith(
        "In the hour 2026-11-22 10:00 UTC, 12 actors changed `dns_record`, unusually for each of them. One look should"
        " cover all: a migration or another shared cause.\n"
        "\n"
        "High severity, since this is about whole zones.\n"
        "\n"
        "**What to do now:** Look for one cause first: a migration, a deployment, a rotation of secrets, a change by"
        " Cloudflare. If there is none, look for what these actors share: a sign-in provider, an owner of their tokens,"
        " an address.\n"
        "\n"
        "## Why this is unusual\n"
        "\n"
        "- 12 actors changed `dns_record` far more than usual, or for the first time, in the same hour:"
        " `anne@example[.]com`, `boris@example[.]com`, `carla@example[.]com` and 9 more\n"
        "\n"
        "+++ In numbers\n"
        "\n"
        "| What | Changes | Usual | Judged against |\n"
        "| --- | --- | --- | --- |\n"
        "| `dns_record`, 12 actors | 1,440 | far less, or none | each actor itself |\n"
        "\n"
        "+++\n"
        "\n"
        "+++ The 12 actors\n"
        "\n"
        "```text\n"
        "anne@example[.]com\n"
    )
    assert (
        "lena@example[.]com\n"
        "```\n"
        "\n"
        "+++\n"
        "\n"
        "## What was done\n"
        "\n"
        "- 1,440 changes\n"
        "\n"
        "+++ The first of 1,440 entries (UTC)\n"
        "\n"
        "```text\n"
        "10:00:11  delete dns_records · anne@example[.]com · 0000000000000000000000000000000b · "
    ) in shared.description


def test_of_many_members_some_are_listed_and_in_a_comment_too() -> None:
    many = comment_for(finding(deviations=(together(*(f"member-{number}" for number in range(100))),))).body
    assert "\n+++ The 100 actors\n" in many
    assert "member-19\n```\n\nand 80 more\n\n+++\n" in many
    assert "+++ The" not in comment_for(finding(deviations=(together("anne", "boris", "carla"),))).body


def test_of_many_new_resource_types_the_rarest_here_are_in_sentences_and_all_are_in_the_table() -> None:
    touched_by = {"dns_records": 22, "api_tokens": 0, "zones": 9, "members": 2, "rulesets": 12, "logpush_jobs": 1}
    news = tuple(
        new_type(
            resource_type=resource_type,
            colleagues=colleagues,
            organisation_actors=41,
            new_types=6,
            touched_types=9,
            return_period_years=40.0,
        )
        for resource_type, colleagues in touched_by.items()
    )
    described = ticket_for(finding(deviations=(burst(return_period_years=3.0), *news))).description
    assert (
        "- 6 of the 9 resource types of this hour are new to this actor; expected less than once in 2 months for this"
        " actor, the most that 12 active hours of history support\n"
        "- 214 changes in the hour 2026-11-22 10:00 UTC; usual is 3, at most 9 in 30 days; expected less than once"
        " in 2 months for this actor, the most that 12 active hours of history support\n"
        "- first change to `api_tokens` on record (4 changes); nobody in the organisation made one in 90 days\n"
        "- first change to `logpush_jobs` on record (4 changes); 1 of 41 actors made one in 90 days\n"
        "- first change to `members` on record (4 changes); 2 of 41 actors made one in 90 days\n"
        "- and 3 more like these\n"
        "\n"
        "+++ In numbers\n"
        "\n"
        "| What | Changes | Usual | Judged against |\n"
    ) in described
    assert (
        "| `dns_records` | 4 | none on record; 22 others | 41 actors here |\n\n+++\n\n## What to check next\n"
        in described
    )


def test_a_ticket_of_an_actor_who_is_hardly_known_shows_it_once() -> None:
    many_new = new_type(active_hours=3, new_types=7, touched_types=9, return_period_years=40.0)
    newcomer = finding(deviations=(burst(active_hours=3, return_period_years=40.0), many_new), learning=True)
    for text in (ticket_for(newcomer).description, comment_for(newcomer).body):
        assert text.count("\n- only 3 active hours known in 30 days; judged mostly by what is usual here\n") == 1
        assert text.count("active hours") == 1
        assert "once in" not in text


def test_the_entries_of_a_burst_of_many_hours_are_marked_as_those_of_the_hour() -> None:
    described = ticket_for(finding(deviations=(burst(horizon_hours=24),))).description
    assert "\n## What was done in this hour\n" in described


def test_many_entries_are_folded_away_and_the_rest_is_counted() -> None:
    first, last = (tuple(entry(number) for number in range(start, start + 10)) for start in (0, 3_000))
    described = ticket_for(finding(entries=first, last_entries=last, entries_total=1_214)).description
    assert described.count("delete dns_records") == 20
    assert "+++ The first 10 and the last 10 of 1,214 entries (UTC)\n\n```text\n10:00:00" in described
    assert "\n… 1,194 more …\n10:50:00" in described


def test_a_few_entries_are_open_and_not_written_twice() -> None:
    described = ticket_for(
        finding(entries=(entry(),), entries_total=1, action_summaries=(action_summary(changes=1),))
    ).description
    assert "## What was done\n\n```text\n10:00:00  delete dns_records · " in described
    assert "once" not in described


def test_what_else_the_actor_did_in_the_hour_is_counted() -> None:
    described = ticket_for(
        finding(deviations=(new_type(),), action_summaries=(action_summary(),), other_changes=7)
    ).description
    assert "10:40:07\n- and 7 other changes, not unusual by themselves\n\n+++ All 3 entries" in described


def test_entries_of_which_none_is_at_hand_are_counted() -> None:
    described = ticket_for(finding(entries=(), entries_total=500)).description
    assert "## What was done\n\n- 500 changes\n\n## Links\n" in described


def test_no_entries_are_no_section() -> None:
    assert "What was done" not in ticket_for(finding(entries=(), entries_total=0)).description


def test_a_run_is_named_where_it_is_not_known_how_to_open_it() -> None:
    described = ticket_for(finding(run_id="b2a1")).description
    assert "\n- Dagster run `b2a1`\n" in described
    assert "\n- Dagster run" not in ticket_for(finding()).description


def test_the_identity_of_a_ticket_and_of_an_hour_does_not_depend_on_the_run() -> None:
    one, other = finding(run_id="b2a1", run_url="https://dagster.example.com/runs/b2a1"), finding(run_id="c3")
    assert link_for(one) == link_for(other)
    assert (ticket_for(one).id, ticket_for(one).title) == (ticket_for(other).id, ticket_for(other).title)
    assert comment_for(one).id == comment_for(other).id


def test_priority_follows_severity() -> None:
    priorities = {level: ticket_for(finding(severity=level)).priority for level in ("urgent", "high", "medium", "low")}
    assert priorities == {"urgent": 1, "high": 2, "medium": 3, "low": 4}


def test_a_ticket_is_the_same_actor_s_whatever_the_hour_and_whatever_was_found() -> None:
    one = ticket_for(finding())
    other = ticket_for(finding(hour=HOUR + timedelta(days=3), severity="low", actor="Alice", deviations=(new_type(),)))
    assert one.id == other.id == ticket_id(ACCOUNT, ALICE)


def test_ids_never_change_and_have_the_shape_of_v4() -> None:
    assert str(ticket_id(ACCOUNT, ALICE)) == "0a6554f7-5e38-4213-a0e8-38d27c13158c"
    assert str(comment_for(finding()).id) == "4bc93afd-1c8a-4c27-898b-93dddaeca607"
    generations = [ticket_id(ACCOUNT, ALICE, generation) for generation in range(30)]
    assert len(set(generations)) == 30
    assert {one.version for one in (*generations, relation_id(generations[1]), link_for(finding()).id)} == {4}


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_two_actors_never_share_an_id(account: str, actor: str, other_account: str, other_actor: str) -> None:
    one, other = ticket_id(account, actor), ticket_id(other_account, other_actor)
    assert one.version == 4
    assert UUID(str(one)) == one
    assert (one == other) == ((account, actor) == (other_account, other_actor))


def test_an_hour_is_the_same_hour_in_any_time_zone() -> None:
    kolkata = HOUR.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert comment_for(finding(hour=kolkata)).id == comment_for(finding()).id
    assert link_for(finding(hour=kolkata)).id == link_for(finding()).id
    assert ticket_for(finding(hour=kolkata)).title == ticket_for(finding()).title
    assert comment_for(finding(hour=HOUR + timedelta(hours=1))).id != comment_for(finding()).id


def test_a_comment_has_the_same_as_a_ticket_in_less_room() -> None:
    many = finding(
        deviations=tuple(new_type(resource_type=f"type_{number}" * 20) for number in range(100)),
        entries=tuple(entry(number) for number in range(20)),
        entries_total=500,
        axiom_url="https://app.axiom.co/" + "x" * 2_900,
    )
    body = comment_for(many).body
    assert len(body) <= COMMENT_LENGTH
    assert body.startswith("In the hour 2026-11-22 10:00 UTC, ")
    assert "more like these" in body
    assert "## What was done\n\n- 500 changes\n" in body
    assert "[This query in Axiom](" in body


def test_a_link_that_is_too_long_for_the_text_is_among_the_links() -> None:
    with_entries = finding(
        axiom_url="https://app.axiom.co/" + "x" * 11_000, entries_url="https://app.axiom.co/" + "y" * 2_000
    )
    assert "The raw entries in Axiom" not in ticket_for(with_entries).description
    long = finding(axiom_url="https://app.axiom.co/" + "x" * 15_000)
    assert "The query is among this ticket's links." in ticket_for(long).description
    assert link_for(long).url == long.axiom_url


def test_the_link_marks_the_hour() -> None:
    """Nothing in it is an entry's: Linear would put values into a subtitle, and shows an attachment to everybody."""
    deviations = (burst(changes_by_type=(("dns", 200), ("zone", 14))), new_type(resource_type="{x__since}`<b>"))
    hour = link_for(finding(deviations=deviations, severity_because=("deletes",)))
    assert hour.title == "Axiom: 2026-11-22 10:00 UTC"
    assert hour.subtitle == "214 changes in an hour, usually 3; 1 more reason"
    assert hour.metadata == {
        "hour": "2026-11-22T10:00:00+00:00",
        "severity": "high",
        "kinds": "new_resource_type volume",
        "covers": (
            "raised:7c17099b07227b65 volume:1:214 touched:dd75a9d6fb309c43:200 touched:543e33c48b3c23d3:14 "
            "new:67b6744b74aa938d:4"
        ),
    }


LONG_NOTE = TriageNote("m", "x" * 400, ("y" * 160,) * 3, ("z" * 160,) * 4)


def test_a_note_may_cost_entries_but_no_deviation() -> None:
    long = tuple(entry(number, zone="z" * 80, resource_id="r" * 80) for number in range(20))
    found = finding(entries=long[:10], last_entries=long[10:], entries_total=20, note=LONG_NOTE)
    plain, noted = comment_for(replace(found, note=None)).body, comment_for(found).body
    assert "Triage note" in noted
    assert len(noted) <= COMMENT_LENGTH
    assert plain.count("delete dns_records") > noted.count("delete dns_records")
    assert plain.count("| ") == noted.count("| ")


def test_where_no_room_is_left_the_note_is() -> None:
    many = tuple(new_type(resource_type=f"type-{number}-{'x' * 60}") for number in range(12))
    found = finding(deviations=many, note=LONG_NOTE, axiom_url="https://app.axiom.co/q?" + "%7B" * 800)
    assert "Triage note" not in comment_for(found).body
    assert comment_for(found) == comment_for(replace(found, note=None))
