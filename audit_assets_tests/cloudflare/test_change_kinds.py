"""Which entries count as changes, and as which kind."""

import json
from pathlib import Path

import pytest

from audit_assets.cloudflare.change_kinds import V1_VERBS, change_kind

SAMPLES = Path(__file__).parents[1] / "fixtures" / "cloudflare" / "v1_entries.jsonl"


def v1(verb: str | None, description: str | None = None) -> str | None:
    return change_kind("v1", verb, description, None)


def v2(verb: str | None, description: str | None = None, uri: str | None = None) -> str | None:
    return change_kind("v2", verb, description, uri)


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("rec_add", "create"),
        ("rec_set", "update"),
        ("rec_del", "delete"),
        ("token_create", "create"),
        ("token_roll", "update"),
        ("token_revoke", "delete"),
        ("API_key_created", "create"),
        ("API_key_view", None),
        ("rotate_API_key", "update"),
        ("login", None),
        ("logout", None),
        ("purge", "update"),
        ("tls_settings_deployed", "update"),
        ("change_setting", "update"),
    ],
)
def test_a_known_verb_of_v1_has_the_kind_of_the_table(verb: str, kind: str | None) -> None:
    assert v1(verb) == kind


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("member_add", "create"),
        ("zone_add", "create"),
        ("CreateBucket", "create"),
        ("upload_certificate", "create"),
        ("DeleteBucketCors", "delete"),
        ("RemoveCustomDomain", "delete"),
        ("purge_everything", "update"),
        ("PutBucketLifecycleConfiguration", "update"),
        ("TOKEN_DELETE", "delete"),
        ("token_view", None),
        ("APIKeyView", None),
        ("dns_view_create", "create"),
        ("dns_view_set", "update"),
        ("set_login_page", "update"),
        ("SSO_LOGIN", None),
    ],
)
def test_an_unknown_verb_of_v1_is_classified_by_its_words(verb: str, kind: str | None) -> None:
    assert v1(verb) == kind


@pytest.mark.parametrize(
    "verb",
    ["deploy", "TimeTravel", "export", "pending", "reviewed", "???", pytest.param("x" * 1_000_000, id="long"), None],
)
def test_a_meaningless_verb_counts_as_an_update_rather_than_being_lost(verb: str | None) -> None:
    assert v1(verb) == "update"
    assert v2(verb) == "update"


@pytest.mark.parametrize("verb", ["create", "update", "delete", "CREATE", "Delete"])
def test_v2_names_its_changes(verb: str) -> None:
    assert v2(verb) == verb.lower()


@pytest.mark.parametrize("verb", ["view", "login", "logout", "VIEW"])
def test_reading_and_signing_in_are_no_changes(verb: str) -> None:
    assert v2(verb) is None


@pytest.mark.parametrize(
    "description",
    [
        *("LOGIN", "SSO_LOGIN", "Login", "LOGOUT", "Log In", "User logged in", "login failed", "2FA login"),
        *("GOOGLE_LOGIN", "APPLE_LOGIN", "Google sign-in", "PASSKEY_LOGIN_FAILED"),
    ],
)
def test_a_sign_in_is_recognised_by_its_description(description: str) -> None:
    assert v2("update", description) is None
    assert v2("login", description) is None
    assert v2(None, description) is None


@pytest.mark.parametrize("description", ["LOGIN", "GOOGLE_LOGIN", "User logged in"])
@pytest.mark.parametrize(
    ("stream", "verb", "kind"),
    [
        ("v2", "delete", "delete"),
        ("v2", "Create", "create"),
        ("v1", "rec_del", "delete"),
        ("v1", "update", "update"),
        ("v1", "token_roll", "update"),
        ("v1", "RemoveIdentityProvider", "delete"),
    ],
)
def test_a_verb_of_change_is_not_overridden_by_a_description(
    stream: str, verb: str, kind: str, description: str
) -> None:
    assert change_kind(stream, verb, description, None) == kind


@pytest.mark.parametrize(
    "description",
    [
        *("Update Login Page", "Create Login Design", "Add Member", "Sign in page", "Blogin", "catalog in"),
        *("GOOGLE_LOGIN_PAGE", "Google IdP", "CUSTOM_LOGIN"),
    ],
)
def test_a_description_that_only_mentions_a_sign_in_is_a_change(description: str) -> None:
    assert v2("update", description) == "update"


def test_a_missing_type_is_judged_by_the_description() -> None:
    assert v2(None, "Delete Rule") == "delete"
    assert v2(None, "LOGIN") is None


def test_an_analytics_query_changes_nothing() -> None:
    assert v2("create", uri="/client/v4/graphql") is None
    assert v2("create", uri="/client/v4/graphql?x=1") is None
    assert v2("create", uri="/zones/1/dns_records?x=/client/v4/graphql") == "create"


def test_the_table_knows_every_verb_of_the_published_samples() -> None:
    verbs = {json.loads(line)["action"]["type"].lower() for line in SAMPLES.read_text().splitlines()}
    assert verbs <= V1_VERBS.keys()
