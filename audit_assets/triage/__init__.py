"""A language model's note on a ticket, for teams that set a model up. The note decides nothing."""
