"""What must be true of an hour, one file for each asset that is checked."""
