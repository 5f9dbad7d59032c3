"""How often Python looks for garbage in a process of this project.

Dagster and the definitions are a million objects that stay. To look through them again and again, as Python does by
itself, is a fifth of the processor time in which a code location loads, and a twentieth of a run's.
"""

import gc

THRESHOLDS = 50_000, 20, 20
"""New objects until the youngest are looked through, instead of 700; and how often that is until the older ones are."""


def collect_rarely() -> None:
    """For this process, from now on."""
    gc.set_threshold(*THRESHOLDS)
