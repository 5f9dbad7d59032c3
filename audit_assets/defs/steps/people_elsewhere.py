"""The same person in several accounts: what it did in the others is its past in one in which it is new.

A person is known by the e-mail address that Cloudflare's log has of it; an API token belongs to its account. Once a day
each account stores what its people changed (PEOPLE), and reads what the others have stored of them. So nothing is
asked of another account's services, and what can't be read of another account's store holds up nothing here: whoever is
new is a newcomer then, and the run reports it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from audit_assets.config.accounts import Account, chosen_account, working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.config.errors import SettingError, StoreError
from audit_assets.detection.allowances import PERSON
from audit_assets.detection.hour_scores import ACTIVITY_HISTORY
from audit_assets.detection.past_elsewhere import PAST_ELSEWHERE, past_elsewhere
from audit_assets.detection.ranking import REACH
from audit_assets.detection.schemas import ACTOR_ACTIVITY, DELETES, ELSEWHERE, HOUR
from audit_assets.storage.hour_store import HourStore, open_store
from audit_assets.storage.tables import ELSEWHERE_BEFORE, PEOPLE
from audit_assets.tickets.formatting import listed

ACCOUNTS_NOT_READ = "accounts_not_read"
"""In the metadata of what was made without the past of people in these accounts."""

PEOPLE_ELSEWHERE = "people_known_elsewhere"
"""In the metadata of a day: of so many people hours in other accounts are the past here."""

KNOWN_PEOPLE = pl.Schema({"actor_key": pl.String, "email": pl.String})

PEOPLE_ACTIVITY = pl.Schema(
    {"email": pl.String, "hour": HOUR, "resource_type": pl.String, "changes": pl.Int64, DELETES: pl.Int64}
)
"""What people changed in the REACH before a day, without hours of confirmed incidents. `email` in small letters."""


@dataclass(frozen=True)
class Elsewhere:
    """What people did in other accounts (`activity`, PAST_ELSEWHERE), and the names of accounts of which that could not
    be read."""

    activity: pl.DataFrame
    not_read: tuple[str, ...] = ()

    def joined_to(self, marked: pl.DataFrame) -> pl.DataFrame:
        """What `mark_activity` returns, with these hours as further ones of the same actors."""
        if self.activity.is_empty():
            return marked
        named = self.activity.rename({"actor_key": "actor"}).with_columns(actor_type=pl.lit(PERSON))
        return pl.concat([marked, named.select(*ACTOR_ACTIVITY, DELETES, ELSEWHERE)], how="diagonal")


NOTHING = Elsewhere(PAST_ELSEWHERE.to_frame())


def other_accounts() -> Sequence[Account]:
    """The accounts beside the one that the code works for."""
    chosen = chosen_account()
    return [account for account in all_accounts() if chosen and account.key != chosen.key]


def refresh_elsewhere(store: HourStore, day: datetime, names: pl.DataFrame, marked: pl.DataFrame) -> Elsewhere:
    """What the account's people did in others before a day, while they were not known here: of all the REACH, and
    stored as far as hours of the day are judged by it. `names`: of everybody in the REACH (ACTORS_SCHEMA); `marked`: as
    `mark_activity` returns it. Stores what they did here, too, for the other accounts."""
    others, people = other_accounts(), _people_in(names)
    if not others:
        return NOTHING
    found = _read_others(others, people, day)
    past = past_elsewhere(found.activity, marked.select("hour", actor_key="actor"))
    recent = past.filter(pl.col("hour") >= day - ACTIVITY_HISTORY)
    # Who is known here has a row in any case: of everybody else it is looked up when they appear
    known = people.select("actor_key").unique().join(recent, on="actor_key", how="left")
    store.write(ELSEWHERE_BEFORE, day, known.select(PAST_ELSEWHERE.names()))
    _write_people(store, day, people, marked)
    return Elsewhere(past, found.not_read)


def read_elsewhere(store: HourStore, day: datetime, names: pl.DataFrame, acting: pl.Series) -> Elsewhere:
    """The same for those who act in a day (`acting`: their keys): as it was stored for the day, and as the other
    accounts have it now of those who were never seen here before. `names`: of everybody in the day (ACTORS_SCHEMA)."""
    others = other_accounts()
    stored = store.read(ELSEWHERE_BEFORE, day) if others else None
    if stored is None:
        return NOTHING
    known = stored.drop_nulls("hour").filter(pl.col("actor_key").is_in(acting.implode()))
    new = _people_in(names).filter(
        pl.col("actor_key").is_in(acting.implode()), ~pl.col("actor_key").is_in(stored["actor_key"].implode())
    )
    if new.is_empty():
        return Elsewhere(known)
    found = _read_others(others, new, day)
    recent = found.activity.filter(pl.col("hour") >= day - ACTIVITY_HISTORY)
    return Elsewhere(pl.concat([known, recent]), found.not_read)


def describe_not_read(accounts: Sequence[str]) -> str:
    """What a person should know when accounts could not be read."""
    return (
        f"What people did in {listed(accounts)} could not be read: whoever is known from there alone is judged as a "
        "newcomer. The runs of that account name what is wrong."
    )


def _people_in(names: pl.DataFrame) -> pl.DataFrame:
    """KNOWN_PEOPLE: who is a person with an e-mail address, and no token."""
    is_person = (pl.col("actor_type") == PERSON) & (pl.col("token").fill_null("") == "")
    people = names.filter(is_person).select("actor_key", email=pl.col("email").str.to_lowercase())
    return people.filter(pl.col("email").fill_null("") != "").unique().cast(KNOWN_PEOPLE)


def _read_others(others: Sequence[Account], people: pl.DataFrame, day: datetime) -> Elsewhere:
    """What these people did in these accounts before a day, as the accounts stored it last."""
    parts, not_read = [PAST_ELSEWHERE.to_frame()], []
    for account in others:
        try:
            with working_for(account):
                found = _read_account(people, day, account.name)
        except (SettingError, StoreError):
            not_read.append(account.name)
        else:
            parts.append(found)
    return Elsewhere(pl.concat(parts).sort("actor_key", "hour", "resource_type", ELSEWHERE), tuple(not_read))


def _read_account(people: pl.DataFrame, day: datetime, name: str) -> pl.DataFrame:
    """PAST_ELSEWHERE of these people in the account that the code works for now."""
    store = open_store()
    with store.reading(PEOPLE, None):
        stored = store.scan(PEOPLE, None)
        if stored is None:
            return PAST_ELSEWHERE.to_frame()
        theirs = stored.filter(pl.col("hour") < day).join(people.lazy(), on="email")
        named = theirs.with_columns(pl.lit(name).alias(ELSEWHERE))
        return named.select(PAST_ELSEWHERE.names()).collect().cast(PAST_ELSEWHERE)


def _write_people(store: HourStore, day: datetime, people: pl.DataFrame, marked: pl.DataFrame) -> None:
    """Store what people did here, unless that of a later day is stored."""
    newest = (store.metadata(PEOPLE, None) or {}).get("day", "")
    if newest > f"{day:%Y-%m-%d}":
        return
    within = marked.filter(pl.col("hour") >= day - REACH, ~pl.col("confirmed")).rename({"actor": "actor_key"})
    by_person = within.join(people, on="actor_key").group_by("email", "hour", "resource_type")
    activity = by_person.agg(pl.col("changes", DELETES).sum()).sort("email", "hour", "resource_type")
    store.write(PEOPLE, None, activity.cast(PEOPLE_ACTIVITY), {"day": f"{day:%Y-%m-%d}"})
