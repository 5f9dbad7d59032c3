"""How much of what was injected into a stream is found, at how many natural tickets a day.

    python -m audit_assets_tests.benchmarks.detection EVENTS LABELS [--refine action] [--peers | --few]
    python -m audit_assets_tests.benchmarks.detection --million

EVENTS as for `audit-assets backtest`; LABELS with kind, actor and start, a row per injected window of one hour. Four
tables: the recall of each kind at the threshold at which the unlabelled hours open so many tickets a day (the
trade-off, free of the threshold's own error); the same for the hours that really alert, the budget being spent on
injected hours too; the tickets of the stream without its labelled hours against the budget; and the recall at the
thresholds of that stream, as a few attacks a year would meet them: all counted from the first labelled day on.
`--refine` appends a column to the resource type, for a set with more and rarer types; `--peers` adds other detectors to
the first table (the extra `bench`). `--few` prints one table instead: the recall where attacks are as few as they are
and meet the product's own threshold, AT_ONCE labelled hours in each of several copies of the rest, by whether
`run_backtest` puts the hour on a ticket. `--million` shows the time of a large invented stream. Times are of the
processor, all threads together: under `taskset -c 0` they are those of one core.
"""

import argparse
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from audit_assets.reports.backtest import Backtest, backtest_policy, run_backtest
from audit_assets.reports.backtest_input import input_of
from audit_assets_tests.detection.streams import score_events

BUDGETS = (0.25, 0.5, 1.0, 2.0)
WARM_UP = 100
"""Rows scored before the clock starts: what a package loads when it is first used is not its speed."""

AT_ONCE = 20
"""Labelled hours in a copy of a year: one in two or three weeks."""

MUST_FIND = (
    "burst_x10",
    "burst_x20",
    "burst_abs50",
    "burst_abs150",
    "burst_abs500",
    "newtype_rare_in_org",
    "newtype_new_in_org",
    "takeover",
)


def read(path: Path) -> pl.DataFrame:
    readers = {".parquet": pl.read_parquet, ".csv": pl.read_csv}
    return readers.get(path.suffix, pl.read_ndjson)(path)


def remove_labelled(events: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """The stream without all that the labelled actors did in the labelled hours."""
    windows = labels.select("actor", hour="start").unique()
    return (
        events.with_columns(hour=pl.col("time").dt.truncate("1h"))
        .join(windows, on=["actor", "hour"], how="anti")
        .drop("hour")
    )


def add_labels(scores: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Scores from the first labelled day on, with the kind of what was injected (null: natural)."""
    windows = labels.select("actor", "kind", hour="start").unique(["actor", "hour"])
    first = labels["start"].dt.truncate("1d").min()
    return scores.filter(pl.col("hour") >= first).join(windows, on=["actor", "hour"], how="left")


def comparable(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores whose `p` ranks all hours alike, however well their actors are known: how many tickets a day there are for
    hours as extreme; null for a mere repeat."""
    return scores.with_columns(p_of_hour="p", p=pl.when(pl.col("p_first") <= pl.col("p")).then("tickets_a_day"))


def days(scores: pl.DataFrame) -> int:
    hours = scores.select(pl.col("hour").dt.date()).to_series()
    return (hours[-1] - hours[0]).days + 1


def recall(marked: pl.DataFrame, found: pl.Expr) -> dict[str, float]:
    kinds = marked.drop_nulls("kind").group_by("kind").agg(share=found.mean()).sort("kind")
    shares: dict[str, float] = dict(kinds.select("kind", "share").iter_rows())
    must = [shares[kind] for kind in MUST_FIND if kind in shares]
    return {"mean of must-find": sum(must) / max(len(must), 1), **shares}


def opens_ticket(marked: pl.DataFrame, budget: float) -> pl.Expr:
    """Whether an hour opens a ticket, so that natural hours open so many a day: 1 or 0, and between them where equal
    hours share the rest of the budget. An hour without p opens none."""
    natural = marked.filter(pl.col("kind").is_null())["p"].drop_nulls().sort()
    tickets = int(budget * days(marked))
    if tickets >= len(natural):
        return pl.col("p").is_not_null().cast(pl.Float64)
    last = natural[tickets]
    share = (tickets - (natural < last).sum()) / (natural == last).sum()
    return pl.when(pl.col("p") < last).then(1.0).when(pl.col("p") == last).then(share).otherwise(0.0)


def recalls(marked: pl.DataFrame) -> list[dict[str, float]]:
    """For each budget, what is found at the threshold at which the natural hours open so many tickets."""
    return [recall(marked, opens_ticket(marked, budget)) for budget in BUDGETS]


def table(rows: dict[str, list[float]]) -> None:
    print(f"{'tickets a day':24}" + "".join(f"{budget:>8}" for budget in BUDGETS))
    for name, values in rows.items():
        print(f"{name:24}" + "".join(f"{value:8.2f}" for value in values))


def by_name(columns: list[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [column[name] for column in columns] for name in columns[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path, nargs="?")
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--refine", metavar="COLUMN")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    if options.million:
        return million()
    if not (options.events and options.labels):
        parser.error("EVENTS and LABELS are needed, or --million")
    events, labels = read(options.events), read(options.labels)
    if options.refine:
        events = events.with_columns(pl.concat_str("resource_type", pl.lit(":"), options.refine).alias("resource_type"))
    if options.few:
        return few_at_once(events, labels)
    score_events(events.head(WARM_UP))
    began = time.process_time()
    at = {budget: add_labels(comparable(score_events(events, budget=budget)), labels) for budget in BUDGETS}
    seconds = (time.process_time() - began) / len(BUDGETS)
    any_budget = at[1.0]
    print(
        f"{len(events)} events, {events['actor'].n_unique()} actors, {events['resource_type'].n_unique()} types: "
        f"scored in {seconds:.2f} s\n\nRecall at so many natural tickets a day"
    )
    table(by_name(recalls(any_budget)))
    print("\nRecall of the hours that alert, the budget spent on injected hours too")
    table(by_name([{**recall(at[budget], pl.col("flagged")), **tickets_of(at[budget], budget)} for budget in BUDGETS]))
    print("\nWithout the labelled hours")
    background = remove_labelled(events, labels)
    quiet = {budget: add_labels(score_events(background, budget=budget), labels) for budget in BUDGETS}
    table(by_name([tickets_of(quiet[budget], budget) for budget in BUDGETS]))
    print("\nRecall at the thresholds of the stream without the labelled hours")
    table(by_name([recall(at_thresholds_of(quiet[budget], at[budget]), pl.col("found")) for budget in BUDGETS]))
    if options.peers:
        compare_with_peers(events, labels, ours=recalls(any_budget), seconds=seconds)
    return None


def judge(events: pl.DataFrame) -> Backtest:
    """The events at a budget of 1 ticket a day, and beside it at those of BUDGETS."""
    return run_backtest(input_of(events), backtest_policy("calibrated", 1.0))


def few_at_once(events: pl.DataFrame, labels: pl.DataFrame) -> None:
    """Prints the recall of few labelled hours among natural ones, and how many tickets a day these open alone."""
    rest, first = remove_labelled(events, labels), labels["start"].dt.truncate("1d").min()
    copies = -(-len(labels) // AT_ONCE)
    numbered = labels.sort("start", "actor", "kind").with_columns(copy=pl.int_range(pl.len()) % copies)
    judged = []
    for _, few in numbered.group_by("copy", maintain_order=True):
        hours = few.select("actor", hour="start").unique()
        theirs = events.with_columns(hour=pl.col("time").dt.truncate("1h")).join(
            hours, on=["actor", "hour"], how="semi"
        )
        scores = judge(pl.concat([rest, theirs.drop("hour")]).sort("time")).scores
        judged.append(add_labels(scores.select("actor", "hour", "budgets"), few).drop_nulls("kind"))
    natural = judge(rest)
    tickets, counted = natural.tickets.filter(pl.col("hour") >= first), add_labels(natural.scores, labels)
    marked, columns = pl.concat(judged), []
    for budget in BUDGETS:
        found = pl.col("budgets").list.contains(budget)
        opened = tickets.filter(found).height / days(counted)
        columns.append({"natural tickets a day": opened, **recall(marked, found)})
    print(f"Recall of {AT_ONCE} labelled hours at a time in {copies} copies of the rest, and tickets of the rest alone")
    table(by_name(columns))


def at_thresholds_of(quiet: pl.DataFrame, marked: pl.DataFrame) -> pl.DataFrame:
    """The labelled hours with whether each is `found` at the threshold that its day has in the quiet stream."""
    day = pl.col("hour").dt.truncate("1d")
    thresholds = quiet.group_by("familiarity", day=day).agg(pl.col("p_threshold").first().alias("quiet_threshold"))
    labelled = marked.drop_nulls("kind").with_columns(day=day).sort("day")
    joined = labelled.join_asof(thresholds.sort("day"), on="day", by="familiarity", check_sortedness=False)
    return joined.with_columns(found=pl.col("p_of_hour") <= pl.col("quiet_threshold"))


def tickets_of(marked: pl.DataFrame, budget: float) -> dict[str, float]:
    alerts = marked.filter(pl.col("p_first") <= pl.col("p_threshold"))
    return {
        "natural tickets a day": alerts["kind"].null_count() / days(marked),
        "realised / budget": len(alerts) / days(marked) / budget,
    }


def compare_with_peers(
    events: pl.DataFrame, labels: pl.DataFrame, *, ours: Sequence[Mapping[str, float]], seconds: float
) -> None:
    """The recall of each peer beside ours, its time from events to scores, and where one is better."""
    from audit_assets_tests.benchmarks.detection_peers import PLAIN, active_hours, packaged, tickets

    began = time.process_time()
    hours = active_hours(events)
    preparing = time.process_time() - began
    found, took = {"ours": ours}, {"ours": seconds}
    for name, peer in {**PLAIN, **packaged()}.items():
        peer(hours.head(WARM_UP))
        began = time.process_time()
        marked = add_labels(tickets(hours, peer(hours)), labels)
        took[name] = preparing + time.process_time() - began
        found[name] = recalls(marked)

    def row(name: str, cells: Sequence[str]) -> None:
        print(f"{name:24}" + "".join(f"{cell:>11}" for cell in cells))

    better_peers = []
    for number, budget in enumerate(BUDGETS):
        print(f"\nRecall at {budget} natural tickets a day")
        row("", list(found))
        for kind, our_share in ours[number].items():
            shares = {name: columns[number][kind] for name, columns in found.items()}
            row(kind, [f"{share:.2f}" for share in shares.values()])
            better_peers += [
                f"{name} is better in {kind} at {budget} a day: {share:.3f}, ours {our_share:.3f}"
                for name, share in shares.items()
                if share > our_share
            ]
    print("\nTime")
    row("seconds", [f"{each:.2f}" for each in took.values()])
    row("times ours", [f"{each / seconds:.2f}" for each in took.values()])
    print("\n" + ("\n".join(better_peers) or "no peer is better"))


def million() -> None:
    """Time and memory of a year of 100,000 events of 500 actors, and of a million active actor-hours."""
    for actors, active_hours, changes in ((500, 7_000, 14), (5_000, 1_000_000, 2)):
        events = invented(actors=actors, active_hours=active_hours, changes=changes)
        score_events(events.head(WARM_UP))
        began = time.process_time()
        scores = score_events(events)
        print(
            f"{len(events):,} events, {actors:,} actors, {len(scores):,} active hours: "
            f"scored in {time.process_time() - began:.1f} s, "
            f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB"
        )


def invented(*, actors: int, active_hours: int, changes: int) -> pl.DataFrame:
    """Events of a year: so many changes to an active hour on average, of eight usual types and now and then another
    of 200."""
    rng = np.random.default_rng(0)
    year = 365 * 24
    active = rng.permutation(np.unique(rng.integers(0, actors * year, int(active_hours * 1.15))))[:active_hours]
    slot = np.sort(np.repeat(active, rng.geometric(1 / changes, active_hours)))
    actor, hour = np.divmod(slot, year)
    usual_type = actor * 7 + rng.integers(0, 8, len(slot))
    other_type = rng.integers(0, 200, len(slot))
    resource_type = np.where(rng.random(len(slot)) < 0.01, other_type, usual_type) % 200
    return pl.DataFrame(
        {
            "time": pl.from_epoch(pl.Series(hour * 3600), "s").cast(pl.Datetime("us", "UTC")),
            "actor": pl.Series(actor).cast(pl.String),
            "actor_type": pl.repeat("user", len(slot), eager=True),
            "resource_type": pl.Series(resource_type).cast(pl.String),
        }
    )


if __name__ == "__main__":
    main()
