"""What a deployment starts from: files that `audit-assets deploy --to DIR` writes out as they are. Data alone; the
command that writes them is in cli/, how they are meant to be used in deployment.md of docs/."""
