"""A language model's note on a ticket, for teams that want one: it decides nothing."""
