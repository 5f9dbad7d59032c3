"""What a pull has seen is known whether it came on this page, lately or long ago."""

from random import Random

from audit_assets.cloudflare.seen_entries import IDENTITY_BYTES, MOST_NEWEST, SeenEntries

ENTRIES, PAGE = 3 * MOST_NEWEST, 1_000


def test_each_entry_is_known_by_what_it_was_and_no_other_is() -> None:
    random, seen = Random(1), SeenEntries()  # noqa: S311 - no secrets
    # With bytes that arrays of texts might take for an end, and ids that differ in their last byte alone
    alike = [bytes(IDENTITY_BYTES), bytes(IDENTITY_BYTES - 1) + b"\1", b"\1" + bytes(IDENTITY_BYTES - 1)]
    identities = alike + [random.randbytes(IDENTITY_BYTES) for _ in range(ENTRIES)]
    bodies = {identity: random.getrandbits(63) - (1 << 62) for identity in identities}
    for start in range(0, len(identities), PAGE):
        page = identities[start : start + PAGE]
        again = random.sample(identities[:start], min(start, 10))
        assert seen.before([*page, *again]) == {identity: bodies[identity] for identity in again}
        seen.add({identity: bodies[identity] for identity in page})
    assert seen.before(identities) == bodies
    assert seen.before([b"\1" * IDENTITY_BYTES]) == {}
