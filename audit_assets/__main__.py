"""`python -m audit_assets` is `audit-assets`."""

from audit_assets.cli.main import main

main()
