"""What serves two accounts by mistake is refused, by name, before anything is written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_assets.config.accounts import Account, working_for
from audit_assets.config.accounts_file import all_accounts
from audit_assets.config.errors import SettingError
from audit_assets.config.settings import setting
from audit_assets.storage.hour_store import HourStore
from audit_assets.storage.store_account import claim_store
from audit_assets.storage.tables import ENTRIES, STORE_ACCOUNT
from audit_assets_tests.accounts.two_accounts import LAB, PROD, TwoAccounts
from audit_assets_tests.pipeline import Pipeline, problems_of, v2_burst
from audit_assets_tests.support import JumpingClock

HOUR = datetime(2026, 11, 22, 8, tzinfo=UTC)
ONE, TWO, THREE = "1" * 32, "2" * 32, "3" * 32


def accounts_of(path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Account]:
    """The accounts of a file of this text."""
    file = path / "accounts.toml"
    file.write_text(text)
    monkeypatch.setenv("AUDIT_ASSETS_ACCOUNTS", str(file))
    return {account.key: account for account in all_accounts()}


def problem_of(account: Account) -> str:
    """What a person reads who runs an hour of it."""
    with working_for(account), pytest.raises(SettingError) as raised:
        setting("AXIOM_DATASET")
    return str(raised.value)


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("id " + ONE, f'id = "{ONE}"\ndataset = "two"'),
        ("organization " + THREE, f'id = "{TWO}"\ndataset = "two"\norganization = "{THREE}"'),
        ("dataset one", f'id = "{TWO}"\ndataset = "one"'),
        ("findings dataset one", f'id = "{TWO}"\ndataset = "two"\nfindings_dataset = "one"'),
        ("store {hours}", f'id = "{TWO}"\ndataset = "two"\nstorage = "hours/accounts/one"'),
    ],
)
def test_two_accounts_of_the_file_that_share_something_are_both_refused(
    what: str, fields: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ASSETS_STORAGE", str(tmp_path / "hours"))
    text = f'[account.one]\nid = "{ONE}"\ndataset = "one"\norganization = "{THREE}"\n[account.two]\n{fields}\n'
    text += f'[account.three]\nid = "{THREE}"\ndataset = "three"\n'
    found = accounts_of(tmp_path, text, monkeypatch)
    shared = what.format(hours=tmp_path / "hours" / "accounts" / "one")
    for key, other in (("one", "two"), ("two", "one")):
        assert f"accounts '{key}' and '{other}' have the same {shared}: give each its own" in problem_of(found[key])
    with working_for(found["three"]):
        assert setting("AXIOM_DATASET") == "three"


def test_two_variables_with_the_same_token_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f'[account.{key}]\nid = "{own}"\ndataset = "{key}"\n' for key, own in (("one", ONE), ("two", TWO)))
    found = accounts_of(tmp_path, text, monkeypatch)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN_ONE", "the same")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN_TWO", "the same")
    with working_for(found["two"]), pytest.raises(SettingError, match="CLOUDFLARE_API_TOKEN_TWO holds the very token"):
        setting("CLOUDFLARE_API_TOKEN")


def test_a_store_of_another_accounts_hours_is_refused_before_anything_is_written(two: TwoAccounts) -> None:
    for each in two.of.values():
        each.add("v2", v2_burst(HOUR, 3))
    assert two.run(PROD, HOUR, "history").success
    with two.working(PROD) as store:
        owner = store.root
    two.write_file({PROD: {"storage": str(owner.parent / "new")}, LAB: {"storage": str(owner)}})
    before = {path: path.stat().st_mtime_ns for path in Path(str(owner)).rglob("*") if path.is_file()}
    (problem,) = problems_of(two.run(LAB, HOUR, "history"))
    ids = [two.of[key].account_id for key in (PROD, LAB)]
    assert f"holds the hours of the Cloudflare account {ids[0]}, and these would be of {ids[1]}" in problem
    assert before == {path: path.stat().st_mtime_ns for path in Path(str(owner)).rglob("*") if path.is_file()}


def test_a_dataset_of_another_accounts_entries_is_refused(two: TwoAccounts) -> None:
    for each in two.of.values():
        each.add("v2", v2_burst(HOUR, 3))
    two.write_file({PROD: {"dataset": "cloudflare-audit-lab"}, LAB: {"dataset": "cloudflare-audit"}})
    assert two.run(PROD, HOUR, "history").success
    two.write_file()  # lab gets the dataset that prod had
    (problem,) = problems_of(two.run(LAB, HOUR, "history"))
    assert f"holds entries of the Cloudflare account {two.of[PROD].account_id}" in problem
    assert two.of[LAB].account_id in problem


def test_a_store_of_before_is_its_accounts_without_migration(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.sandbox.cloudflare.add("v2", v2_burst(HOUR, 3))
    assert pipeline.run(HOUR, job="history").success
    record = pipeline.store.path(STORE_ACCOUNT, None, "json")
    record.unlink()  # as an earlier version left it
    other = pipeline.sandbox.add_account("other")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", other.account_id)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", other.credential)
    (problem,) = problems_of(pipeline.run(HOUR, job="history"))
    assert pipeline.sandbox.cloudflare.account_id in problem
    assert other.account_id in problem
    for name, value in pipeline.sandbox.environment().items():
        monkeypatch.setenv(name, value)
    assert pipeline.run(HOUR, job="history").success
    claim_store(pipeline.store, pipeline.sandbox.cloudflare.account_id)  # as the first run of another process does
    assert pipeline.store.read_json(STORE_ACCOUNT, None)["account_id"] == pipeline.sandbox.cloudflare.account_id


def test_the_accounts_stores_are_apart(two: TwoAccounts, clock: JumpingClock) -> None:
    two.of[PROD].add("v2", v2_burst(HOUR, 3))
    assert two.run(PROD, HOUR, "history").success
    counts = {key: HourStore(str(two.storage / "accounts" / key)).counts(ENTRIES, [HOUR]) for key in (PROD, LAB)}
    assert counts == {PROD: {HOUR: 3}, LAB: {}}
