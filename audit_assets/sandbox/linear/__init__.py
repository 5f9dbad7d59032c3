"""The sandbox's Linear, and the pages on which its tickets can be read."""
