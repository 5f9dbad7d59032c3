"""Which audit entries count as changes: one definition for the Parquet hours and for the queries of Axiom.

By default everything that creates, updates or deletes and did not fail. A team leaves more out, or lets failed
attempts in, in its policy file. The values stand in queries, so nothing but plain names is taken.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import polars as pl

UNSAID = "unknown"
"""Stands for what an entry does not say: a missing field behaves unlike an empty one in APL (docs/facts/apl.md, 1)."""

NO_CHANGE = "none"
"""The change kind of what changes nothing."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .:/-]{0,99}")


@dataclass(frozen=True)
class ChangeFilter:
    """What does not count, though it changes something; each by the values of one column of an entry."""

    without_streams: tuple[str, ...] = ()
    without_kinds: tuple[str, ...] = ()
    without_actions: tuple[str, ...] = ()
    without_results: tuple[str, ...] = ("failure",)
    without_products: tuple[str, ...] = ()
    without_actor_types: tuple[str, ...] = ()

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises `ValueError` for a value that is no plain name."""
        for field in fields(self):
            for value in getattr(self, field.name):
                if not NAME.fullmatch(value):
                    raise ValueError(f"{field.name} holds {value!r}: letters, digits, spaces and _.:/- are taken")

    def left_out(self) -> Mapping[str, tuple[str, ...]]:
        """Per column of an entry the values that do not count."""
        return {
            "stream": self.without_streams,
            "change_kind": self.without_kinds,
            "action": self.without_actions,
            "action_result": self.without_results,
            "resource_product": self.without_products,
            "actor_type": self.without_actor_types,
        }


COLUMNS = tuple(ChangeFilter().left_out())
"""What an entry must have for `counts`."""


def is_change(counted: ChangeFilter) -> pl.Expr:
    """Whether an entry (of ENTRY_SCHEMA) counts as a change."""
    left_out = counted.left_out().items()
    return (said("change_kind") != NO_CHANGE) & ~pl.any_horizontal(
        said(column).is_in(values) for column, values in left_out
    )


def said(column: str) -> pl.Expr:
    """A column of audit entries with a word in place of what is null or empty, as Axiom holds it."""
    unsaid = NO_CHANGE if column == "change_kind" else UNSAID
    return pl.when(pl.col(column).fill_null("") == "").then(pl.lit(unsaid)).otherwise(pl.col(column)).alias(column)
