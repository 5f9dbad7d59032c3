"""Linear: one ticket per flagged actor."""
