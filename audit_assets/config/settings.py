"""Reads the settings, which settings_table.py lists.

They come from the environment and are read one by one, when they are needed and never at import: a code location loads
without credentials, and a missing one surfaces as one sentence when an asset needs it. Secrets are read here, handed to
a client and kept nowhere else, because Dagster prints the fields of resources and config.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from audit_assets.config.accounts import ENVIRONMENT, Account, chosen_account, working_for
from audit_assets.config.env_file import env_file
from audit_assets.config.errors import SettingError
from audit_assets.config.home_paths import whole_path
from audit_assets.config.secret_files import FILE, file_variable, names_file, read_secret
from audit_assets.config.settings_table import (
    ACCOUNTS,
    BY_ACCOUNT,
    CHANNEL_PREFIX,
    NEVER_INHERITED,
    OWN,
    PATH,
    READING,
    SETTINGS,
    STORAGE,
    STORES_OF_ACCOUNTS,
)


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
