"""Which audit entries are changes, and of what kind: create, update or delete.

v2 has a few words of its own for that, v1 hundreds of verbs that are listed nowhere. An unknown verb counts as an
update: a change that is miscounted can be noticed, one that is lost can't.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

import polars as pl

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
    "purge": "update",  # of a cache; or of a zone a week after its deletion, which is an entry of its own
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
"""v1 verbs seen in published samples of real entries, in lower case; every other verb is classified by its words."""

WORDS: Mapping[str, re.Pattern[str]] = {
    "delete": re.compile(r"del|(?:delete|remove|revoke|destroy)(?:d|ed)?"),
    "create": re.compile(r"add|added|new|(?:create|upload|insert|import|issue)(?:d|ed)?"),
    "update": re.compile(r"set|put|patch|roll|(?:update|change|edit|rotate|enable|disable|purge)(?:d|ed)?"),
}
"""The words that give a verb its kind, the most serious kind first."""

READING = frozenset({"view", "viewed"})

READ_ONLY_PATHS = frozenset({"/graphql", "/client/v4/graphql"})
"""Cloudflare's GraphQL API answers analytics queries by POST and can change nothing; v2 logs such queries."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[a-z]*")
_PROVIDERS = r"google|apple|github|gitlab|facebook|linkedin|microsoft|azure|entra|okta|email|password|passkey|t?otp"
_BESIDE = rf"(?:sso|saml|oidc|oauth|mfa|2fa|user|account|session|success|failed|failure|{_PROVIDERS})"
_SIGNED_IN = rf"(?:{_BESIDE}[ _-]*)*(?:log|sign)(?:ged|ed)?[ _-]?(?:in|on|out|off)(?:[ _-]*{_BESIDE})*"
_SIGN_IN = re.compile(_SIGNED_IN, re.I)
"""Matches a text about nothing but a sign-in or sign-out: LOGIN, SSO_LOGIN, GOOGLE_LOGIN, "User logged in". Beside its
own words only known ones are taken: a change that counts as a sign-in is lost."""

_VERB_OF_SIGN_INS = "update"
"""Sign-ins of v2 have it, so that it does not show a change by itself (docs/facts/cloudflare.md, 2.4)."""

_LONGEST_VERB = 200
"""Characters. A longer text is no name of an action. A judgement."""


FAILURE = "failure"
"""The one result that makes an entry no change, since an empty one is real in v2 (docs/facts/cloudflare.md, 2.4)."""


def change_kind(stream: str, verb: str | None, description: str | None, uri: str | None) -> Kind:
    """What kind of change an entry is or, if it failed, would have been; None if it changes nothing.

    `verb` is the native action type. A sign-in has the type "update" in v2 and is recognised by its description; any
    other verb of change is one, whatever the description looks like.
    """
    if uri and uri.partition("?")[0] in READ_ONLY_PATHS:
        return None
    return _kind(stream, (verb or "")[:_LONGEST_VERB], (description or "")[:_LONGEST_VERB])


def is_sign_in() -> pl.Expr:
    """Whether an entry (of ENTRY_SCHEMA) is a sign-in or sign-out, failed or not."""
    named = (pl.col(column).str.strip_chars() for column in ("action", "action_description"))
    looks_like_one = pl.any_horizontal(
        name.str.contains(f"^(?i:{_SIGNED_IN})$").fill_null(value=False) for name in named
    )
    return looks_like_one & pl.col("change_kind").is_null()


@lru_cache(maxsize=10_000)
def _kind(stream: str, verb: str, description: str) -> Kind:
    if _SIGN_IN.fullmatch(verb.strip()):
        return None
    if _SIGN_IN.fullmatch(description.strip()) and not _is_verb_of_change(stream, verb):
        return None
    name = verb or description
    if stream == "v1" and name.lower() in V1_VERBS:
        return V1_VERBS[name.lower()]
    return _kind_by_words([word.lower() for word in _WORD.findall(name)])


def _is_verb_of_change(stream: str, verb: str) -> bool:
    """Whether a verb shows a change by itself, whatever is described."""
    if stream == "v1" and verb.lower() in V1_VERBS:
        return V1_VERBS[verb.lower()] is not None
    if stream != "v1" and verb.lower() == _VERB_OF_SIGN_INS:
        return False
    words = [word.lower() for word in _WORD.findall(verb)]
    return any(pattern.fullmatch(word) for pattern in WORDS.values() for word in words)


def _kind_by_words(words: list[str]) -> Kind:
    """From the words of `API_key_view`, `CreateBucket` or "Add Member": verbs of change win over those of reading."""
    for kind, pattern in WORDS.items():
        if any(map(pattern.fullmatch, words)):
            return kind
    return None if words and (words[0] in READING or words[-1] in READING) else "update"
