"""Whose entries a dataset holds, found out before a store's first events are sent there: a dataset is one account's.

Whoever sends to it afterwards is not seen until `audit-assets doctor` looks again: a query for it in each run would
cost more than it finds.
"""

from datetime import timedelta

from audit_assets.axiom.client import AxiomClient
from audit_assets.config.errors import SettingError
from audit_assets.config.settings import setting
from audit_assets.defs.resources import AxiomResource
from audit_assets.defs.steps.run_inputs import RunInputs
from audit_assets.detection.schemas import WINDOW
from audit_assets.storage.store_account import is_own_dataset, remember_own_dataset

A_DAY = timedelta(days=1)


def refuse_foreign_dataset(inputs: RunInputs, client: AxiomClient, axiom: AxiomResource) -> None:
    """Raises `SettingError` if the dataset holds another account's entries, unless it was found not to before."""
    name = f"{setting('AXIOM_ORG_ID')}/{axiom.dataset()}"
    if is_own_dataset(inputs.store, name):
        return
    if problem := describe_other_accounts(client, axiom, inputs.account_id):
        raise SettingError(f"{problem} Nothing was sent.")
    remember_own_dataset(inputs.store, inputs.account_id, name)


def describe_other_accounts(client: AxiomClient, axiom: AxiomResource, account_id: str) -> str | None:
    """The sentence about a dataset that holds entries of the last 31 days of another account; None if it holds none."""
    end = (axiom.clock.now() + A_DAY).replace(minute=0, second=0, microsecond=0)
    found = client.accounts(end - WINDOW - A_DAY * 2, end)
    others = [(other, newest) for other, newest in found.items() if other != account_id]
    if not others:
        return None
    other, newest = others[-1]
    return (
        f"Axiom dataset '{axiom.dataset()}' holds entries of the Cloudflare account {other}, the newest of "
        f"{newest:%Y-%m-%d %H:%M} UTC, and these would be of {account_id}: give each account its own dataset "
        "(AXIOM_DATASET, or `dataset` in the file of accounts)."
    )
