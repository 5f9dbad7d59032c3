"""Every setting, in one table: what it is for, its default, its type, whether it is a secret, what is sent there.

Settings come from the environment and are read one by one, when they are needed and never at import: a code location
loads without credentials, and a missing one surfaces as one sentence when an asset needs it. Secrets are read here,
handed to a client and kept nowhere else, because Dagster prints the fields of resources and config.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError

from audit_assets.config.accounts import ENVIRONMENT, Account, chosen_account, working_for
from audit_assets.config.env_file import env_file
from audit_assets.config.errors import SettingError
from audit_assets.config.home_paths import whole_path
from audit_assets.config.periods import parse_period
from audit_assets.config.secret_files import FILE, file_variable, names_file, read_secret

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
        "days that Dagster's runs are kept once later ones superseded them",
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


def setting(name: str) -> str:
    """The text of a setting, or its default; paths are absolute. Raises `SettingError` if it is required and missing or
    empty, or if it comes from a place that may not decide it."""
    known, account = SETTINGS[name], _account_for(name)
    required = known.default is None or bool(account.key and name in OWN)
    value = environment_value(name) or ("" if required else known.default or "")
    if not value and required:
        of = f" of account {account.key!r}" if account.key and name in BY_ACCOUNT else ""
        variable = account.variables.get(name, name)
        raise SettingError(f"{variable} is not set: set it to the {known.meaning}{of}.")
    if account.key and name == "CLOUDFLARE_API_TOKEN":
        _refuse_copied_token(account, value)
    if known.type is PATH and value and "://" not in value:
        value = str(whole_path(name, value))
    if name == STORAGE and account.is_prefixed and name not in account.texts:
        return f"{value.rstrip('/')}/{STORES_OF_ACCOUNTS}/{account.key}"
    return value


def _refuse_copied_token(account: Account, token: str) -> None:
    """Raises `SettingError` if another account's variable holds the same token: pasted twice, by mistake."""
    own = account.variables["CLOUDFLARE_API_TOKEN"]
    for other in sorted(account.tokens_of_others - {own}):
        if os.environ.get(other, "").strip() == token:
            raise SettingError(
                f"{own} holds the very token of {other}: set it to its own account's, or name {other} as the `token` "
                "of both accounts if one token is meant to read both."
            )


def _account_for(name: str) -> Account:
    """The account whose setting is read. Raises `SettingError` if none of several is chosen, or for one with a
    problem."""
    account = chosen_account()
    if account is None:
        if name in BY_ACCOUNT and os.environ.get(ACCOUNTS, "").strip():
            raise SettingError(f"{name} is each account's own, and {ACCOUNTS} is set: name one with --account KEY.")
        return ENVIRONMENT
    if account.problem and name in BY_ACCOUNT:
        raise SettingError(account.problem)
    return account


def environment_value(name: str) -> str:
    """A setting as the account or the environment has it, "" if it is not set. Raises `SettingError` if a `.env` would
    let it have, or receive, a secret that the file does not hold: who writes a file in a folder is not always who set
    the secret."""
    account = _account_for(name)
    if name in account.texts:
        return account.texts[name]
    if account.key and name in NEVER_INHERITED and name not in account.variables:
        return ""
    variable = account.variables.get(name, name)
    if _is_secret(name) and names_file(variable):
        return read_secret(variable)
    value, file = os.environ.get(variable, "").strip(), env_file()
    if not value or file is None or not file.sets(variable):
        return value
    receives = READING if name.startswith(CHANNEL_PREFIX) else SETTINGS[name.upper()].gets
    for secret, stands_for in _secrets(account):
        held = os.environ.get(secret, "").strip()
        in_environment = held and not file.sets(secret)
        if (in_environment and file.copies(variable, held)) or (
            stands_for in receives and (in_environment or names_file(secret))
        ):
            source = secret if in_environment else file_variable(secret)
            raise SettingError(
                f"{variable} comes from {file.path}, but {source} from the environment, and who writes that file must "
                "not decide where it goes: set both in the environment, or both in the file."
            )
    return value


def _is_secret(name: str) -> bool:
    return name.startswith(CHANNEL_PREFIX) or SETTINGS[name.upper()].secret


def _secrets(account: Account) -> list[tuple[str, str]]:
    """The variables that hold secrets, those of the other accounts too, each with the setting that it is."""
    own = [(variable, name) for name, variable in account.variables.items()]
    own += [(variable, "CLOUDFLARE_API_TOKEN") for variable in account.tokens_of_others]
    return [
        *((name, name) for name, known in SETTINGS.items() if known.secret),
        *((each, each) for each in _channel_names()),
        *own,
    ]


def _secret_names() -> list[str]:
    """The variables that hold secrets."""
    return [variable for variable, _ in _secrets(chosen_account() or ENVIRONMENT)]


def _channel_names() -> list[str]:
    return sorted({name.removesuffix(FILE) for name in os.environ if name.startswith(CHANNEL_PREFIX)})


def secrets_from_files() -> list[str]:
    """The secrets that files hold, as far as these can be read."""
    found = []
    for name in filter(names_file, _secret_names()):
        with suppress(SettingError):
            found.append(read_secret(name))
    return found


def variable_of(name: str) -> str:
    """The variable of the environment that holds a setting: of several accounts each has its own for its secrets."""
    account = chosen_account()
    return account.variables.get(name, name) if account else name


def check_sources() -> None:
    """Raise `SettingError` for the first setting that comes from a place that may not decide it."""
    for name in (*SETTINGS, *_channel_names()):
        environment_value(name)


def sources() -> dict[str, list[str]]:
    """The names of the settings that have a value of their own, by where it comes from; a secret in a file by the name
    of the variable that names it."""
    file, found = env_file(), {}
    account = chosen_account() or ENVIRONMENT
    if account.texts:
        found[f"the table of {account.key} in {ACCOUNTS}"] = [*account.texts]
    names = dict.fromkeys((*SETTINGS, *_channel_names(), *map(file_variable, _secret_names())))
    for name in names:
        if name not in account.texts and os.environ.get(name, "").strip():
            found.setdefault(str(file.path) if file and file.sets(name) else "the environment", []).append(name)
    return found


def paths() -> dict[str, str]:
    """The settings of the environment that name a file or folder, for a process that runs in another folder."""
    with working_for(ENVIRONMENT):
        named = {name: path for name, known in SETTINGS.items() if known.type is PATH and (path := setting(name))}
        return named | paths_of_secrets(_secret_names())


def paths_of_secrets(variables: Iterable[str]) -> dict[str, str]:
    """Of these secrets, the variables that name a file, each with its whole path."""
    return {
        name: str(whole_path(name, os.environ[name].strip()))
        for name in map(file_variable, filter(names_file, variables))
    }


def is_set(name: str) -> bool:
    """Whether a setting has a value, its own or a default."""
    try:
        account = _account_for(name)
    except SettingError:
        return False
    variable, known = account.variables.get(name, name), SETTINGS[name]
    value = account.texts.get(name) or os.environ.get(variable, "").strip()
    return bool(value) or known.default is not None or (known.secret and names_file(variable))


def typed(name: str) -> Any:
    """The value of a setting in its type, None if it is empty. Raises `SettingError` if it is not of that type."""
    text, expected = setting(name), SETTINGS[name].type
    if not text:
        return None
    try:
        return TypeAdapter(expected.annotation).validate_python(text)
    except ValidationError:
        raise SettingError(f"{name} {expected.error.format(text)}") from None


def first_hour() -> datetime | None:
    """The first hour that exists, aware and in UTC; None if it is not set (storage/first_start.py)."""
    return typed("AUDIT_ASSETS_FIRST_HOUR")


def keep_runs() -> timedelta:
    """How long superseded runs are kept."""
    return timedelta(days=typed("AUDIT_ASSETS_KEEP_RUNS_DAYS"))


def keep_hours() -> timedelta | None:
    """How long stored hours are kept; None for ever."""
    days = typed("AUDIT_ASSETS_KEEP_HOURS_DAYS")
    return timedelta(days=days) if days else None


def cloudflare_account() -> str:
    """The account id. It goes into addresses, so nothing but 32 hex digits is taken."""
    return typed("CLOUDFLARE_ACCOUNT_ID")


def cloudflare_streams() -> tuple[str, ...]:
    """The streams to pull, without repetition: the account's, and the organization's if there is one."""
    return (*typed("CLOUDFLARE_STREAMS"), *(["organization"] if cloudflare_organization() else []))


def cloudflare_organization() -> str | None:
    """The id of the organization whose own log is pulled too, if there is one."""
    return typed("CLOUDFLARE_ORGANIZATION_ID")


def dagster_url() -> str | None:
    """The address of Dagster's UI, without a slash at its end; None if it is not known."""
    return typed("AUDIT_ASSETS_DAGSTER_URL")


def ticket_max_age() -> timedelta:
    """How long ago an hour may have ended to open tickets by itself."""
    return timedelta(hours=typed("AUDIT_ASSETS_TICKET_MAX_AGE_HOURS"))


def tickets_per_hour() -> int:
    """How many actors of an hour get a ticket of their own."""
    return typed("AUDIT_ASSETS_TICKETS_PER_HOUR")


def dry_run() -> bool:
    """Whether tickets are rendered and none is opened. What is neither yes nor no might be meant as either."""
    return bool(typed("LINEAR_DRY_RUN"))


def webhook_format() -> Literal["summary", "ocsf"]:
    """What the webhook gets."""
    return typed("AUDIT_ASSETS_WEBHOOK_FORMAT")


def quiet_time() -> timedelta:
    """How long an actor stays quiet after people dismissed its ticket."""
    return timedelta(days=typed("AUDIT_ASSETS_QUIET_DAYS"))
