"""Which findings belong together: those that came from one address or network, changed one resource, or used a token
that the other's actor created, within a day.

Pure functions on frames. What many actors share before that day, such as an office, a CI system or a zone, relates
nothing; where that is not known, only a token and its creator do.
"""

from datetime import datetime, timedelta
from typing import get_args

import polars as pl

from audit_assets.detection.networks import network_of
from audit_assets.detection.schemas import HOUR
from audit_assets.tickets.related_ticket import RelatedBy

WITHIN = timedelta(days=1)
"""Findings are related to those of the hour and of so long before it."""

ADDRESS, NETWORK, RESOURCE = "address", "network", "resource"
TOKEN, CREATED = "token_creator", "created_token"
"""Kinds of what findings share, in the words of RelatedBy. A token that one used meets the creation of it."""

PAIR = ["ticket_key", "other"]
"""The columns that name a finding and one that is related to it."""

SHARED_BY = {ADDRESS: 3, NETWORK: 2, RESOURCE: 3}
"""If so many actors shared it before the day, it relates nothing. Two on an address may be a person and a token of
theirs; two in a network are enough to be customers of one provider. A judgement."""

MOST_OTHERS = 10
"""A ticket is related to so many others in an hour, the most severe first."""

MOST_PAIRS = 50
"""So many pairs of tickets are related in an hour: about as many comments and relations. What many actors did has one
ticket for all already."""

MOST_REASONS = 2
"""Of what two findings share, so many kinds are named."""

EVIDENCE = pl.Schema(
    {
        "ticket_key": pl.String,
        "hour": HOUR,
        "ip_address": pl.String,
        "token_id": pl.String,
        "change_kind": pl.String,
        "resource_type": pl.String,
        "resource_id": pl.String,
    }
)
"""Entries behind findings: changes, sign-ins, and what watch rules matched. `ticket_key`: whose ticket the finding is
on; `change_kind` is null for what changed nothing or failed."""

TRACES = pl.Schema({"ticket_key": pl.String, "hour": HOUR, "kind": pl.String, "value": pl.String})
"""What a finding can share with another: of ADDRESS, NETWORK, RESOURCE, TOKEN (used) and CREATED (a resource)."""

SHARED = pl.Schema({"kind": pl.String, "value": pl.String})
"""What findings have in common."""

RELATIONS = pl.Schema(
    {
        "ticket_key": pl.String,
        "other": pl.String,
        "reason": pl.String,
        "value": pl.String,
        "values": pl.Int64,
        "since": HOUR,
    }
)
"""That the finding of one ticket is related to that of another: by `reason` (RelatedBy), of whose `values` one is
named. `since`: the hour in which the two first were. Each pair is there in both directions."""


def traces_of(evidence: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """TRACES of EVIDENCE, each once an hour. Addresses must be canonical. Of a lazy frame each kind is collected by
    itself, so that a large hour is never in memory with all columns."""
    network = network_of(pl.col("ip_address"))
    values = {
        ADDRESS: pl.when(network.is_not_null()).then("ip_address"),
        NETWORK: network,
        RESOURCE: pl.when(pl.col("change_kind").is_not_null()).then(changed_resource()),
        TOKEN: pl.col("token_id"),
        CREATED: pl.when(pl.col("change_kind") == "create").then("resource_id"),
    }
    found = [
        evidence.lazy()
        .select("ticket_key", "hour", kind=pl.lit(kind), value=value)
        .filter(pl.col("value").fill_null("") != "")
        .unique()
        .collect()
        for kind, value in values.items()
    ]
    return pl.concat([TRACES.to_frame(), *found])


def changed_resource() -> pl.Expr:
    """Type and id of the resource of an entry, null without an id."""
    named = pl.concat_str(pl.col("resource_type").fill_null(""), pl.lit(" "), "resource_id")
    return pl.when(pl.col("resource_id") != "").then(named)


def may_be_shared(traces: pl.DataFrame) -> pl.DataFrame:
    """Without the TRACES that are there once, and so relate nothing: nearly all of an hour of 500,000 changes."""
    used = traces.filter(pl.col("kind") == TOKEN)["value"]
    is_used = (pl.col("kind") == CREATED) & pl.col("value").is_in(used.implode())
    several = [traces.filter(pl.col("kind") == kind).filter(pl.col("value").is_duplicated()) for kind in SHARED_BY]
    return pl.concat([*several, traces.filter((pl.col("kind") == TOKEN) | is_used)])


def candidates_of(traces: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """SHARED: what a finding of the hour has in common with another's, before it is known who else shares it."""
    in_question = traces.filter(pl.col("kind").is_in([*SHARED_BY]))
    several = in_question.group_by("kind", "value").agg(
        keys=pl.col("ticket_key").n_unique(), newest=pl.col("hour").max()
    )
    return several.filter(pl.col("keys") > 1, pl.col("newest") == hour).select(SHARED.names())


def widely_shared(before: pl.DataFrame) -> pl.DataFrame:
    """SHARED: of the TRACES of everybody before the day what relates nothing, since many actors shared it."""
    actors = before.group_by("kind", "value").agg(actors=pl.col("ticket_key").n_unique().cast(pl.Int64))
    least = pl.col("kind").replace_strict(SHARED_BY, default=None, return_dtype=pl.Int64)
    return actors.filter(pl.col("actors") >= least).select(SHARED.names())


def relate(traces: pl.DataFrame, before: pl.DataFrame | None, severities: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """RELATIONS of the findings of an hour with each other and with earlier ones.

    `traces`: TRACES of these and of the WITHIN before; `before`: of everybody in the time before that, with the key of
    an actor as `ticket_key`; None if that is not known. `severities`: per `ticket_key` the `rank` of its severity, the
    higher the more severe.
    """
    meeting = _unusual(_meeting(_relating(traces, before), hour), before)
    by_reason = (
        _closest(meeting)
        .group_by(*PAIR, "reason")
        .agg(value=pl.col("value").min(), values=pl.col("value").n_unique().cast(pl.Int64), since=pl.col("since").min())
    )
    in_order = by_reason.sort(*PAIR, _order(pl.col("reason"))).with_columns(since=pl.col("since").min().over(PAIR))
    named = in_order.filter(pl.int_range(pl.len()).over(PAIR) < MOST_REASONS)
    chosen = _chosen_pairs(named, severities)
    return named.join(chosen, on=PAIR, how="semi", maintain_order="left").select(RELATIONS.names()).cast(RELATIONS)


def _meeting(relating: pl.DataFrame, hour: datetime) -> pl.DataFrame:
    """What findings of the hour have in common with others, in both directions."""
    spans = relating.group_by("ticket_key", "kind", "value").agg(
        first=pl.col("hour").min(), newest=pl.col("hour").max()
    )
    others = spans.select("value", kind=_counterpart(pl.col("kind")), other="ticket_key", since="first")
    met = (
        spans.filter(pl.col("newest") == hour)
        .join(others, on=["kind", "value"])
        .filter(pl.col("ticket_key") != pl.col("other"))
        .select(*PAIR, "value", reason="kind", since=pl.max_horizontal("first", "since"))
    )
    mirrored = met.with_columns(ticket_key="other", other="ticket_key", reason=_counterpart(pl.col("reason")))
    return pl.concat([met, mirrored]).unique()


def _closest(meeting: pl.DataFrame) -> pl.DataFrame:
    """Without the network of those who share an address."""
    in_network = pl.col("reason") == NETWORK
    of_one_address = meeting.filter(pl.col("reason") == ADDRESS)
    return pl.concat(
        [meeting.filter(~in_network), meeting.filter(in_network).join(of_one_address, on=PAIR, how="anti")]
    )


def _relating(traces: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The traces that may relate findings: without what many actors share as a rule."""
    if before is None:
        return traces.filter(~pl.col("kind").is_in([*SHARED_BY]))
    return traces.join(widely_shared(before), on=["kind", "value"], how="anti")


def _unusual(meeting: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Without what both had before."""
    if before is None:
        return meeting
    had = before.select("ticket_key", "value", reason="kind").unique()
    both = meeting.join(had, on=["ticket_key", "value", "reason"], how="semi").join(
        had.rename({"ticket_key": "other"}), on=["other", "value", "reason"], how="semi"
    )
    return meeting.join(both, on=meeting.columns, how="anti")


def _counterpart(kind: pl.Expr) -> pl.Expr:
    """What it meets in another finding: the same, but a token its creation."""
    return kind.replace({TOKEN: CREATED, CREATED: TOKEN})


def _order(reason: pl.Expr) -> pl.Expr:
    return reason.replace_strict({kind: place for place, kind in enumerate(get_args(RelatedBy))}, return_dtype=pl.Int64)


def _chosen_pairs(relations: pl.DataFrame, severities: pl.DataFrame) -> pl.DataFrame:
    """The pairs that are related, in both directions: MOST_OTHERS of a ticket, and MOST_PAIRS of all."""
    ranks = [pl.max_horizontal("rank", "rank_of_other"), pl.min_horizontal("rank", "rank_of_other")]
    pairs = (
        relations.select(PAIR)
        .unique()
        .join(severities.select("ticket_key", "rank"), on="ticket_key", how="left")
        .join(severities.select(other="ticket_key", rank_of_other="rank"), on="other", how="left")
        .with_columns(first=pl.min_horizontal(PAIR), second=pl.max_horizontal(PAIR))
        .sort(*ranks, "first", "second", descending=[True, True, False, False])
    )
    within = pl.int_range(pl.len()).over("ticket_key") < MOST_OTHERS
    kept = pairs.with_columns(within=within).filter(pl.col("within").all().over("first", "second"))
    return kept.head(2 * MOST_PAIRS).select(PAIR)
