"""Settings and policy with their defaults, what counts as a change, and the errors that a person reads."""
