"""From where actors acted, as detection, watch rules and tickets compare it: networks, products, interfaces, tokens.

An address changes and so does the version of a browser; the network and the product stay. Each part is compared by
itself, so that what an entry lacks is nothing new.
"""

from datetime import datetime, timedelta

import polars as pl

from audit_assets.detection.schemas import HOUR

NETWORK, PRODUCT, INTERFACE, TOKEN = "network", "product", "interface", "token"
PARTS = (NETWORK, PRODUCT, INTERFACE, TOKEN)

CUT = "cut"
"""In place of a part: the actor used more addresses and user agents than are listed, so that nothing of it is new."""

ORIGIN_USES = pl.Schema(
    {"actor": pl.String, "hour": HOUR, "part": pl.String, "value": pl.String, "changed": pl.Boolean}
)
"""A row per actor (its key), hour and value of a part that it used in that hour. `changed`: it made changes from it;
else it only viewed something, signed in or failed. The part CUT has no value."""

ORIGIN_HISTORY = timedelta(days=90)
"""So much decides whether an origin is new: 30 days of hours, each with the 60 days before it."""

LONGEST_PRODUCT = 60
"""Characters: a user agent is whatever a client sends."""

INTERFACES = {
    "dash": "dashboard",
    "ui": "dashboard",
    "api": "API",
    "api_token": "API with a token",
    "api_key": "API with a global key",
    "oauth": "OAuth",
    "origin_ca_key": "origin CA key",
}
"""Names of interfaces in the two streams (docs/facts/cloudflare.md, 2.3 and 3), as one word for both."""

_BROWSERS = {"Edge": r"\bEdgA?(?:iOS)?/", "Opera": r"\bOPR/", "Firefox": r"\b(?:Firefox|FxiOS)/"} | {
    "Chrome": r"\b(?:Chrome|CriOS|HeadlessChrome)/",
    "Safari": r"\bSafari/",
}
"""How browsers name themselves in a user agent that begins with `Mozilla/`; the first that is found counts, since they
name each other too."""

_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "CrOS", "Linux")


def uses_of(rows: pl.DataFrame) -> pl.DataFrame:
    """ORIGIN_USES from rows of actor, hour, network, agent, interface, token and changed. An empty text is none."""
    wide = rows.select(
        "actor",
        "changed",
        pl.col("hour").cast(HOUR),
        **{
            NETWORK: "network",
            PRODUCT: product_of(pl.col("agent")),
            INTERFACE: interface_of(pl.col("interface")),
            TOKEN: "token",
        },
    )
    long = wide.unpivot(PARTS, index=["actor", "hour", "changed"], variable_name="part").filter(
        pl.col("value").fill_null("") != ""
    )
    by_use = long.group_by("actor", "hour", "part", "value").agg(pl.col("changed").any())
    return by_use.select(ORIGIN_USES.names()).cast(ORIGIN_USES)


def uses_within(uses: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """The ORIGIN_USES of [start, end), and who has more than is listed, whenever that was."""
    return uses.filter(pl.col("hour").is_between(start, end, closed="left") | (pl.col("part") == CUT))


def interface_of(name: pl.Expr) -> pl.Expr:
    """An interface in the word that both streams share, or as it is named."""
    return name.str.to_lowercase().replace_strict(INTERFACES, default=name, return_dtype=pl.String)


def product_of(agent: pl.Expr) -> pl.Expr:
    """The product of a user agent without its version: `Chrome, Windows` for a browser, else its first word, in lower
    case: `terraform`."""
    browser, system = (
        pl.coalesce(pl.when(agent.str.contains(pattern)).then(pl.lit(name)) for name, pattern in known.items())
        for known in (_BROWSERS, {name: rf"\b{name}\b" for name in _SYSTEMS})
    )
    of_browser = pl.concat_str([browser, system], separator=", ", ignore_nulls=True)
    word = agent.str.extract(r"^\s*([^/\s(;]+)").str.to_lowercase().str.head(LONGEST_PRODUCT)
    return pl.when(agent.str.starts_with("Mozilla/"), of_browser != "").then(of_browser).otherwise(word)
