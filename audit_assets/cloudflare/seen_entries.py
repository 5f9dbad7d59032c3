"""Which entries a pull has seen, and what each was: 24 bytes of one, where a dict takes some 160.

The newest are in a dict all the same. The others are in sorted arrays, where those of a page are looked up at once.
"""

from collections.abc import Sequence

import numpy as np

IDENTITY_BYTES = 16

MOST_NEWEST = 1 << 16
"""So many are in the dict, or an eighth of the others if that is more. A judgement."""


class SeenEntries:
    """Identities of IDENTITY_BYTES, each with the hash of what was seen under it."""

    def __init__(self) -> None:
        self._newest: dict[bytes, int] = {}
        self._older = np.empty(0, f"S{IDENTITY_BYTES}")
        self._bodies = np.empty(0, np.int64)

    def before(self, identities: Sequence[bytes]) -> dict[bytes, int]:
        """Of those that were seen, the hash. Call it once before each of them is remembered."""
        newest = self._newest
        found = {identity: newest[identity] for identity in newest.keys() & identities}
        if len(self._older) and identities:
            wanted = np.frombuffer(b"".join(identities), self._older.dtype)
            places = np.minimum(np.searchsorted(self._older, wanted), len(self._older) - 1)
            for place in np.flatnonzero(self._older[places] == wanted).tolist():
                found[identities[place]] = int(self._bodies[places[place]])
        return found

    def add(self, seen: dict[bytes, int]) -> None:
        """Remember identities that were not seen before."""
        self._newest |= seen
        if len(self._newest) < max(MOST_NEWEST, len(self._older) // 8):
            return
        newest = np.frombuffer(b"".join(self._newest), self._older.dtype)
        bodies = np.fromiter(self._newest.values(), np.int64, len(newest))
        order = newest.argsort()
        places = np.searchsorted(self._older, newest[order])
        self._older = np.insert(self._older, places, newest[order])
        self._bodies = np.insert(self._bodies, places, bodies[order])
        self._newest = {}
