"""An origin that is new is new to the actor alone, or to everybody here."""

from dataclasses import replace

import polars as pl

from audit_assets.detection.origin_uses import ORIGIN_USES
from audit_assets.tickets.finding import Origin
from audit_assets.tickets.origin_users import NETWORKS, with_origin_users
from audit_assets.tickets.ticket import ticket_for
from audit_assets_tests.tickets.sample_findings import HOUR, finding

NEW, OFFICE, CURL = "198.51.100.9", "203.0.113.7", "curl/8.7.1"
FINDING = finding(
    origins=(
        Origin("address", NEW, 7),
        Origin("address", OFFICE, 2),
        Origin("user agent", CURL, 9),
        Origin("interface", "dashboard", 9, days=12, first_used=HOUR),
    ),
    active_days=12,
)


def used(*values: tuple[str, str, str]) -> pl.DataFrame:
    rows = [(actor, HOUR, part, value, True) for actor, part, value in values]
    return pl.DataFrame(rows, schema=ORIGIN_USES, orient="row")


def networks(place: str | None = None) -> pl.DataFrame:
    rows = [(NEW, "198.51.0.0/16", place), (OFFICE, "203.0.0.0/16", None)]
    return pl.DataFrame(rows, schema=NETWORKS, orient="row")


USES = used(
    (FINDING.actor_key, "network", "198.51.0.0/16"),
    ("boris", "network", "203.0.0.0/16"),
    ("carol", "network", "203.0.0.0/16"),
    ("boris", "product", "curl"),
)


def test_others_are_counted_by_network_and_product_without_the_actor_itself() -> None:
    (known,) = with_origin_users([FINDING], USES, networks())
    assert [each.others for each in known.origins] == [0, 2, 1, 0]
    text = ticket_for(known).description
    assert "first seen in this hour; new to everybody here: nobody else used its network in 90 days" in text
    assert "first seen in this hour; new to this actor: 2 others here used its network in 90 days" in text
    assert "first seen in this hour; new to this actor: 1 other here used such a user agent in 90 days" in text
    assert "used on 12 of the last 30 days" in text


def test_a_members_own_use_is_nobody_elses() -> None:
    deviation = replace(FINDING.deviations[0], member_keys=("boris", "carol"))
    (known,) = with_origin_users([replace(FINDING, deviations=(deviation,))], USES, networks())
    assert known.origins[1].others == 0


def test_the_system_and_country_of_an_address_stand_before_it_and_are_quoted() -> None:
    (known,) = with_origin_users([FINDING], USES, networks("AS64500 `Evil` [Hosting](http://x.example), DE"))
    text = ticket_for(known).description
    assert "AS64500" in text
    assert "](http://x.example)" not in text.replace("`", "")
