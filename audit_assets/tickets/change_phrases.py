"""What was done, in the words of a title: `deleted 337 DNS records in 5 zones`, and from where, if that is new.

Values are given the way in which they are quoted: as plain words in a title, as a code span in a sentence.
"""

import re
from collections.abc import Callable, Sequence

from audit_assets.config.name_patterns import folded, singular
from audit_assets.tickets.finding import ChangeTotal, Finding
from audit_assets.tickets.formatting import pluralize
from audit_assets.tickets.markdown import SafeMarkdown

Quote = Callable[[str | None, int], str]

VERBS = {"create": "created", "update": "changed", "delete": "deleted"}
"""By kind of change."""

ACRONYMS = {
    "api",
    "ca",
    "cors",
    "csr",
    "dns",
    "dnssec",
    "hsm",
    "http",
    "https",
    "id",
    "ip",
    "jwt",
    "kv",
    "mx",
    "ns",
} | {*("r2", "saml", "scim", "sso", "ssl", "tls", "url", "waf")}
"""Words of resource types that are written in capitals."""

AS_WRITTEN = {"mtls": "mTLS", "oauth": "OAuth", "ddos": "DDoS", "idp": "IdP", "d1": "D1", "logpush": "Logpush"}

PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,39}")
"""What is put into words: any other name is quoted."""

ZONE_LENGTH = 60
NAME_LENGTH = 60


def describe_changes(totals: Sequence[ChangeTotal], quote: Quote) -> SafeMarkdown:
    """All that was done, what was done most first: `deleted 337 DNS records in 5 zones and made 12 other changes`.
    Empty if there is nothing."""
    if not totals:
        return SafeMarkdown("")
    top, changes = totals[0], sum(each.changes for each in totals)
    if len(totals) == 1:
        text = _describe(top, quote)
    elif 2 * top.changes >= changes:
        text = f"{_describe(top, quote)} and made {pluralize(changes - top.changes, 'other change')}"
    elif types := {each.resource_type for each in totals} - {top.resource_type}:
        most = plain_name(top.resource_type, 2, quote)
        text = f"made {changes:,} changes to {len(types) + 1:,} resource types, most of all to {most}"
    else:
        text = f"made {changes:,} changes to {plain_name(top.resource_type, 2, quote)}"
    return SafeMarkdown(text)


def describe_where_from(finding: Finding, quote: Quote) -> SafeMarkdown:
    """`from a new network`, as detection has it; else `from a new IP address`, if a known actor used none of its
    addresses before, or `also from` one. Nothing if it used them all."""
    addresses = [each for each in finding.origins if each.kind == "address" and each.value]
    new = [each for each in addresses if each.first_used is None]
    if any("network" in each.new_origins for each in finding.deviations):
        place = new[0].label if len(new) == 1 else None
        return SafeMarkdown(f"from a new network{f' ({quote(place, NAME_LENGTH)})' if place else ''}")
    if not finding.active_days or not new:
        return SafeMarkdown("")
    which = "a new IP address" if len(new) == 1 else f"{len(new):,} new IP addresses"
    return SafeMarkdown(f"{'' if len(new) == len(addresses) else 'also '}from {which}")


def plain_name(resource_type: str | None, count: int, quote: Quote) -> str:
    """A resource type in words, `DNS record` of `dns_records`, in the plural unless it is one; any that does not look
    like one, quoted as it is."""
    if not resource_type or not PLAIN_NAME.fullmatch(resource_type):
        return f"{quote(resource_type, NAME_LENGTH)} {'resource' if count == 1 else 'resources'}"
    *first, last = folded(resource_type).split("_")
    one = singular(last) if last not in ACRONYMS else last
    words = [*first, _plural(one) if count != 1 and last not in ACRONYMS else one]
    return " ".join(AS_WRITTEN.get(word, word.upper() if word in ACRONYMS else word) for word in words)


def _describe(total: ChangeTotal, quote: Quote) -> str:
    verb, zones = VERBS.get(total.kind or "", "changed"), _in_zones(total, quote)
    if total.kind != "update":
        if total.changes == 1 and total.zone and folded(total.resource_type or "") in ("zone", "zones"):
            return f"{verb} the zone {quote(total.zone, ZONE_LENGTH)}"
        return f"{verb} {_count(total.changes, total, quote)}{zones}"
    if total.resources is None and total.changes > 1:
        return f"made {total.changes:,} changes to {plain_name(total.resource_type, 2, quote)}{zones}"
    resources = total.resources or total.changes
    often = f" {total.changes:,} times" if resources < total.changes else ""
    return f"{verb} {_count(resources, total, quote)}{often}{zones}"


def _count(count: int, total: ChangeTotal, quote: Quote) -> str:
    return f"{count:,} {plain_name(total.resource_type, count, quote)}"


def _in_zones(total: ChangeTotal, quote: Quote) -> str:
    if total.zones > 1:
        return f" in {total.zones:,} zones"
    return f" in zone {quote(total.zone, ZONE_LENGTH)}" if total.zone else ""


def _plural(word: str) -> str:
    if re.search("[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search("(?:s|x|ch|sh)$", word) else f"{word}s"
