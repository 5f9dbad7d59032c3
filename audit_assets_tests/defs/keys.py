"""The keys of the assets and checks that the ledger goes by, of the one account of the settings."""

from audit_assets.defs import account_keys

PULLED = account_keys.asset_key(account_keys.PULLED)
INGEST = account_keys.asset_key(account_keys.INGEST)
SUMMARIES = account_keys.asset_key(account_keys.SUMMARIES)
LAST_ASSETS = tuple(map(account_keys.asset_key, account_keys.LAST_ASSETS))
EVERY_HOUR = account_keys.check_key(account_keys.EVERY_HOUR_CHECK)
