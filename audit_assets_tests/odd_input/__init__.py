"""Input as people and services really have it: a row for each case that was reported or seen."""
