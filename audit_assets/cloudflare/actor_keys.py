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


def actor_key(account_id: str, token_id: str | None, actor_id: str | None, email: str | None, actor_type: str) -> str:
    """The key of an actor of the account: by API token, else id, else e-mail in lower case, else type ("system").

    Half of a surrogate pair is a part of the identity as any other letter: no two texts have one key.
    """
    if token_id:
        identity = f"token\0{token_id}"
    elif actor_id:
        identity = f"id\0{actor_id}"
    elif email:
        identity = f"email\0{email.lower()}"
    else:
        identity = f"type\0{actor_type}"
    return hashlib.sha256(f"{account_id}\0{identity}".encode("utf-8", "surrogatepass")).hexdigest()[:KEY_LENGTH]


def actor_label(
    token_id: str | None, token_name: str | None, actor_id: str | None, email: str | None, actor_type: str
) -> str:
    """The name for people: an e-mail, `token "deploy" of ann@example.com`, or type and id. Of bounded length."""
    if token_id:
        token = f'token "{token_name}"' if token_name else f"token {token_id}"
        label = f"{token} of {email}" if email else token
    elif email:
        label = email
    else:
        label = f"{actor_type} {actor_id}" if actor_id else actor_type
    return label if len(label) <= LONGEST_LABEL else label[:LONGEST_LABEL] + CUT
