"""Who is behind an actor: the person whom Cloudflare names beside a token."""

import polars as pl
import pytest

from audit_assets.cloudflare.actor_keys import actor_key, with_owners

ACCOUNT = "a" * 32


def owner_of(person: str | None, email: str | None, token: str | None) -> tuple[str | None, str | None]:
    names = ["actor_key", "actor", "actor_type", "account", "person", "email", "token"]
    row = ("key", "name", "type", ACCOUNT, person, email, token)
    return with_owners(pl.DataFrame([row], schema=dict.fromkeys(names, pl.String), orient="row")).row(0)[-2:]


@pytest.mark.parametrize(
    ("person", "email"), [("7f" * 16, "Anne@example.com"), ("7f" * 16, ""), (None, "Anne@example.com")]
)
def test_a_tokens_owner_has_the_key_of_the_persons_own_entries(person: str | None, email: str | None) -> None:
    key, name = owner_of(person, email, "deploy")
    assert key == actor_key(ACCOUNT, None, person, email, "user")
    assert name == (email or f"user {person}")


@pytest.mark.parametrize(("person", "email", "token"), [("7f", "a@b", None), ("7f", "a@b", ""), (None, "", "deploy")])
def test_a_person_and_a_token_of_nobody_have_no_other_owner(person: str | None, email: str, token: str | None) -> None:
    assert owner_of(person, email, token) == (None, None)
