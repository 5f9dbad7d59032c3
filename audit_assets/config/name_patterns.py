"""Names as Cloudflare writes them, compared whatever their case, separators and plural: `DNS_record`, `dns.record` and
`dns_records` are one.

The names of v2's types were never seen on a live account, and those of v1 differ by product (docs/facts/cloudflare.md,
10): whoever watches for a name must not miss it for an underscore. A pattern becomes a regular expression that Python
and polars both understand; texts are compared as `folded` has them.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import polars as pl

CAMEL = r"([a-z0-9])([A-Z])"
SEPARATORS = r"[\s_./-]+"

ANYTHING = ".*"
"""What `*` stands for in a whole name."""

INVARIABLE = frozenset({"access", "cors", "ddos", "https", "mtls", "status"})
"""Words whose last letter is no plural's."""

SHORTEST_PLURAL = 4
"""Letters: `dns` and `tls` are no plurals."""


def folded(text: str) -> str:
    """A name in lower case with one underscore between its words: `CreateBucket` is `create_bucket`."""
    return re.sub(SEPARATORS, "_", re.sub(CAMEL, r"\1_\2", text).lower()).strip("_")


def folded_column(column: pl.Expr) -> pl.Expr:
    """A column of names as `folded` has them; nulls stay."""
    words = column.str.replace_all(CAMEL, "${1}_${2}").str.to_lowercase()
    return words.str.replace_all(SEPARATORS, "_").str.strip_chars("_")


@lru_cache(maxsize=10_000)
def names_regex(patterns: tuple[str, ...]) -> str:
    """Matches a folded name that is like one of the patterns; `*` stands for any characters."""
    return f"(?s)^(?:{'|'.join(map(pattern_regex, patterns))})$"


def pattern_regex(pattern: str, anything: str = ANYTHING) -> str:
    """What a pattern matches, without anchors. Separators of the pattern may be missing in the name. The name may have
    some that the pattern lacks (`twofactor` is `two_factor`), if what is matched are whole words of it: `*sso*` is not
    in `access_organization`."""
    pieces = [folded(piece) for piece in pattern.split("*")]
    as_written = anything.join(_words(piece, between="") for piece in pieces)
    apart = _whole_words([_words(piece, between="_?") for piece in pieces], anything)
    return as_written if as_written == apart else f"(?:{as_written}|{apart})"


def is_like(names: Iterable[str], patterns: tuple[str, ...]) -> bool:
    """Whether one of the names is like one of the patterns."""
    matches = _compiled(patterns)
    return any(matches.match(folded(name)) for name in names)


@lru_cache(maxsize=1_000)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(names_regex(patterns))


def _whole_words(pieces: Sequence[str], anything: str) -> str:
    """The pieces, each beginning and ending with a word where a `*` was."""
    first, *others = pieces
    text = first
    for position, piece in enumerate(others):
        before = f"(?:_(?:{anything}_)?)?" if text else f"(?:{anything}_)?"
        is_last = position == len(others) - 1
        text += f"(?:_{anything})?" if is_last and not piece and text else anything if not piece else before + piece
    return text


def _words(piece: str, *, between: str) -> str:
    """The words of a piece, with that between their letters, each in the singular or the plural."""
    return "_?".join(_either_number(singular(word), between) for word in piece.split("_") if word)


def _either_number(word: str, between: str) -> str:
    letters = [re.escape(letter) for letter in word]
    if len(word) >= SHORTEST_PLURAL - 1 and word.endswith("y"):
        return f"{between.join(letters[:-1])}{between}(?:ys?|ies)"
    plural = "" if word in INVARIABLE or not word[-1].isalpha() else "(?:e?s)?"
    return between.join(letters) + plural


def singular(word: str) -> str:
    """A folded word in the singular: `record` of `records`, `policy` of `policies`."""
    is_short = len(word) < SHORTEST_PLURAL or not word[-2].isalpha()
    if is_short or word in INVARIABLE or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if re.search("(?:ss|x|ch|sh)es$", word):
        return word[:-2]
    return word.removesuffix("s")
