"""Attacks by somebody who knows how the detector works, played into a background of natural changes."""
