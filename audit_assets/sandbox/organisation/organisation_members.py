"""The members of the organisation: people with offices and duties, service users, API tokens, and Cloudflare itself.

Each actor has usual kinds of resources and a usual number of changes in an hour. Everything follows from the seed and
the day for which the organisation is generated.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

DOMAIN = "harbourline.example"
ACCOUNT_NAME = "Harbourline Outfitters"
ZONE_NAMES = (
    DOMAIN,
    "harbourline-shop.example",
    "harbourline-api.example",
    "tideandtackle.example",
    "hl-static.example",
)


@dataclass(frozen=True)
class Office:
    """Where people work: hours from UTC, and the network of the office's requests."""

    name: str
    utc_offset: int
    network: str


OFFICES = (
    Office("Lisbon", 0, "192.0.2."),
    Office("Warsaw", 1, "198.51.100."),
    Office("Austin", -6, "203.0.113."),
    Office("Osaka", 9, "2001:db8:9::"),
)

_FIRST_NAMES = (
    "Ana Bruno Carla Dawid Ewa Filipe Greta Hugo Ines Jonas Kenji Lena Marta Nils Olga Pedro Rafael Sara Tomasz Ursula "
    "Vasco Wanda Xenia Yuki Zofia Aiko Brett Carmen Dana Emil Fiona Gus"
)
_LAST_NAMES = (
    "Almeida Baran Costa Dudek Esteves Ferreira Gorski Hayashi Iwata Jansen Kowal Lopes Marsh Nowak Oliveira Pinto "
    "Quinn Reis Sato Tavares Ueda Vega Wojcik Yates Zielinski Araki Boone Cruz Duarte Ellis Falk Graf"
)


@dataclass(frozen=True)
class Duty:
    """What a group of people does: kinds with weights, and the changes of an ordinary hour."""

    usual: Mapping[str, float]
    median: float
    hours_a_day: float
    people: int


DUTIES: Mapping[str, Duty] = {
    "platform": Duty(
        {"dns_record": 4, "load_balancer_pool": 2, "zone_setting": 2, "tunnel": 2, "DNS_record": 1.5}, 4, 4, 6
    ),
    "security": Duty({"ruleset": 4, "list_item": 2, "access_policy": 2, "access_rule": 2, "gateway_rule": 2}, 3, 4, 4),
    "developer": Duty({"script": 5, "kv_namespace": 2, "d1_database": 1.5, "queue": 1.5, "worker_route": 2}, 4, 4, 8),
    "helpdesk": Duty({"member": 3, "access_group": 3, "gateway_list": 2, "device_policy": 2}, 2, 3, 3),
    "support": Duty({"cache_purge": 4, "custom_hostname": 3, "zone_setting": 2, "email_routing_rule": 2}, 3, 4, 4),
    "marketing": Duty({"image": 4, "stream_video": 2, "cache_purge": 2, "page_rule": 2}, 5, 3, 3),
    "analyst": Duty({"web_analytics_site": 3, "notification_policy": 2, "turnstile_widget": 2}, 2, 3, 2),
    "admin": Duty(
        {
            **{"dns_record": 1, "zone_setting": 1, "ruleset": 1, "load_balancer": 1, "healthcheck": 1, "DNS_record": 1},
            **{"member": 1, "access_application": 1, "access_policy": 1, "api_token": 1, "account": 1},
            **{"r2_bucket": 1, "tunnel": 1, "notification_policy": 1},
        },
        3,
        5,
        1,
    ),
}

INCIDENT_ONLY: Mapping[str, frozenset[str]] = {
    "analyst": frozenset({"logpush_job", "d1_database", "r2_bucket"}),
    "support": frozenset({"api_token"}),
}
"""Kinds that people of these duties use in incidents only: otherwise an incident could by chance have nothing new."""


@dataclass(frozen=True)
class Actor:
    """A person or a machine that acts. An empty string is a member that its entries do not have."""

    type: Literal["user", "account", "system"]
    id: str
    email: str
    usual: Mapping[str, float]
    median: float
    spread: float
    """Standard deviation of the logarithm of an hour's changes."""

    address: str
    user_agent: str
    token_id: str = ""
    token_name: str = ""
    duty: str = ""
    office: Office = OFFICES[0]
    starts_at: float = 9.0
    hours_a_day: float = 4.0
    joined: date = date.min
    schedule: Mapping[int, float] | None = None
    """For a machine: the hours of the day (UTC) and how likely it acts in each."""

    in_one_burst: bool = False
    """Whether all changes of an hour are made within a minute."""

    @property
    def label(self) -> str:
        """A readable name: the token's if there is one."""
        return self.token_name or self.email or self.type


@dataclass(frozen=True)
class Members:
    """All actors, and the zones that they change."""

    people: Sequence[Actor]
    machines: Sequence[Actor]
    zones: Mapping[str, str]
    """Name to id."""

    def person_with(self, duty: str) -> Actor:
        """The first person with that duty who is no newcomer."""
        return next(person for person in self.people if person.duty == duty and person.joined == date.min)

    def token_named(self, name: str) -> Actor:
        """The token of that name."""
        return next(machine for machine in self.machines if machine.token_name == name)


_BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:152.0) Gecko/20100101 Firefox/152.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
)

DEPLOYER = "github-actions-deploy"
TERRAFORM = "terraform-cloud"

NEWCOMERS = {"developer": timedelta(days=12), "support": timedelta(days=6)}
"""The last person of these duties joined so long before the day."""


def make_members(seed: int, today: date) -> Members:
    """The organisation on a day, from which the newcomers' days are counted."""
    # The text behind the seed is part of every organisation so far: another one would be another organisation.
    rng = random.Random(f"{seed}/cast")  # noqa: S311 - an invented organisation, no secret
    first, last = (rng.sample(names, len(names)) for names in (_FIRST_NAMES.split(), _LAST_NAMES.split()))
    names = list(zip(first, last, strict=True))
    people = [
        _person(rng, names.pop(), duty, number, today) for duty, of in DUTIES.items() for number in range(of.people)
    ]
    zones = {name: f"{rng.getrandbits(128):032x}" for name in ZONE_NAMES}
    return Members(people, _machines(rng), zones)


def _person(rng: random.Random, name: tuple[str, str], duty: str, number: int, today: date) -> Actor:
    of = DUTIES[duty]
    office = OFFICES[0] if duty == "admin" else rng.choices(OFFICES, (4, 3, 3, 2))[0]
    newcomer = duty in NEWCOMERS and number == of.people - 1
    return Actor(
        type="user",
        id=f"{rng.getrandbits(128):032x}",
        email=f"{name[0]}.{name[1]}@{DOMAIN}".lower(),
        usual=of.usual,
        median=of.median * rng.uniform(0.7, 1.4),
        spread=rng.uniform(0.7, 0.95),
        address=f"{office.network}{rng.randrange(2, 250)}",
        user_agent=rng.choice(_BROWSERS),
        duty=duty,
        office=office,
        starts_at=rng.uniform(7.5, 10.0),
        hours_a_day=of.hours_a_day * rng.uniform(0.8, 1.2),
        joined=today - NEWCOMERS[duty] if newcomer else date.min,
    )


def _machines(rng: random.Random) -> list[Actor]:
    """API tokens, a service user whose deploys only v1 records, and Cloudflare's own systems."""
    owners = {name: f"{rng.getrandbits(128):032x}" for name in ("ci-deploy", "backup")}

    def machine(
        token: str,
        usual: Mapping[str, float],
        median: float,
        schedule: Mapping[int, float],
        *,
        agent: str,
        owner: str = "",
        in_one_burst: bool = False,
    ) -> Actor:
        return Actor(
            type="user" if owner else "account",
            id=owners.get(owner, ""),
            email=f"{owner}@{DOMAIN}" if owner else "",
            usual=usual,
            median=median,
            spread=0.6,
            address=f"198.51.100.{rng.randrange(200, 250)}",
            user_agent=agent,
            token_id=f"{rng.getrandbits(128):032x}" if token else "",
            token_name=token,
            schedule=schedule,
            in_one_burst=in_one_burst,
        )

    curl, go, terraform = "curl/8.14.1", "Go-http-client/2.0", "Terraform/1.13 terraform-provider-cloudflare/5.12.0"
    deploys = {"kv_namespace": 3, "pages_deployment": 4, "worker_route": 2}
    infrastructure = {"dns_record": 4, "ruleset": 3, "zone_setting": 2, "load_balancer_pool": 2, "access_policy": 2}
    return [
        machine(DEPLOYER, deploys, 5, _hours(22, 28, 0.6), agent="wrangler/4.31.0", owner="ci-deploy"),
        machine("", {"script": 1}, 4, _hours(22, 28, 0.7), agent="wrangler/4.31.0", owner="ci-deploy"),
        machine(TERRAFORM, infrastructure, 22, _hours(6, 20, 0.22), agent=terraform, in_one_burst=True),
        machine("external-dns", {"dns_record": 1}, 3, _hours(0, 24, 0.6), agent=go),
        machine("cms-cache-purge", {"cache_purge": 1}, 4, _hours(6, 19, 0.7), agent=curl),
        machine("cert-manager", {"dns_record": 2, "certificate_pack": 1}, 8, _hours(3, 4, 0.95), agent=go),
        machine(
            "waf-feed-sync", {"list_item": 1}, 11, dict.fromkeys((1, 7, 13, 19), 0.95), agent=curl, in_one_burst=True
        ),
        machine("partner-onboarding", {"custom_hostname": 1}, 3, _hours(8, 17, 0.6), agent="axios/1.12.2"),
        machine("nightly-backup", {"r2_bucket": 1}, 3, _hours(2, 4, 0.9), agent="rclone/v1.71", owner="backup"),
        Actor("system", "", "", {"certificate_pack": 1}, 4, 0.6, "", "", schedule=_hours(0, 24, 0.25)),
        Actor("system", "1", "", {"zone": 1}, 2, 0.5, "", "", schedule=_hours(0, 24, 0.15)),
    ]


def _hours(first: int, end: int, likelihood: float) -> Mapping[int, float]:
    """Every hour of the day (UTC) from `first` to before `end`, which may lie beyond midnight."""
    return {hour % 24: likelihood for hour in range(first, end)}
