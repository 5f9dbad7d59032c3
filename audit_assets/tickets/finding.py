"""A flagged actor in one hour with its deviations and the evidence for them: what a ticket is written from.

The values are filled in from flags and audit entries by `finding_builder.py`; strings in them may be an attacker's.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from audit_assets.config.policy_tables import Severity
from audit_assets.tickets.related_ticket import RelatedTicket

ENTRIES_SHOWN = 10
"""A ticket shows so many of the first entries behind a finding, and so many of the last; the others are counted."""

Kind = Literal[
    "volume",
    "new_resource_type",
    "many_deletes",
    "organisation",
    "new_actors",
    "many_actors",
    "many_changes",
    "credentials",
    "threshold_fall",
    "unreadable_entries",
    "watch_rule",
]

OriginKind = Literal["address", "user agent", "interface", "API token"]


@dataclass(frozen=True)
class PastDismissal:
    """What people dismissed of the actor before, in so far as a deviation goes beyond it: when, on which ticket (`url`,
    if it is known), and how many changes to which resource type, None where that is not known. `less_severe`: the
    ticket's severity, if it was lower than that of this hour."""

    on: datetime
    identifier: str
    url: str | None
    changes: int | None
    resource_type: str | None
    less_severe: Severity | None = None


@dataclass(frozen=True)
class EntryLine:
    """One audit entry, as far as a ticket shows it; `actor` only where a finding is of several; `values`: what it
    changed, before and after (changed_values.py). One that could not be read has its stream as `action`, the reason as
    `resource_type`, and its raw text as `excerpt`."""

    time: datetime
    action: str | None
    resource_type: str | None
    resource_id: str | None
    zone: str | None
    ip_address: str | None
    interface: str | None
    result: str | None
    actor: str | None = None
    excerpt: str | None = None
    entry_id: str | None = None
    values: str | None = None


@dataclass(frozen=True)
class WatchedRule:
    """What a ticket shows of a watch rule, as it was when the hour was judged, and the first and last of the entries
    that it matched. Its texts are the team's, or ours."""

    title: str
    severity: Severity
    technique: str
    why: str
    check: tuple[str, ...]
    benign: tuple[str, ...]
    entries: tuple[EntryLine, ...] = ()


@dataclass(frozen=True)
class Deviation:
    """One reason why the hour is unusual, with its numbers.

    `changes` of the last `horizon_hours`, for a new resource type those of the hour to that type; `baseline_mean`
    changes of so many hours, in the last 30 days or, for `slow_growth`, in the month before these, and `ratio` of the
    two; if it `counts_hours`, all three are of active hours among the `horizon_hours` instead of changes;
    `baseline_max` changes of any active hour in 30 days; `active_hours` known in 30 days. `first_ever` within the 90
    days that are known, else `last_touched` then. `return_period_years`: how rarely this is expected of the actor, if
    its active hours go on as in the last 30 days, as computed; None where that is not known. Of a new resource type,
    `colleagues` (without the actor) of the `organisation_actors` touched it in the 90 days before the day, and
    `new_types` of the `touched_types` of the hour are new to the actor; `new_type_days`: on how many of 14 days new
    types came, where that is unusual. Kind `many_deletes`: `changes` of the `hour_changes` are deletes, usually a share
    of `usual_deletes`. `slow_growth`: the hours exceed what was usual a month ago, not what is usual now. Kind
    `organisation`: the `members` did the same unusual thing, whose actor keys are `member_keys`; `new_actors`,
    `many_actors` and `many_changes`: what the `members` did together, and how many act usually; `credentials`: what the
    owner's did together. Of kind `volume`, `changes_by_type` are the hour's changes to each resource type, the most
    first. `dismissed`: what people had dismissed of the kind. `credential`: the name of the token that did it, of which
    the finding's actor is the owner, and `credential_key` its key; None where the actor did it. `time_share`: so much
    of the actor's active hours of 90 days was near this time, on weekdays or at weekends as the hour is; None where the
    time is usual. `new_origins`, `p_origin`, `new_network_here` as in ORIGIN_COLUMNS. Of a newcomer,
    `hours_since_first`: so many hours before this one it was first seen; `smaller_hours` of the `known_hours` of
    everybody in 90 days had fewer changes. `other_accounts`: the same person's, in which it was active in
    `hours_elsewhere` of the `active_hours`. Kind `unreadable_entries`: so many entries (`changes`) could not be read,
    for the reason in `resource_type`. Kind `threshold_fall`: so many hours (`changes`) of the `members`, after
    `baseline_mean` in as long before, lowered the alert threshold of the actors that are as well known
    (`judged_against`) from `threshold_before` to `threshold`. Kind `watch_rule`: so many entries matched the rule that
    `resource_type` names, and `watch` has the rest of it.
    """

    kind: Kind
    resource_type: str | None
    changes: int
    baseline_mean: float | None
    ratio: float | None
    baseline_max: int | None
    active_hours: int
    first_ever: bool | None
    last_touched: datetime | None
    judged_against: Literal["actor", "organisation", "newcomers", "well_known", "little_known"]
    new_to_organisation: bool | None = None
    horizon_hours: int = 1
    return_period_years: float | None = None
    colleagues: int | None = None
    organisation_actors: int | None = None
    new_types: int | None = None
    touched_types: int | None = None
    new_type_days: int | None = None
    hour_changes: int | None = None
    usual_deletes: float | None = None
    members: tuple[str, ...] = ()
    usual_members: float | None = None
    threshold: float | None = None
    threshold_before: float | None = None
    slow_growth: bool = False
    member_keys: tuple[str, ...] = ()
    changes_by_type: tuple[tuple[str, int], ...] = ()
    dismissed: PastDismissal | None = None
    counts_hours: bool = False
    time_share: float | None = None
    p_origin: float | None = None
    new_origins: tuple[str, ...] = ()
    new_network_here: bool | None = None
    hours_since_first: int | None = None
    smaller_hours: int | None = None
    known_hours: int | None = None
    hours_elsewhere: int | None = None
    other_accounts: tuple[str, ...] = ()
    credential: str | None = None
    credential_key: str | None = None
    watch: WatchedRule | None = None

    @property
    def is_of_group(self) -> bool:
        """Whether it is about what actors did together, each of whom may have done little."""
        return self.kind in ("new_actors", "many_actors", "many_changes", "credentials")

    @property
    def is_of_several(self) -> bool:
        """Whether it is about several actors."""
        return self.kind in ("organisation", "threshold_fall") or self.is_of_group


@dataclass(frozen=True)
class TriageNote:
    """What a language model wrote about a finding: an `assessment`, benign explanations (`harmless`), what to `check`.
    It is trusted no more than an entry's values, as they may have dictated it."""

    model: str
    assessment: str
    harmless: tuple[str, ...]
    check: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """A picture in Linear's storage: its address there, and what it shows in words of our own."""

    url: str
    shows: str


@dataclass(frozen=True)
class ActionSummary:
    """What was done so many times in the hour: an action on a resource type, with its first and last time."""

    action: str | None
    resource_type: str | None
    changes: int
    oldest: datetime
    newest: datetime
    deletes: bool = False


@dataclass(frozen=True)
class ChangeTotal:
    """What was done so many times in the hour: changes of one `kind` (create, update, delete) to one resource type; to
    how many resources, None if an entry names none; in how many zones, and which, if it was one."""

    kind: str | None
    resource_type: str | None
    changes: int
    resources: int | None = None
    zones: int = 0
    zone: str | None = None


@dataclass(frozen=True)
class Origin:
    """From where so many of the hour's changes came; `value` is None where the entries lack it.

    `days`: on how many of the 30 UTC days before the day of the hour the actor used it too, whatever it did;
    `first_used`: when first in that time or earlier in the day, None if never. `label`: a token's name, an address's
    autonomous system and country. `others`: so many others here acted from it in 90 days, of an address from its
    network, of a user agent with its product; None if that is not known.
    """

    kind: OriginKind
    value: str | None
    changes: int
    days: int = 0
    first_used: datetime | None = None
    label: str | None = None
    others: int | None = None


@dataclass(frozen=True)
class Finding:
    """A flagged actor in one hour.

    `entries` are the first, `last_entries` the last of `entries_total`; `action_summaries`, `change_totals` and
    `origins` are of all of these, what was done most first, `other_changes` the actor's other changes of the hour.
    `active_days`: on how many of the 30 UTC days before the day of the hour the actor did anything; None if it could
    not be found out what it had used before, for `too_many_origins` or otherwise. `severity_because`: what was touched
    that raised the severity, in a team's own words; `learning`: the actor, or the organisation, is hardly known yet.

    Where it is about several, the actor is `the organisation`, `new actors`, `all actors` or `the alert threshold`, of
    the type `organisation`; where entries could not be read, it is `the audit log`, of the type `unreadable_entries`.
    `axiom_url` opens the query, `entries_url` the raw entries; `run_id` is Dagster's, and `run_url` opens it if it is
    known where Dagster's UI is. `note`, if any, is a model's; `chart`, if any, is for the ticket that it opens.
    `tickets_a_day`: how often a day the organisation has an hour as unusual. `created_at`, `created_by`: when in the
    hour, and by whom, the token that the actor is was created; None if that was not in this hour. `first_active`: when
    the first of the `credentials` began, if in this hour. `related`: the tickets of others that share something with
    it, as far as they are known when it is written.
    """

    account_id: str
    actor_key: str
    actor: str
    actor_type: str
    hour: datetime
    severity: Severity
    deviations: tuple[Deviation, ...]
    entries: tuple[EntryLine, ...]
    entries_total: int
    axiom_url: str
    severity_because: tuple[str, ...] = ()
    learning: bool = False
    note: TriageNote | None = None
    last_entries: tuple[EntryLine, ...] = ()
    action_summaries: tuple[ActionSummary, ...] = ()
    change_totals: tuple[ChangeTotal, ...] = ()
    other_changes: int = 0
    origins: tuple[Origin, ...] = ()
    active_days: int | None = None
    too_many_origins: bool = False
    entries_url: str = ""
    run_id: str = ""
    run_url: str = ""
    tickets_a_day: float | None = None
    chart: Chart | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    first_active: datetime | None = None
    related: tuple[RelatedTicket, ...] = ()

    @property
    def is_of_several(self) -> bool:
        """Whether it is about several actors, and not one owner's."""
        first = self.deviations[0] if self.deviations else None
        return first is not None and first.is_of_several and first.kind != "credentials"

    @property
    def is_of_unreadable(self) -> bool:
        """Whether it is about entries that could not be read."""
        return bool(self.deviations) and self.deviations[0].kind == "unreadable_entries"

    @property
    def rules(self) -> tuple[Deviation, ...]:
        """What watch rules matched."""
        return tuple(each for each in self.deviations if each.watch)

    @property
    def is_of_rules(self) -> bool:
        """Whether watch rules are all that it is about."""
        return bool(self.deviations) and len(self.rules) == len(self.deviations)

    @property
    def credentials(self) -> tuple[str, ...]:
        """The names of the tokens that deviate, of which the actor is the owner."""
        return tuple(dict.fromkeys(each.credential for each in self.deviations if each.credential))
