"""The file of accounts that AUDIT_ASSETS_ACCOUNTS names: a table for each, `[account.KEY]`.

A file that is no TOML, or an account without a usable key, is an error of the whole. What is wrong with one account is
that account's problem: the others work, and whatever reads its settings raises the one sentence. Two accounts that
would share what only one may have are both refused, by name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from audit_assets.config.accounts import ENVIRONMENT, Account, chosen_account, working_for
from audit_assets.config.errors import SettingError
from audit_assets.config.home_paths import whole_path
from audit_assets.config.settings import check_sources, environment_value, paths, paths_of_secrets, setting, typed
from audit_assets.config.settings_table import ACCOUNTS, SETTINGS, STORAGE
from audit_assets.config.toml_files import read_toml

KEY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""Dagster takes it in the names of jobs and sensors, and every file system in a path."""

LONGEST_KEY = 40

NAME = re.compile(r"[^\W_]([\w .,:&+-]*[\w.])?")
"""Titles begin with it: no bracket, and nothing that Markdown or a terminal takes for more than text."""

LONGEST_NAME = 40


@dataclass(frozen=True)
class Field:
    """What an account's table may hold: which setting it is, whether it is the setting's text, the name of the variable
    that holds the secret, or a path, and whether no account can do without."""

    setting: str
    holds: Literal["text", "variable", "path"] = "text"
    required: bool = False


FIELDS = {
    "id": Field("CLOUDFLARE_ACCOUNT_ID", required=True),
    "token": Field("CLOUDFLARE_API_TOKEN", "variable"),
    "streams": Field("CLOUDFLARE_STREAMS"),
    "organization": Field("CLOUDFLARE_ORGANIZATION_ID"),
    "dataset": Field("AXIOM_DATASET", required=True),
    "findings_dataset": Field("AXIOM_FINDINGS_DATASET"),
    "axiom_org": Field("AXIOM_ORG_ID"),
    "axiom_token": Field("AXIOM_TOKEN", "variable"),
    "team": Field("LINEAR_TEAM_KEY"),
    "label": Field("LINEAR_LABEL"),
    "first_hour": Field("AUDIT_ASSETS_FIRST_HOUR"),
    "storage": Field(STORAGE, "path"),
    "policy": Field("AUDIT_ASSETS_POLICY", "path"),
    "tickets_per_day": Field("AUDIT_ASSETS_TICKETS_PER_DAY"),
    "heartbeat": Field("AUDIT_ASSETS_HEARTBEAT_URL", "variable"),
}
"""Whatever else there is to set is set once, for all accounts. So is what an account leaves out, but for its token, the
organization and its store: those are never another's."""

OTHERS = ("name", "existing")

FINDINGS = "findings dataset"

ONLY_ONE = {
    "id": ("CLOUDFLARE_ACCOUNT_ID",),
    "dataset": ("AXIOM_ORG_ID", "AXIOM_DATASET"),
    FINDINGS: ("AXIOM_ORG_ID", "AXIOM_FINDINGS_DATASET"),
    "organization": ("CLOUDFLARE_ORGANIZATION_ID",),
    "store": (STORAGE,),
}
"""What no two accounts may have in common, and the settings that it is made of."""


def all_accounts() -> tuple[Account, ...]:
    """The accounts of the file in its order, or the one of the environment. Raises `SettingError` for a file that can't
    be read as accounts at all."""
    with working_for(ENVIRONMENT):
        path = setting(ACCOUNTS)
        if not path:
            return (ENVIRONMENT,)
        try:
            state = Path(path).stat()
            changed = (state.st_mtime_ns, state.st_size)
        except OSError:
            changed = (0, 0)  # reading it raises the sentence
        around = tuple(environment_value(name) for name in ("AXIOM_ORG_ID", "AXIOM_FINDINGS_DATASET", STORAGE))
        return _read(path, changed, around)


def has_several_accounts() -> bool:
    """Whether what people read has to name the account. Raises `SettingError`."""
    return len(all_accounts()) > 1


def account_to_name() -> Account | None:
    """The account that the code works for, if what people read has to name it. Raises `SettingError`."""
    return chosen_account() if has_several_accounts() else None


def check_all_sources() -> None:
    """Raise `SettingError` for the first setting of any account that comes from a place that may not decide it."""
    for account in all_accounts():
        with working_for(replace(account, problem="")):
            check_sources()


def all_paths() -> dict[str, str]:
    """What `paths` returns, and the files that hold the accounts' secrets. Raises `SettingError`."""
    return paths() | paths_of_secrets(variables_of_accounts())


def variables_of_accounts() -> set[str]:
    """The variables of the environment that the file of accounts names, if it can be read."""
    try:
        return {variable for account in all_accounts() for variable in account.variables.values()}
    except SettingError:
        return set()


def title_start() -> str:
    """What the titles of tickets and messages begin with: `[Production] ` where there are several accounts. Raises
    `SettingError`."""
    account = account_to_name()
    return f"[{account.name}] " if account else ""


def where_set(name: str) -> str:
    """Where a person corrects a setting: the variable of the environment, or the account's table in the file."""
    account = chosen_account()
    if account is None or name not in account.texts:
        return name
    field = next(field for field, known in FIELDS.items() if known.setting == name)
    return f"`{field}` of account {account.key!r}"


@lru_cache(maxsize=4)
def _read(path: str, _changed: tuple[int, int], _around: tuple[str, ...]) -> tuple[Account, ...]:
    found = read_toml(path, f"{ACCOUNTS} names {path}")
    tables = found.get("account")
    if not isinstance(tables, dict) or not tables or set(found) != {"account"}:
        raise SettingError(f"{path} must hold a table [account.KEY] for each account, and nothing else: correct it.")
    for key, table in tables.items():
        if not KEY.fullmatch(key) or len(key) > LONGEST_KEY:
            raise SettingError(
                f"{path}: account {key!r}: write its key in small letters and digits with _ between them, such as "
                "prod_eu: it becomes part of names and paths."
            )
        if not isinstance(table, dict):
            raise SettingError(f"{path}: account {key!r} is no table: write [account.{key}] above its settings.")
    accounts = [_account(path, key, table) for key, table in tables.items()]
    return tuple(_refuse_shared(path, accounts))


def _account(path: str, key: str, table: Mapping[str, Any]) -> Account:
    account = Account(
        key=key,
        name=str(table.get("name", key)),
        is_prefixed=table.get("existing") is not True,
        variables={"CLOUDFLARE_API_TOKEN": f"CLOUDFLARE_API_TOKEN_{key.upper()}"},
    )
    try:
        texts, variables = _settings(path, table)
        account = replace(account, texts=texts, variables={**account.variables, **variables})
        with working_for(account):
            for each in texts:
                typed(each)
    except SettingError as error:
        return replace(account, problem=f"{path}: account {key!r}: {_in_words_of_the_file(str(error))}")
    return account


def _in_words_of_the_file(sentence: str) -> str:
    """A sentence about a setting, which the file calls otherwise."""
    named = ((field, known.setting) for field, known in FIELDS.items() if sentence.startswith(f"{known.setting} is "))
    field, name = next(named, ("", ""))
    return f"{field}{sentence.removeprefix(name)}"


def _settings(path: str, table: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The texts and the variables of an account, by setting. Raises `SettingError` without the account's name."""
    for name, value in table.items():
        if name not in (*FIELDS, *OTHERS):
            raise SettingError(f"nothing is called {name!r}: it may hold {', '.join((*OTHERS, *FIELDS))}.")
        expected = bool if name == "existing" else str
        if type(value) is not expected and not (name == "tickets_per_day" and type(value) in (int, float)):
            raise SettingError(f"{name} is {value!r}: write {'true or false' if expected is bool else 'a text'}.")
    name = table.get("name", "")
    if name and (not NAME.fullmatch(name) or len(name) > LONGEST_NAME):
        raise SettingError(f"name is {name!r}: write at most {LONGEST_NAME} letters, digits, spaces and . , : & + -.")
    texts, variables = {}, {}
    for name, known in FIELDS.items():
        text = str(table.get(name, "")).strip()
        if not text:
            if known.required:
                raise SettingError(f"{name} is missing: set it to the {SETTINGS[known.setting].meaning}.")
        elif known.holds == "variable":
            if not text.startswith(known.setting):
                raise SettingError(
                    f"{name} is {text!r}: name the variable of the environment that holds it, which must begin with "
                    f"{known.setting}."
                )
            variables[known.setting] = text
        else:
            if known.holds == "path" and "://" not in text:
                text = str(whole_path(name, text) if text.startswith("~") else Path(path).parent / text)
            texts[known.setting] = text
    return texts, variables


def _refuse_shared(path: str, accounts: list[Account]) -> Iterator[Account]:
    """The accounts, those with a problem that share what only one may have."""
    existing = [account.key for account in accounts if not account.is_prefixed]
    own = {account.key: _of_its_own(account) for account in accounts}
    for account in accounts:
        is_second = account.key in existing[1:]  # no two may have the same names in Dagster
        yield replace(
            account,
            problem=account.problem or _mistake(path, account, existing, own),
            is_prefixed=account.is_prefixed or is_second,
            tokens_of_others=frozenset(
                each.variables["CLOUDFLARE_API_TOKEN"] for each in accounts if each is not account
            ),
        )


def _mistake(
    path: str, account: Account, existing: Sequence[str], own: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> str:
    """Why an account can't be used beside the others; "" if it can. `own`: what no two may share, by their keys."""
    if account.key in existing and len(existing) > 1:
        named = " and ".join(map(repr, existing))
        return str(SettingError(f"{path}: accounts {named} are both `existing`: only one can be."))
    for key, others in own.items():
        if key != account.key and (shared := _shared(own[account.key], others)):
            return str(
                SettingError(
                    f"{path}: accounts {account.key!r} and {key!r} have the same {shared}: give each its own. Until "
                    "then neither is pulled."
                )
            )
    return ""


def _shared(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> str | None:
    """What two accounts have in common that they must not; a dataset of findings is shared, but with no entries."""
    for what in ONLY_ONE:
        if what in one and one[what] == other.get(what) and what != FINDINGS:
            return f"{what} {one[what][-1]}"
    for these, those in ((one, other), (other, one)):
        if FINDINGS in these and these[FINDINGS] == those.get("dataset"):
            return f"{FINDINGS} {these[FINDINGS][-1]}"
    return None


def _of_its_own(account: Account) -> dict[str, tuple[str, ...]]:
    """What no other account may have, as far as it is set."""
    found = {}
    for what, names in ONLY_ONE.items():
        with working_for(replace(account, problem="")):
            values = tuple(environment_value(name) if name != STORAGE else setting(name) for name in names)
        if values[-1]:
            found[what] = values
    return found
