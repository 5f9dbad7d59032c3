"""Which audit entries count as changes: one definition for the Parquet hours and for the queries of Axiom.

By default everything that creates, updates or deletes and did not fail. The policy file can exclude more, or include
failed attempts. The values become part of queries, so only plain names are allowed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import polars as pl

NOT_GIVEN = "unknown"
"""In place of a value that an entry lacks, as APL treats missing and empty fields unlike (docs/facts/apl.md, 1)."""

NO_CHANGE = "none"
"""The change kind of an entry that changes nothing."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .:/-]{0,99}")


@dataclass(frozen=True)
class ChangeFilter:
    """Which entries that change something do not count; each field lists values of one column of an entry."""

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
                    raise ValueError(f"{field.name} has {value!r}: use letters, digits, spaces and _.:/- only")

    def excluded(self) -> Mapping[str, tuple[str, ...]]:
        """Per column of an entry the values that do not count."""
        return {
            "stream": self.without_streams,
            "change_kind": self.without_kinds,
            "action": self.without_actions,
            "action_result": self.without_results,
            "resource_product": self.without_products,
            "actor_type": self.without_actor_types,
        }


COLUMNS = tuple(ChangeFilter().excluded())
"""The columns of an entry that `is_change` reads."""


def is_change(change_filter: ChangeFilter) -> pl.Expr:
    """Whether an entry (of ENTRY_SCHEMA) counts as a change."""
    excluded = change_filter.excluded().items()
    return (value_or_not_given("change_kind") != NO_CHANGE) & ~pl.any_horizontal(
        value_or_not_given(column).is_in(values) for column, values in excluded
    )


def value_or_not_given(column: str) -> pl.Expr:
    """A column of audit entries with a word in place of a null or empty value, as the dataset in Axiom has it."""
    word = NO_CHANGE if column == "change_kind" else NOT_GIVEN
    return pl.when(pl.col(column).fill_null("") == "").then(pl.lit(word)).otherwise(pl.col(column)).alias(column)
