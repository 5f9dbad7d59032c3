"""`audit-assets watch check` and `audit-assets watch replay`: try watch rules before they alert."""

from pathlib import Path
from typing import Annotated

import typer

from audit_assets.cli.account_option import OneAccount, working_for_one
from audit_assets.cli.console import output, print_json
from audit_assets.config.env_file import load_env_file

watch = typer.Typer(
    help="Check watch rules by their examples, and count how often they would have alerted.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
)


@watch.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="A file with your rules. Default: what AUDIT_ASSETS_WATCH names, if anything.")
    ] = None,
) -> None:
    """Check the rules of the default pack, with those of a file over them, and run their examples.

    Exit 1 and a sentence each for what fails: for the CI of a team that keeps its rules in a repository.

    Example: audit-assets watch check rules.toml
    """
    from audit_assets.cloudflare.entries import normalize_entries
    from audit_assets.defs.steps.watch_rules import load_watch_rules
    from audit_assets.tickets.formatting import pluralize
    from audit_assets.watch.examples import failed_examples

    load_env_file()
    rules = load_watch_rules(file)
    failed = [
        sentence
        for rule in rules.rule
        for sentence in failed_examples(rule, lambda raw, stream: normalize_entries(raw, stream, "0" * 32))
    ]
    for sentence in failed:
        output.print(sentence, style="red", markup=False)
    if failed:
        raise typer.Exit(1)
    examples = sum(len(rule.matches) + len(rule.no_matches) for rule in rules.rule)
    output.print(
        f"{pluralize(len(rules.rule), 'rule')}, {len(rules.enabled):,} of them enabled; {examples:,} examples: ok"
    )


@watch.command()
def replay(
    since: Annotated[str, typer.Option("--from", help="From this day or hour (UTC) on.")],
    until: Annotated[str, typer.Option("--to", help="Up to this day or hour (UTC).")],
    account: OneAccount = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the counts, as JSON.")] = False,
) -> None:
    """Count how often each rule would have alerted in the stored hours, disabled rules too. Reads stored hours only.

    Example: audit-assets watch replay --from 2026-10-01 --to 2026-11-01
    """
    from audit_assets.config.settings import setting
    from audit_assets.defs.steps.geography import open_geography
    from audit_assets.defs.steps.hour_watch import with_stored_networks
    from audit_assets.defs.steps.watch_rules import load_watch_rules
    from audit_assets.reports.backtest_input import parse_span
    from audit_assets.reports.watch_replay import print_replay, replay_rules
    from audit_assets.storage.hour_store import HourStore

    load_env_file()
    first, end = parse_span(since, until)
    with working_for_one(account):
        store, geography = HourStore(setting("AUDIT_ASSETS_STORAGE")), open_geography()
    found = replay_rules(
        store,
        load_watch_rules(),
        first,
        end,
        lambda entries, hour: with_stored_networks(store, entries, hour, geography),
    )
    if as_json:
        print_json(found.as_json())
    else:
        print_replay(output, found)
