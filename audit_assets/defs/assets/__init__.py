"""The assets, one file each and nothing else, in the order in which the data flows."""
