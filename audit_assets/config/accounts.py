"""The accounts that are watched, and which of them the code that runs now works for.

Without AUDIT_ASSETS_ACCOUNTS there is exactly one, whose settings are those of the environment. With it each account of
the file has settings of its own (accounts_file.py), and whatever reads one of them does so for the account that an edge
chose: an asset, a check, a sensor, a schedule or a command. Nothing chooses for itself, so no account reads another's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Account:
    """One account. `key`: its name in the file, "" for the one account of the environment. `name`: how people call it.
    `is_prefixed`: whether the key is part of the names of its assets, jobs, sensors and of its store.

    `texts`: its own settings, by the setting's name. `variables`: the environment's variables that hold its secrets, by
    the setting's name. `problem`: why none of its settings can be used, "" if they can. `tokens_of_others`: the
    variables that hold the tokens of the file's other accounts.
    """

    key: str = ""
    name: str = ""
    is_prefixed: bool = False
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    problem: str = ""
    tokens_of_others: frozenset[str] = frozenset()

    @property
    def prefix(self) -> tuple[str, ...]:
        """What its asset keys begin with."""
        return (self.key,) if self.is_prefixed else ()

    def named(self, name: str) -> str:
        """What is called so of this account: `hourly_audit` is `prod_hourly_audit` of the account `prod`."""
        return "_".join((*self.prefix, name))


ENVIRONMENT = Account()
"""The one account of the environment's settings."""

_chosen: ContextVar[Account | None] = ContextVar("account", default=None)


@contextmanager
def working_for(account: Account) -> Iterator[Account]:
    """Whatever the block reads of an account's settings is this account's."""
    token = _chosen.set(account)
    try:
        yield account
    finally:
        _chosen.reset(token)


def chosen_account() -> Account | None:
    """The account that the code works for, if one was chosen."""
    return _chosen.get()
