"""The client of the language model that may write a note on a ticket. A note decides nothing."""
