"""Who acted: a key that never changes, and a label for people.

The key is computed from what identifies an actor, never from a displayed name: two actors with one label stay two, and
a person keeps one key in v1 and v2 and after a change of e-mail. An API token is an actor of its own, separate from
its owner: the person whom Cloudflare names beside it, and whom nobody can choose.
"""

import hashlib

import polars as pl

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


def with_owners(actors: pl.DataFrame) -> pl.DataFrame:
    """The actors with the key and the name of the person behind each token (`owner_key`, `owner`); null for who is no
    token, and for a token beside which nobody is named, as one of an account.

    `actors` need actor_key, actor, actor_type, account, person (the actor's id), email and token
    (docs/facts/cloudflare.md, 2.4); what is missing in them is null or empty.
    """
    identities = ["account", "person", "email", "token"]
    owners = [
        (actor_key(account, None, person, email, ""), actor_label(None, None, person, email, "user"))
        if token and (person or email)
        else (None, None)
        for account, person, email, token in actors.select(identities).iter_rows()
    ]
    known = pl.DataFrame(owners, schema={"owner_key": pl.String, "owner": pl.String}, orient="row")
    return pl.concat([actors.drop(identities), known], how="horizontal")
