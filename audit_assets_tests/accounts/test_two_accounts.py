"""Two accounts in one instance: each has its own hours and tickets, whatever becomes of the other."""

from datetime import UTC, datetime, timedelta

from audit_assets_tests.accounts.two_accounts import LAB, PROD, TwoAccounts
from audit_assets_tests.pipeline import problems_of, v2_burst

JUDGED = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE = "alice@example.com"


def with_a_flagged_actor(two: TwoAccounts, key: str) -> None:
    two.remember(key, [entry for day in range(1, 15) for entry in v2_burst(JUDGED - DAY * day, 3, actor=ALICE)])
    two.of[key].add("v2", v2_burst(JUDGED, 60, actor=ALICE))


def test_one_account_goes_on_while_the_others_token_is_refused(two: TwoAccounts) -> None:
    for key in (PROD, LAB):
        with_a_flagged_actor(two, key)
    two.of[LAB].behaviour.token_revoked = True
    refused, judged = two.run(LAB, JUDGED), two.run(PROD, JUDGED)
    assert judged.success, problems_of(judged)
    assert "does not let this token read the audit log of account" in problems_of(refused)[0]
    (ticket,) = two.sandbox.linear.issues()
    assert ticket["title"].startswith("[Production] ")
