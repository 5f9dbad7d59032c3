"""The option --account: which of several accounts a command is about."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from audit_assets.config.accounts import ENVIRONMENT, Account, working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.config.errors import SettingError
from audit_assets.config.settings_table import ACCOUNTS

OneAccount = Annotated[
    str | None, typer.Option("--account", metavar="KEY", help="Of several accounts, the one to work for.")
]
AnyAccount = Annotated[
    str | None, typer.Option("--account", metavar="KEY", help="Of several accounts, only this one. Default: all.")
]


def chosen_accounts(key: str | None) -> list[Account]:
    """The account of that key, all without one. Raises `SettingError` for a key that no account has."""
    accounts = [*all_accounts()]
    if key is None:
        return accounts
    if accounts == [ENVIRONMENT]:
        raise SettingError(f"--account names one of several accounts, and {ACCOUNTS} is not set: leave it out.")
    found = [account for account in accounts if account.key == key]
    if not found:
        raise SettingError(f"No account is called {key!r}: name one of {_keys(accounts)}.")
    return found


@contextmanager
def working_for_one(key: str | None) -> Iterator[Account]:
    """The block works for the account of that key, or for the only one. Raises `SettingError` if none of several is
    named."""
    accounts = chosen_accounts(key)
    if len(accounts) > 1:
        raise SettingError(
            f"There are several accounts, and this is about one: name it with --account {_keys(accounts)}."
        )
    for account in accounts:
        with working_for(account):
            yield account


def _keys(accounts: Sequence[Account]) -> str:
    *others, last = (account.key for account in accounts)
    return f"{', '.join(others)} or {last}" if others else last
