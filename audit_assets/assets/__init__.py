"""The assets, one file each, in the order in which the data flows."""
