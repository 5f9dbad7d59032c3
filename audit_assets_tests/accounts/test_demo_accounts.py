"""`audit-assets demo --accounts`: invented accounts, each with an organisation, a dataset and tickets of its own."""

import json
from pathlib import Path

from audit_assets_tests.cli.test_demo import demo, run, summary_of


def test_each_invented_account_has_its_own_tickets_which_name_it(tmp_path: Path) -> None:
    found = summary_of(demo(tmp_path, "--json", "--accounts", "2", "--history-days", "1", "--judge-hours", "1"))
    accounts = found["accounts"]
    assert {key: account["name"] for key, account in accounts.items()} == {
        "production": "Production",
        "staging": "Staging",
    }
    tickets = {
        key: {each["ticket"]["identifier"] for each in account["flagged"]} - {None} for key, account in accounts.items()
    }
    assert tickets["production"]
    assert tickets["staging"]
    assert tickets["production"].isdisjoint(tickets["staging"])
    for account in accounts.values():
        assert account["proof"]["holds"]
        assert account["entries"]["ingested"] == account["entries"]["pulled"] > 0

    preview = run(tmp_path, "preview", "--home", ".audit_assets/demo", "--account", "staging", "--json")
    titles = [each["title"] for each in json.loads(preview.stdout)["tickets"]]
    assert all(title.startswith("[Staging] ") or title in tickets["staging"] for title in titles)
    assert titles
    stores = sorted(path.name for path in (tmp_path / ".audit_assets/demo/hours/accounts").iterdir())
    assert stores == ["production", "staging"]


def test_a_file_of_entries_is_one_accounts(tmp_path: Path) -> None:
    done = demo(tmp_path, "--accounts", "2", "--entries", "log.json")
    assert done.returncode == 1
    assert "a file of --entries is one account's" in done.stderr
