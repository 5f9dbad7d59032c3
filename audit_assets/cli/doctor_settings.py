"""The doctor's checks of what is on this machine and in its settings: store, policy, receivers, files."""

import os
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl

from audit_assets.cli.doctor_results import CheckResult, DoctorRun, Status
from audit_assets.config import settings
from audit_assets.config.accounts_file import variables_of_accounts
from audit_assets.config.env_file import NAME as ENV_FILE
from audit_assets.config.errors import AuditAssetsError
from audit_assets.config.policy import policy, tables
from audit_assets.config.settings import (
    check_sources,
    dry_run,
    quiet_time,
    setting,
    sources,
    ticket_max_age,
    tickets_per_hour,
    webhook_format,
)
from audit_assets.config.unknown_settings import find_unknown
from audit_assets.defs.delivery_resources import ChannelsResource
from audit_assets.defs.resources import TriageResource
from audit_assets.defs.steps.geography import open_geography
from audit_assets.defs.steps.watch_rules import load_watch_rules
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.file_modes import readable_by_others
from audit_assets.storage.first_start import first_hour
from audit_assets.storage.hours import AN_HOUR, key_of
from audit_assets.storage.pull_history import REPEATS
from audit_assets.storage.tables import VERDICTS
from audit_assets.tickets.formatting import listed, pluralize
from audit_assets.tickets.verdict_table import stored_verdicts
from audit_assets.transport.reachability import check_reachable

DEFAULT_HOME = ".audit_assets"
"""Where `audit-assets` keeps what it stores, unless its options name another folder."""

CONFIGURATION = ("dagster.yaml", "workspace.yaml")
WRITTEN_SECRET = re.compile(r"""\b(?:password|postgres_url)["']?:[ \t]*[^\s{#]""")
"""A database's password in the file itself, where `{env: NAME}` would name a variable."""


def check_settings(_: DoctorRun) -> Iterator[CheckResult]:
    """Where settings come from, which variables are misspelt, and the settings that no other check is about."""
    for source, names in sources().items():
        yield CheckResult("sources", "ok", f"from {source}: {', '.join(names)}")
    yield from _unknown_variables()
    check_sources()
    if dry_run():
        text = "LINEAR_DRY_RUN is set: every run renders its tickets and opens none"
        yield CheckResult("dry_run", "advice", text, "Unset it once the tickets look right.")
    age = ticket_max_age() / timedelta(hours=1)
    set_hour = settings.first_hour()
    first = f"the first hour is set to {key_of(set_hour)}; " if set_hour else ""
    yield CheckResult("hours", "ok", f"{first}an hour opens tickets for {age:g} h after its end")
    quiet = quiet_time() / timedelta(days=1)
    text = (
        f"at most {pluralize(tickets_per_hour(), 'ticket')} an hour, and one more for all other actors; after people "
        f"dismiss a ticket, its actor opens none for {quiet:g} days"
    )
    yield CheckResult("tickets", "ok", text)


def _unknown_variables() -> Iterator[CheckResult]:
    try:
        channels = [channel.name for channel in tables().channels]
    except AuditAssetsError:  # reported by the check of the policy
        return
    for found in find_unknown(os.environ, channels, variables_of_accounts()):
        status: Status = "problem" if found.is_ours else "advice"
        step = (
            f"If {found.nearest} is meant, rename it." if found.nearest else "Unset it: no setting is called like it."
        )
        yield CheckResult("unknown_variables", status, f"{found.name} is set, and nothing reads it", step)


def check_policy(run: DoctorRun) -> Iterator[CheckResult]:
    """Which policy and which watch rules are in force, and allowances that do nothing."""
    in_force = policy()
    plain = in_force.plain
    alerts = f"about {in_force.tickets_a_day:g} {'ticket' if in_force.tickets_a_day == 1 else 'tickets'} a day"
    if in_force.preset == "plain":
        alerts = f"alerts from {plain.ratio:g} times the usual and {plain.minimum:g} changes on, and on every new type"
    yield CheckResult("preset", "ok", f"preset {in_force.preset}: {alerts}")
    rules = load_watch_rules()
    enabled = f"{len(rules.enabled):,} of {pluralize(len(rules.rule), 'watch rule')} are enabled"
    yield CheckResult("watch_rules", "ok", enabled)
    if ended := [each for each in in_force.allowances if each.until < run.now.date()]:
        text = f"{len(ended)} of {pluralize(len(in_force.allowances), 'allowance')} ended, the first: {ended[0].reason}"
        yield CheckResult("allowances", "advice", text, "Remove them from the policy file, or extend them.")
    named = [each.actor for each in in_force.allowances if each.actor]
    if unknown := [actor for actor in named if "@" not in actor and not re.fullmatch("[0-9a-f]{32}", actor)]:
        text = f"{len(unknown)} of {pluralize(len(named), 'allowance')} of an actor names neither an actor key nor an "
        text += f"e-mail address, and allows nothing, the first: {unknown[0]}"
        yield CheckResult("allowances", "advice", text, "Name the actor's key, which its ticket and the summary show.")


def check_storage(run: DoctorRun) -> Iterator[CheckResult]:
    """Whether the hour store can be written, and what is in it."""
    store = run.store
    store.check()
    yield CheckResult("store", "ok", f"hours are stored in {store.root}")
    verdicts = stored_verdicts(store.read(VERDICTS, None))
    if not verdicts.is_empty():
        counts = dict(verdicts.group_by("verdict").agg(pl.struct("actor_key", "hour").n_unique()).iter_rows())
        text = (
            f"verdicts on {pluralize(verdicts['ticket_id'].n_unique(), 'ticket')} in Linear: "
            f"{pluralize(counts.get('confirmed', 0), 'hour')} of an actor confirmed, "
            f"{counts.get('dismissed', 0):,} dismissed"
        )
        yield CheckResult("verdicts", "ok", text)
    yield CheckResult("first_hour", "ok", f"the first hour is {key_of(first_hour())}")
    stored = run.stored
    if stored.count:
        later = ", ".join(f"{stored.late[delay]:,} {delay // AN_HOUR} h after its end" for delay in REPEATS)
        span = f"{pluralize(stored.count, 'hour')} of the last {WINDOW.days} days stored"
        of_newest = "" if stored.looked_at == stored.count else f" of the newest {stored.looked_at}"
        by_pull = (
            f"entries{of_newest} by the pull that found them: {stored.late[timedelta(0)]:,} the hour's first, {later}"
        )
        yield CheckResult("stored_hours", "ok", f"{span}; {by_pull}")


def check_webhook(_: DoctorRun) -> Iterator[CheckResult]:
    """Whether the receiver can be reached. Nothing is sent: it might act on anything."""
    if not (address := setting("AUDIT_ASSETS_WEBHOOK_URL")):
        return
    content = webhook_format()
    check_reachable("The webhook", address)
    text = (
        f"the webhook can be reached; nothing was sent, so whether it takes an hour as {content} shows with the first"
    )
    yield CheckResult("webhook", "ok", text)


def check_channels(_: DoctorRun) -> Iterator[CheckResult]:
    """Whether each channel of the policy has an address that can be used."""
    resource = ChannelsResource()
    for channel in tables().channels:
        try:
            service = resource.check(channel.name)
        except AuditAssetsError as error:
            yield CheckResult("channels", "problem", f"channel {channel.name}: {error}")
        else:
            text = f"channel {channel.name} gets findings of severity {', '.join(channel.severities)} by {service}; "
            yield CheckResult("channels", "ok", f"{text}nothing was sent now")


def check_geography(_: DoctorRun) -> Iterator[CheckResult]:
    """The file with networks, if there is one."""
    if geography := open_geography():
        yield CheckResult("networks", "ok", f"networks of addresses are autonomous systems: {geography.edition}")


def check_triage(_: DoctorRun) -> Iterator[CheckResult]:
    """The language model, if there is one."""
    model = TriageResource().model()
    if model is None:
        return
    model.close()
    name = setting("AUDIT_ASSETS_TRIAGE_MODEL")
    yield CheckResult("model", "ok", f"the model {name} writes a note on each new ticket; it was not called now")


def check_files(_: DoctorRun) -> Iterator[CheckResult]:
    """What other users of this machine can read of what is stored here, and of the settings."""
    storage = setting("AUDIT_ASSETS_STORAGE")
    homes = [os.environ.get("DAGSTER_HOME"), DEFAULT_HOME, None if "://" in storage else storage, ENV_FILE]
    kept = [path for path in dict.fromkeys(Path(home).absolute() for home in homes if home) if path.exists()]
    for path in (each for each in kept if not any(each != other and each.is_relative_to(other) for other in kept)):
        found = [*readable_by_others(path)]
        harmless = {each for each in found if _holds_no_secret(each)}
        if secret := [each for each in found if each not in harmless]:
            text = f"other users of this machine can read {pluralize(len(secret), 'file')} in {path}"
            text = f"other users of this machine can read {path}" if path.is_file() else text
            yield CheckResult("modes", "problem", text, f"Make it private: chmod -R go= {shlex.quote(str(path))}")
        elif harmless:
            names = listed(sorted({each.name for each in harmless}))
            text = f"in {path} other users of this machine can read {names} alone, without a password in it"
            yield CheckResult("modes", "ok", text)
        else:
            yield CheckResult("modes", "ok", f"nobody else on this machine can read {path}")


def _holds_no_secret(path: Path) -> bool:
    """Whether a file is Dagster's configuration as `audit-assets deploy` writes it: it belongs to another user than the
    one of the processes that read it."""
    if path.name not in CONFIGURATION:
        return False
    try:
        return not WRITTEN_SECRET.search(path.read_text())
    except (OSError, ValueError):
        return False
