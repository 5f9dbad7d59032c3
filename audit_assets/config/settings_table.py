"""Every setting, in one table: what it is for, its default, its type, whether it is a secret, what is sent there.

Nothing is read here: settings.py does, one by one, when they are needed.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from audit_assets.config.periods import parse_period

HOUR_FORMAT = "%Y-%m-%d-%H:%M"
"""Hours are named as Dagster names hourly partitions."""


def _parse_hour(text: str) -> datetime:
    period = parse_period(text)
    if not period.is_hour:
        raise ValueError("not a full hour")
    return period.start


def _parse_streams(text: str) -> tuple[str, ...]:
    streams = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    if not set(streams) <= {"v1", "v2"}:
        raise ValueError("not a stream")
    return streams


@dataclass(frozen=True)
class Type:
    """What a setting's text becomes, and the end of the sentence about a text that can't."""

    annotation: Any = str
    error: str = ""


LARGEST_NUMBER = 1e6
"""No setting means anything beyond it."""

TEXT = Type()
PATH = Type()
"""A file or folder, or an fsspec URL. A relative one is in the current folder, which is also that of a `.env`."""

NUMBER = Type(
    Annotated[float, Field(gt=0, lt=LARGEST_NUMBER, allow_inf_nan=False)], "is {!r}: set it to a number above 0."
)
KEPT_HOURS = Type(
    Annotated[int, Field(ge=62, lt=LARGEST_NUMBER)],
    "is {!r}: set it to a whole number of 62 or more, since the last two months are read again.",
)
WHOLE_NUMBER = Type(Annotated[int, Field(gt=0, lt=LARGEST_NUMBER)], "is {!r}: set it to a whole number above 0.")
YES_OR_NO = Type(bool, "is {!r}: set it to 1 to open no tickets, or to 0.")
HOUR = Type(
    Annotated[datetime, BeforeValidator(_parse_hour)], "is {!r}: set it to a full hour such as 2026-11-01-00:00."
)
STREAMS = Type(Annotated[tuple[str, ...], BeforeValidator(_parse_streams)], "is {!r}: set it to v2, v1 or v2,v1.")
ACCOUNT_ID = Type(
    Annotated[str, StringConstraints(pattern=re.compile(r"\A[0-9a-f]{32}\Z"))],
    "is not 32 hex digits: copy it from the account's overview page.",
)
ORGANIZATION_ID = Type(
    ACCOUNT_ID.annotation, "is not 32 hex digits: copy it from the organization's overview page, or unset it."
)
WEBHOOK_FORMAT = Type(Literal["summary", "ocsf"], "is {!r}: set it to summary or ocsf.")
WEB_ADDRESS = Type(
    Annotated[
        str,
        StringConstraints(pattern=re.compile(r"\Ahttps?://[^\s/?#]+[^\s?#]*\Z")),
        AfterValidator(lambda address: address.rstrip("/")),
    ],
    "is {!r}: set it to an address such as https://dagster.example.com.",
)


@dataclass(frozen=True)
class Setting:
    """One environment variable. Without a default it is required; an empty default means that it may be absent.
    `gets`: where it names a receiver, the secrets that are sent there, or with which what is sent there was read."""

    name: str
    meaning: str
    default: str | None = None
    type: Type = TEXT
    secret: bool = False
    gets: tuple[str, ...] = ()


READING = ("CLOUDFLARE_API_TOKEN", "AXIOM_TOKEN")
"""The secrets with which what is reported was read."""

CHANNEL_PREFIX = "AUDIT_ASSETS_CHANNEL_"
"""A channel's address is in a variable called so, with the channel's name in capitals behind it. It is a secret, and
may be in a file as others are."""

HTTPS_PROXY, NO_PROXY = "HTTPS_PROXY", "NO_PROXY"
"""As every program calls them; in small letters too."""

ACCOUNTS, STORAGE = "AUDIT_ASSETS_ACCOUNTS", "AUDIT_ASSETS_STORAGE"

STORES_OF_ACCOUNTS = "accounts"
"""The folder below AUDIT_ASSETS_STORAGE in which each account of several has its own store."""

_TABLE = (
    Setting("CLOUDFLARE_API_TOKEN", "API token with the permission Account Settings Read", secret=True),
    Setting("CLOUDFLARE_ACCOUNT_ID", "id of the account whose audit log is pulled, 32 hex digits", type=ACCOUNT_ID),
    Setting(
        "CLOUDFLARE_API_URL",
        "address of Cloudflare's API",
        "https://api.cloudflare.com/client/v4",
        gets=("CLOUDFLARE_API_TOKEN",),
    ),
    Setting("CLOUDFLARE_STREAMS", "audit log streams to pull: v2, v1 or both", "v2,v1", STREAMS),
    Setting(
        "CLOUDFLARE_ORGANIZATION_ID",
        "id of the organization whose own audit log is pulled too, 32 hex digits; empty: none",
        "",
        ORGANIZATION_ID,
    ),
    Setting("AXIOM_TOKEN", "API token that may ingest into and query the dataset", secret=True),
    Setting("AXIOM_ORG_ID", "id of the organisation, as in app.axiom.co/ID/query"),
    Setting("AXIOM_DATASET", "dataset that holds the audit entries", "cloudflare-audit"),
    Setting(
        "AXIOM_FINDINGS_DATASET",
        "dataset that gets each finding as an event, another than AXIOM_DATASET",
        "",
        gets=("AXIOM_TOKEN",),
    ),
    Setting(
        "AXIOM_URL", "address of Axiom's API, or of the dataset's edge", "https://api.axiom.co", gets=("AXIOM_TOKEN",)
    ),
    Setting("LINEAR_API_KEY", "personal API key that may read, create and change issues and comments", secret=True),
    Setting("LINEAR_TEAM_KEY", "key of the team that gets the tickets, such as SEC"),
    Setting("LINEAR_LABEL", "name of a label to put on every ticket; it must exist", ""),
    Setting("LINEAR_DRY_RUN", "1 to render the tickets of every run and open none", "", YES_OR_NO),
    Setting("LINEAR_API_URL", "address of Linear's API", "https://api.linear.app/graphql", gets=("LINEAR_API_KEY",)),
    Setting(
        "AUDIT_ASSETS_FIRST_HOUR",
        "first hour (UTC) that exists, such as 2026-11-01-00:00, in place of 31 days before the first start",
        "",
        HOUR,
    ),
    Setting(ACCOUNTS, "file with several accounts, in place of the one of these settings", "", PATH),
    Setting(STORAGE, "where the Parquet hours lie: a folder or an fsspec URL", ".audit_assets/hours", PATH),
    Setting(
        "AUDIT_ASSETS_KEEP_RUNS_DAYS",
        "days that Dagster's runs are kept whole; then superseded ones are deleted, others thinned",
        "7",
        WHOLE_NUMBER,
    ),
    Setting(
        "AUDIT_ASSETS_KEEP_HOURS_DAYS", "days that stored hours are kept, 62 or more; empty: for ever", "", KEPT_HOURS
    ),
    Setting(
        HTTPS_PROXY,
        "HTTP proxy that leads to https addresses, such as http://proxy.example.com:3128",
        "",
        gets=("CLOUDFLARE_API_TOKEN", "AXIOM_TOKEN", "LINEAR_API_KEY"),
    ),
    Setting(NO_PROXY, "hosts and domains that are reached without that proxy, with commas between", ""),
    Setting("AUDIT_ASSETS_PRESET", "which hours alert: balanced, quiet or plain", "balanced"),
    Setting("AUDIT_ASSETS_TICKETS_PER_DAY", "tickets a day that people can read, in place of the preset's", "", NUMBER),
    Setting(
        "AUDIT_ASSETS_POLICY",
        "file with a team's own tables: allowances, incidents, what counts, severity, fields of tickets",
        "",
        PATH,
    ),
    Setting("AUDIT_ASSETS_GEOIP", "MMDB file with the autonomous system and the country of addresses", "", PATH),
    Setting(
        "AUDIT_ASSETS_WATCH", "file with a team's own watch rules, added to the default ones or over them", "", PATH
    ),
    Setting(
        "AUDIT_ASSETS_VOLUME_RATIO", "plain rule: an hour deviates from this many times the usual changes", "10", NUMBER
    ),
    Setting("AUDIT_ASSETS_VOLUME_MINIMUM", "plain rule: and from this many changes", "10", NUMBER),
    Setting(
        "AUDIT_ASSETS_TICKET_MAX_AGE_HOURS", "hours that ended longer ago open no tickets by themselves", "80", NUMBER
    ),
    Setting(
        "AUDIT_ASSETS_TICKETS_PER_HOUR", "tickets of single actors an hour; the others share one", "20", WHOLE_NUMBER
    ),
    Setting("AUDIT_ASSETS_QUIET_DAYS", "days that an actor stays quiet after its ticket was dismissed", "30", NUMBER),
    Setting(
        "AUDIT_ASSETS_DAGSTER_URL", "address of your Dagster UI, for a link to the run in every ticket", "", WEB_ADDRESS
    ),
    Setting(
        "AUDIT_ASSETS_WEBHOOK_URL",
        "address that gets each recent hour's summary as JSON, by POST",
        "",
        secret=True,
        gets=READING,
    ),
    Setting(
        "AUDIT_ASSETS_WEBHOOK_FORMAT",
        "what the webhook gets: summary, or ocsf for OCSF Detection Findings",
        "summary",
        WEBHOOK_FORMAT,
    ),
    Setting(
        "AUDIT_ASSETS_HEARTBEAT_URL", "address that is called after each judged hour that is recent", "", secret=True
    ),
    Setting("AUDIT_ASSETS_TRIAGE_MODEL", "language model that writes a note on each new ticket", ""),
    Setting(
        "AUDIT_ASSETS_TRIAGE_URL",
        "OpenAI-compatible API of that model",
        "https://api.openai.com/v1",
        gets=("AUDIT_ASSETS_TRIAGE_API_KEY", *READING),
    ),
    Setting("AUDIT_ASSETS_TRIAGE_API_KEY", "API key for that model, if it asks for one", "", secret=True),
    Setting("AUDIT_ASSETS_TRIAGE_PROMPT", "file with a team's own prompt for that model", "", PATH),
)

SETTINGS = {each.name: each for each in _TABLE}


OWN = ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "AXIOM_DATASET")
"""Of several accounts each has its own, which never comes from the environment's variable of that name."""

NEVER_INHERITED = (*OWN, "CLOUDFLARE_ORGANIZATION_ID")
"""Nor does the organization: all accounts would pull its log, and each would open the tickets about it."""

BY_ACCOUNT = frozenset(
    {
        *NEVER_INHERITED,
        *("CLOUDFLARE_STREAMS", "AXIOM_FINDINGS_DATASET", "AXIOM_ORG_ID", "AXIOM_TOKEN", "LINEAR_TEAM_KEY"),
        *("LINEAR_LABEL", "AUDIT_ASSETS_FIRST_HOUR", "AUDIT_ASSETS_POLICY", "AUDIT_ASSETS_TICKETS_PER_DAY"),
        *("AUDIT_ASSETS_HEARTBEAT_URL", STORAGE),
    }
)
"""What accounts may have each for itself: of several, it is only read for one of them."""
