"""Who acted: a key that never changes, and a label for people.

The key is computed from what identifies an actor, never from a displayed name: two actors with one label stay two, and
a person keeps one key in v1 and v2 and after a change of e-mail. An API token is an actor of its own, separate from
its owner.
"""

import hashlib

KEY_LENGTH = 32
"""Hex characters of a sha256: 128 bits."""

LONGEST_LABEL, CUT = 1_000, "…"
"""Characters, as many as a text of Axiom's events: the label goes into summaries and into Dagster's records."""

_CACHED_KEYS = 20_000
_CACHED_LENGTH = 200


class ActorKeys:
    """The actor keys of one account; recent ones are cached, since few actors write most entries."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._recent: dict[tuple[str, str], str] = {}

    def key(self, token_id: str | None, actor_id: str | None, email: str | None, actor_type: str) -> str:
        """The actor's key: by API token, else by id, else by e-mail in lower case, else by type ("system")."""
        if token_id:
            return self._key("token", token_id)
        if actor_id:
            return self._key("id", actor_id)
        if email:
            return self._key("email", email.lower())
        return self._key("type", actor_type)

    def _key(self, kind: str, identity: str) -> str:
        known = self._recent.get((kind, identity))
        if known is not None:
            return known
        key = hashlib.sha256(f"{self._account_id}\0{kind}\0{identity}".encode()).hexdigest()[:KEY_LENGTH]
        if len(identity) <= _CACHED_LENGTH:
            if len(self._recent) >= _CACHED_KEYS:
                self._recent.clear()
            self._recent[kind, identity] = key
        return key


def actor_label(
    token_id: str | None, token_name: str | None, actor_id: str | None, email: str | None, actor_type: str
) -> str:
    """The name for people: an e-mail, `token "deploy" of ann@example.com`, or type and id. Of bounded length."""
    label = _label(token_id, token_name, actor_id, email, actor_type)
    return label if len(label) <= LONGEST_LABEL else label[:LONGEST_LABEL] + CUT


def _label(token_id: str | None, token_name: str | None, actor_id: str | None, email: str | None, kind: str) -> str:
    if token_id:
        token = f'token "{token_name}"' if token_name else f"token {token_id}"
        return f"{token} of {email}" if email else token
    if email:
        return email
    return f"{kind} {actor_id}" if actor_id else kind
