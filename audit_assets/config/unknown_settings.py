"""Variables of the environment that nothing reads, because they are misspelt: each with the setting that is nearest.

Names alone are looked at, and no value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from audit_assets.config.secret_files import file_variable
from audit_assets.config.settings_table import CHANNEL_PREFIX, SETTINGS
from audit_assets.guard.start_token import TOKEN_VARIABLE

OWN_PREFIX = "AUDIT_ASSETS_"
TESTS_PREFIX = "AUDIT_ASSETS_TESTS_"

NEAR, VERY_NEAR = 0.6, 0.825
"""How much alike names must be, as difflib measures it. Other programs read variables of the services too, such as
CLOUDFLARE_EMAIL: of those only what is all but the name of a setting that is not set is reported. A judgement."""


@dataclass(frozen=True)
class UnknownVariable:
    """A variable that nothing reads, and the known name that is nearest, if any is near. `is_ours`: no other program's,
    by its beginning."""

    name: str
    nearest: str | None
    is_ours: bool


def find_unknown(
    variables: Iterable[str], channels: Iterable[str], of_accounts: Iterable[str] = ()
) -> Iterator[UnknownVariable]:
    """The variables that look like settings and are none. `channels`: the names of those that the policy has;
    `of_accounts`: the variables that the file of accounts names."""
    given = {*variables}
    addresses, of_accounts = [f"{CHANNEL_PREFIX}{name.upper()}" for name in channels], {*of_accounts}
    secrets = {*(name for name, setting in SETTINGS.items() if setting.secret), *addresses, *of_accounts}
    known = {*SETTINGS, *secrets, *map(file_variable, secrets)}
    for name in sorted(given - known - {TOKEN_VARIABLE}):
        spelled = name.upper()
        if spelled.startswith(TESTS_PREFIX):
            continue
        is_ours = spelled.startswith(OWN_PREFIX)
        cutoff = NEAR if is_ours else VERY_NEAR
        nearest = next(iter(get_close_matches(spelled, sorted(known), n=1, cutoff=cutoff)), None)
        if is_ours or (nearest and nearest not in given):
            yield UnknownVariable(name, nearest, is_ours)
