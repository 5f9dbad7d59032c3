"""A secret is removed from a text in each of its encodings."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_assets.transport.redaction import Mask

SECRET = "lin_api_c/an+ary==0c9e77"
FORMS = {
    "plain": SECRET,
    "in an address": quote(SECRET, safe=""),
    "in a small address": quote(SECRET, safe="").lower(),
    "in JSON": json.dumps(SECRET).replace("/", "\\/"),
    "in hex": SECRET.encode().hex().upper(),
    "in base64": base64.b64encode(SECRET.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form: str) -> None:
    masked = Mask(SECRET)(f"bad token {FORMS[form]}, sorry")
    assert "***" in masked
    assert FORMS[form][8:-8] not in masked


@given(st.binary(max_size=9), st.binary(max_size=9), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_base64_hides_no_secret_whatever_stands_around_it(
    before: bytes, after: bytes, encode: Callable[[bytes], bytes]
) -> None:
    """Not a single character that holds a bit of it is left, and no other is taken."""
    whole = encode(before + SECRET.encode() + after).decode()
    first, last = 8 * len(before) // 6, -(-8 * (len(before) + len(SECRET)) // 6)
    assert Mask(SECRET)(whole) == whole[:first] + "***" + whole[last:].lstrip("=" if not after else "")


@pytest.mark.parametrize(
    "written", [lambda text: quote(text, safe=""), lambda text: json.dumps(text).replace("/", "\\/")]
)
def test_base64_in_an_address_or_in_json_hides_nothing_either(written: Callable[[str], str]) -> None:
    secret = "~~~???>>>ooo~~~???"  # base64 of which is full of + and /
    in_base64 = base64.b64encode(secret.encode()).decode()
    assert {"+", "/"} <= {*in_base64}
    assert Mask(secret)(written(in_base64)).strip('"') == "***"


def test_what_is_no_secret_stays() -> None:
    assert Mask(SECRET, "short")("a short text without any") == "a short text without any"
    assert Mask()("anything") == "anything"


def test_a_mask_shows_nothing_of_what_it_masks() -> None:
    assert SECRET not in repr(Mask(SECRET))
