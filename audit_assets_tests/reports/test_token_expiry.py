"""A token is reported two weeks before its end, where its service shows that."""

from datetime import UTC, datetime, timedelta

import pytest

from audit_assets.cloudflare.token_verification import Status, TokenFacts
from audit_assets.reports.token_expiry import judge_token

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "left", "sentence"),
    [
        ("active", None, None),
        ("active", timedelta(days=14, minutes=1), None),
        ("active", timedelta(days=14), "CLOUDFLARE_API_TOKEN expires on 2026-12-06, in 14 days"),
        ("active", timedelta(days=1, hours=1), "CLOUDFLARE_API_TOKEN expires on 2026-11-23, in 1 day"),
        ("active", timedelta(hours=3), "CLOUDFLARE_API_TOKEN expires on 2026-11-22, within a day"),
        ("active", timedelta(hours=-3), "CLOUDFLARE_API_TOKEN expired on 2026-11-22"),
        ("expired", None, "CLOUDFLARE_API_TOKEN is expired"),
        ("disabled", timedelta(days=90), "CLOUDFLARE_API_TOKEN is disabled"),
    ],
)
def test_a_token_is_judged_by_its_status_and_its_end(
    status: Status, left: timedelta | None, sentence: str | None
) -> None:
    found = judge_token(TokenFacts(status, NOW + left if left else None), NOW)
    assert [each.sentence for each in found] == ([sentence] if sentence else [])


def test_nothing_is_claimed_of_a_token_that_is_not_shown() -> None:
    assert judge_token(None, NOW) == []
