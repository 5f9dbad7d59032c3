"""The invented accounts of a demo that has several: their file, and the tokens with which the sandbox knows them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from audit_assets.cli.demo_home import ACCOUNTS_FILE
from audit_assets.config.settings_table import ACCOUNTS

if TYPE_CHECKING:
    from audit_assets.sandbox.server import Sandbox

NAMES = ("Production", "Staging", "Corporate", "Research", "Partners")
"""Of the first accounts; others are numbered."""


def account_settings(sandbox: "Sandbox", home: Path) -> dict[str, str]:
    """The settings of the sandbox's accounts, whose file is written into the home; none if it has one account."""
    services = sandbox.accounts.services
    if len(services) == 1:
        return {}
    lines, tokens = ["# The invented accounts of this demo"], {}
    for number, service in enumerate(services):
        name = NAMES[number] if number < len(NAMES) else f"Account {number + 1}"
        key = name.lower().replace(" ", "_")
        texts = {"id": service.account_id, "name": name, "dataset": sandbox.datasets[number]}
        lines += ["", f"[account.{key}]", *(f"{field} = {json.dumps(text)}" for field, text in texts.items())]
        tokens[f"CLOUDFLARE_API_TOKEN_{key.upper()}"] = service.credential
    (home / ACCOUNTS_FILE).write_text("\n".join([*lines, ""]), encoding="utf-8")
    return {**tokens, ACCOUNTS: str((home / ACCOUNTS_FILE).absolute())}
