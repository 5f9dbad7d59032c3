"""The evidence of a ticket: the table of its deviations, and from where its changes came."""

from datetime import UTC, datetime, timedelta

import pytest

from audit_assets.tickets.evidence_lines import deviation_table, origin_lines, other_origins
from audit_assets.tickets.finding import Origin
from audit_assets.tickets.ticket import ticket_for
from audit_assets_tests.tickets.sample_findings import (
    HOUR,
    TWELVE,
    around_the_clock,
    burst,
    finding,
    fortnight,
    new_type,
    newcomer,
    origin,
    threshold_fall,
    together,
)

LAST_TOUCHED = datetime(2026, 9, 30, 8, tzinfo=UTC)
NEW = origin(value="203.0.113.7", changes=40, days=0, first_used=None)
MOZILLA = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"


def test_the_table_has_a_row_for_each_kind() -> None:
    deviations = (
        burst(changes=1_204, baseline_mean=80.3, ratio=15.0, horizon_hours=24),
        new_type(colleagues=2, organisation_actors=41),
        new_type(first_ever=False, last_touched=LAST_TOUCHED, colleagues=0, organisation_actors=41),
        together(*TWELVE),
    )
    assert deviation_table(deviations, learning=False) == (
        "| What | Changes | Usual | Judged against |\n"
        "| --- | --- | --- | --- |\n"
        "| 24 hours | 1,204 | 80 (15 times) | its own past |\n"
        "| `api_tokens` | 4 | none on record; 2 others | 41 actors here |\n"
        "| `api_tokens` | 4 | none, last touched 2026-09-30 | 41 actors here |\n"
        "| `dns_record`, 12 actors | 1,440 | far less, or none | each actor itself |"
    )
    of_longer_spans = deviation_table((around_the_clock(), fortnight()), learning=False)
    assert "| active hours | 24 of 24 | 3.2 (7.5 times) | its own past |" in of_longer_spans
    assert "| 14 days without the busiest | 1,204 | 310 (3.9 times) | a month before |" in of_longer_spans
    of_threshold = deviation_table((threshold_fall(*TWELVE),), learning=False)
    assert "| unusual hours, 12 actors, 14 days | 61 | 9 | the 14 days before |" in of_threshold
    assert "| this hour | 300 | 4.2 (71 times) | newcomers here |" in deviation_table((newcomer(),), learning=True)
    assert "| this hour | 214 | 3.1 (69 times) | mostly the organisation |" in (
        deviation_table((burst(active_hours=3),), learning=True)
    )


def test_each_origin_shows_how_much_came_from_there_and_whether_it_was_used_before() -> None:
    agent = origin(kind="user agent", value=MOZILLA, changes=43, days=1, first_used=HOUR - timedelta(days=4))
    token = origin(kind="API token", value="7f" * 16, label="deploy", changes=43, days=30)
    found = finding(origins=(NEW, origin(), agent, origin(kind="interface", value="dashboard"), token), active_days=14)
    assert origin_lines(found, 3) == (
        "This actor acted on 14 of the last 30 days.\n"
        "\n"
        "- Address `203.0.113.7`: 40 changes, first seen in this hour\n"
        "- Address `198.51.100.2`: 3 changes, used on 12 of the last 30 days\n"
        f"- User agent `{MOZILLA}`: 43 changes, used on 1 of the last 30 days, first on 2026-11-18\n"
        "- Interface `dashboard`: 3 changes, used on 12 of the last 30 days\n"
        "- API token `deploy` `7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f`: 43 changes, used on 30 of the last 30 days"
    )
    assert f"\n## From where\n\n{origin_lines(found, 3)}\n\n## " in ticket_for(found).description


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (
            origin(days=0, first_used=HOUR - timedelta(hours=4)),
            "Address `198.51.100.2`: 3 changes, first seen earlier that day, at 06:00 UTC",
        ),
        (origin(value=None, days=0, first_used=None), "Address not recorded: 3 changes"),
        (
            origin(value="x`\n@all <b>", changes=1),
            "Address `x\u02cb @all <b>`: 1 change, used on 12 of the last 30 days",
        ),
    ],
)
def test_an_origin_in_words(one: Origin, line: str) -> None:
    assert f"- {line}\n" in f"{origin_lines(finding(origins=(NEW, one), active_days=14), 3)}\n"


def test_if_axiom_does_not_answer_the_ticket_shows_it_and_calls_nothing_new() -> None:
    lines = origin_lines(finding(origins=(NEW, origin(days=0, first_used=None)), active_days=None), 3)
    assert lines == (
        "Whether any of it was used before is not known: Axiom did not answer when this was written.\n"
        "\n"
        "- Address `203.0.113.7`: 40 changes\n"
        "- Address `198.51.100.2`: 3 changes"
    )


def test_more_origins_than_axiom_lists_are_the_reason_why_nothing_is_known() -> None:
    found = finding(origins=(NEW,), active_days=None, too_many_origins=True)
    assert origin_lines(found, 3) == (
        "Whether any of it was used before is not known: this actor used more addresses and user agents in the 30 days "
        "before than Axiom lists.\n"
        "\n"
        "- Address `203.0.113.7`: 40 changes"
    )


def test_of_an_actor_that_was_never_seen_that_is_written_once() -> None:
    assert origin_lines(finding(origins=(NEW,), active_days=0), 3).startswith(
        "Nothing was seen of this actor in the 30 days before.\n"
    )
    shared = finding(deviations=(together("anne", "boris", "carla"),), origins=(NEW,), active_days=3)
    assert origin_lines(shared, 3).startswith("These actors acted on 3 of the last 30 days.\n")


def test_of_many_addresses_some_stand_open_and_some_are_folded_away() -> None:
    many = tuple(origin(value=f"203.0.113.{number}", changes=1, days=0, first_used=None) for number in range(30))
    found = finding(origins=(*many, origin()), active_days=14)
    assert "\n- and 28 addresses more, 27 of them first seen in this hour" in origin_lines(found, 3)
    agents = tuple(origin(kind="user agent", value=f"curl/{number}") for number in range(4))
    assert other_origins(finding(origins=(*many[:4], *agents), active_days=14), 3)[0].startswith(
        "+++ 2 more addresses and user agents\n\n```text\naddress 203.0.113.3: 1 change, first seen in this hour\n"
        "user agent curl/3: 3 changes, used on 12 of the last 30 days\n```\n\n+++"
    )
    (folded,) = other_origins(found, 3)
    assert folded.startswith(
        "+++ 28 more addresses\n\n```text\naddress 203.0.113.3: 1 change, first seen in this hour\n"
    )
    assert folded.endswith("address 203.0.113.22: 1 change, first seen in this hour\n```\n\nand 8 more\n\n+++")


def test_a_user_agent_of_a_novel_s_length_is_cut() -> None:
    endless = finding(origins=(origin(kind="user agent", value="A" * 5_000),), active_days=14)
    assert len(origin_lines(endless, 3)) < 300
    assert "… (5,000 characters)`: 3 changes" in origin_lines(endless, 3)


def test_what_no_entry_has_is_no_line_and_without_any_there_is_no_section() -> None:
    nothing = tuple(origin(kind=kind, value=None) for kind in ("address", "user agent", "interface", "API token"))
    assert origin_lines(finding(origins=nothing, active_days=14), 3) == ""
    assert "From where" not in ticket_for(finding(origins=nothing, active_days=14)).description
    assert "token" not in origin_lines(finding(origins=(NEW, *nothing[1:]), active_days=14), 3)
