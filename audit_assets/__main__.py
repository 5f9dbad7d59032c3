"""`python -m audit_assets` is `audit-assets`."""

from audit_assets.cli import main

main()
