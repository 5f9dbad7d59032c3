"""What is unusual for an actor: pure functions on polars frames, with no input or output of their own."""
