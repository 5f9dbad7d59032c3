"""What the whole pipeline survives: faults, crashes, hostile input. In a short form here, in full by commands."""
