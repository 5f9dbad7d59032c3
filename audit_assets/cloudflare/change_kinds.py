"""Which audit entries are changes, and of what kind: create, update or delete.

v2 says it in a few words of its own, v1 in hundreds of verbs that nobody has listed. A verb that is not known
counts as an update: a change that is miscounted can be seen, one that is lost can't.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

Kind = str | None
"""create, update, delete; None for no change."""

V1_VERBS: Mapping[str, Kind] = {
    "add": "create",
    "add_enforce_twofactor": "update",  # a policy is switched on, nothing is made
    "api_key_created": "create",
    "api_key_deactivated": "delete",
    "api_key_view": None,
    "change_setting": "update",
    "create": "create",
    "delete": "delete",
    "login": None,
    "logout": None,
    "pending": "update",
    "purge": "delete",  # of a zone, a week after its deletion, or of a cache
    "rec_add": "create",
    "rec_del": "delete",
    "rec_set": "update",
    "rotate_api_key": "update",
    "tls_settings_deployed": "update",
    "token_create": "create",
    "token_revoke": "delete",
    "token_roll": "update",
    "update": "update",
}
"""v1 verbs that were seen in published samples of real entries, in lower case; every other goes by its words."""

WORDS: Mapping[str, re.Pattern[str]] = {
    "delete": re.compile(r"del|(?:delete|remove|revoke|purge|destroy)(?:d|ed)?"),
    "create": re.compile(r"add|added|new|(?:create|upload|insert|import|issue)(?:d|ed)?"),
    "update": re.compile(r"set|put|patch|roll|(?:update|change|edit|rotate|enable|disable)(?:d|ed)?"),
}
"""The words that make a verb one of its kind, the weightiest kind first."""

LOOKING = frozenset({"view", "viewed"})

READ_ONLY_PATHS = frozenset({"/graphql", "/client/v4/graphql"})
"""Cloudflare's GraphQL API answers analytics queries by POST and can change nothing; v2 logs such queries."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[a-z]*")
_BESIDE = r"(?:sso|saml|oidc|oauth|mfa|2fa|user|account|session|success|failed|failure)"
_SIGN_IN = re.compile(rf"(?:{_BESIDE}[ _-]*)*(?:log|sign)(?:ged|ed)?[ _-]?(?:in|on|out|off)(?:[ _-]*{_BESIDE})*", re.I)
"""The whole of a text that speaks of nothing but a sign-in or sign-out: LOGIN, SSO_LOGIN, "User logged in"."""

_LONGEST_VERB = 200
"""Characters. What is longer names no action in a way that words could tell."""


FAILURE = "failure"
"""The one result that makes an entry no change, since an empty one is real in v2 (docs/facts/cloudflare.md, 2.4)."""


def change_kind(stream: str, verb: str | None, description: str | None, uri: str | None) -> Kind:
    """What kind of change an entry is or, if it failed, would have been; None if it changes nothing.

    `verb` is the native action type. A sign-in carries type "update" in v2 and is told by its description.
    """
    if uri and uri.partition("?")[0] in READ_ONLY_PATHS:
        return None
    return _kind(stream, (verb or "")[:_LONGEST_VERB], (description or "")[:_LONGEST_VERB])


@lru_cache(maxsize=10_000)
def _kind(stream: str, verb: str, description: str) -> Kind:
    if _SIGN_IN.fullmatch(description.strip()) or _SIGN_IN.fullmatch(verb):
        return None
    named = verb or description
    if stream == "v1" and named.lower() in V1_VERBS:
        return V1_VERBS[named.lower()]
    return _kind_by_words([word.lower() for word in _WORD.findall(named)])


def _kind_by_words(words: list[str]) -> Kind:
    """From `API_key_view`, `CreateBucket` or "Add Member" in words: verbs of change win over those of looking."""
    for kind, telling in WORDS.items():
        if any(map(telling.fullmatch, words)):
            return kind
    return None if words and (words[0] in LOOKING or words[-1] in LOOKING) else "update"
