"""What to do now, by what was found: the one place to read and to edit it.

Each line is for a person on a phone in the middle of something else: one thing to do, and what its result would mean.
The lines are ours or, of a watch rule, the team's. Who acted, with which token and from where is named in code spans.
"""

from collections.abc import Callable, Mapping
from itertools import zip_longest

from audit_assets.tickets.finding import Finding
from audit_assets.tickets.formatting import listed
from audit_assets.tickets.markdown import SafeMarkdown, code, prose
from audit_assets.tickets.phrases import is_new_type, is_one_of_many, rarest_types_first, short_code

NEXT_CHECKS: Mapping[str, tuple[str, ...]] = {
    "new actors": (
        "Find who created these tokens and accounts: look for their creation in the days before.",
        "If one actor made them all, look at that one first: disable it, then these.",
    ),
    "an owner's tokens": (
        "Ask {actor}, not by e-mail, whether this was them, with {credentials}.",
        "If not: roll {credentials}, end the owner's sessions and reset their password and second factor.",
    ),
    "the organisation at once": (
        "Look for one cause first: a migration, a deployment, a rotation of secrets, a change by Cloudflare.",
        "If there is none, look for what these actors share: a sign-in provider, an owner of their tokens, an address.",
    ),
    "a fall of the alert threshold": (
        "Find out whether these hours are real work: a migration, a new duty, many new colleagues or systems.",
        "Where they are not: complete their own tickets with confirmed-incident. Such hours no longer count.",
        "For hours without a ticket there is [[confirmed_incident]] in the policy file.",
        "Until then, read the summaries of the hours and the digest: what alerted two weeks ago may not alert today.",
    ),
    "unreadable entries": (
        "Read their raw texts by the query below: who did what is often in them.",
        "Look at these times in Cloudflare's dashboard. (An entry without a time has that of the one before it here.)",
        "Many with one reason mean that Cloudflare changed its format: such entries are not watched until an upgrade.",
    ),
    "an API token": (
        "Find the system that holds {actor}, and ask its owner whether a job ran there at that time.",
        "If not, or if {addresses} is not that system's: roll this token, then look for what it has created.",
    ),
    "a person": (
        "Ask {actor}, not by e-mail, whether they did this.",
        "If not: end their sessions, reset password and second factor{tokens}, look for tokens and members they added.",
    ),
    "Cloudflare itself": ("Look for the change by a person that set this off: an upgrade, a new zone, a certificate.",),
    "creations": ("If it was not meant: delete what was created, before anything is done with it.",),
    "deletes": ("See what is gone, and what brings it back: an export, or the state of Terraform.",),
    "new address": ("Find out whose {addresses} is (office, VPN, build system, hosting), and what else came from it.",),
    "many new resource types": (
        "Read the entries in their order: somebody who looks around touches many things once, a new duty a few often.",
    ),
    "new resource type": (
        "Find out since when the actor may do this, and who allowed it: a change of its role or of its token's rights.",
    ),
    "slow growth": ("Compare with the weeks before: is it a duty that grew, or data carried away in small portions?",),
    "around the clock": (
        "Find out what works around the clock: a script, a loop that does not end, or somebody else beside the actor.",
    ),
    "spread over hours": ("Read the hours before too, in Axiom: no single one of them was much.",),
    "burst": ("Compare the first entries with the last: one action repeated is a script, a mixture is a session.",),
}
"""By kind of finding, the most useful first: a ticket shows the first CHECKS_SHOWN lines that apply to it. What is in
braces is named as the entries name it, quoted."""

CHECKS_SHOWN = 6
LINE_LENGTH = 400
ACTOR_LENGTH = 120

FIRST_STEPS = 3
"""A ticket begins with these: whom to ask, what to take from them, and what to undo."""

WHO = 2
"""Of these, whom to ask and what to take from them come before what watch rules ask for."""

RULE_CHECKS_SHOWN = 4
"""So many are those of the watch rules that matched: the first of each rule before the second ones."""


def next_checks(finding: Finding) -> list[SafeMarkdown]:
    """The lines for a finding: whom to ask and what to roll, then those of the watch rules that it is about."""
    named = _names(finding)
    lines = [
        SafeMarkdown(line.format_map(named))
        for kind, lines in NEXT_CHECKS.items()
        if _APPLIES[kind](finding)
        for line in lines
    ]
    of_each = [each.watch.check for each in rarest_types_first(finding.rules) if each.watch]
    in_turn = [prose(line, LINE_LENGTH) for lines in zip_longest(*of_each) for line in lines if line]
    rules = [*dict.fromkeys(in_turn)][:RULE_CHECKS_SHOWN]
    return [*lines[:WHO], *rules, *lines[WHO:]][:CHECKS_SHOWN]


def _names(finding: Finding) -> dict[str, str]:
    """What the lines name: the actor, its tokens and the addresses that are new to it."""
    addresses = [each for each in finding.origins if each.kind == "address" and each.value]
    new = [short_code(each.value) for each in addresses if each.first_used is None]
    tokens = [
        short_code(each.label or each.value) for each in finding.origins if each.kind == "API token" and each.value
    ]
    members = (name for each in finding.deviations if each.kind == "credentials" for name in each.members)
    credentials = dict.fromkeys(name for name in (*finding.credentials, *members) if name != finding.actor)
    return {
        "actor": code(finding.actor, ACTOR_LENGTH),
        "addresses": listed(new) or "the address",
        "credentials": listed([code(name, ACTOR_LENGTH) for name in credentials]) or "the token",
        "tokens": f", roll {listed(tokens)}" if tokens else "",
    }


def _is_from_new_address(finding: Finding) -> bool:
    """Of an actor that is new itself, every address is: that is no news."""
    addresses = [each for each in finding.origins if each.kind == "address" and each.value]
    return bool(finding.active_days) and any(each.first_used is None for each in addresses)


def _any_volume(finding: Finding, *, hours: Callable[[int], bool], slow_growth: bool = False) -> bool:
    return any(
        each.kind == "volume" and hours(each.horizon_hours) and each.slow_growth == slow_growth
        for each in finding.deviations
    )


_APPLIES: Mapping[str, Callable[[Finding], bool]] = {
    "new actors": lambda finding: any(each.kind == "new_actors" for each in finding.deviations),
    "an owner's tokens": lambda finding: any(
        each.credential or each.kind == "credentials" for each in finding.deviations
    ),
    "the organisation at once": lambda finding: any(
        each.is_of_several and each.kind not in ("new_actors", "credentials", "threshold_fall")
        for each in finding.deviations
    ),
    "a fall of the alert threshold": lambda finding: any(each.kind == "threshold_fall" for each in finding.deviations),
    "unreadable entries": lambda finding: finding.is_of_unreadable,
    "an API token": lambda finding: finding.actor_type == "token",
    "a person": lambda finding: finding.actor_type in ("user", "admin") and not finding.credentials,
    "Cloudflare itself": lambda finding: finding.actor_type in ("system", "cloudflare", "cloudflare_admin"),
    "creations": lambda finding: any(each.kind == "create" for each in finding.change_totals),
    "deletes": lambda finding: any(action_summary.deletes for action_summary in finding.action_summaries),
    "new address": _is_from_new_address,
    "many new resource types": lambda finding: any(is_one_of_many(each) for each in finding.deviations),
    "new resource type": lambda finding: any(
        is_new_type(each) and not is_one_of_many(each) for each in finding.deviations
    ),
    "slow growth": lambda finding: _any_volume(finding, hours=lambda hours: hours > 1, slow_growth=True),
    "around the clock": lambda finding: any(each.counts_hours for each in finding.deviations),
    "spread over hours": lambda finding: _any_volume(finding, hours=lambda hours: hours > 1),
    "burst": lambda finding: _any_volume(finding, hours=lambda hours: hours == 1),
}
