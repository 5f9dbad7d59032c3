"""`audit-assets axiom dashboard`: a dashboard of the dataset, as a file or straight into Axiom."""

import json
from pathlib import Path
from typing import Annotated

import typer

from audit_assets.cli.account_option import OneAccount, working_for_one
from audit_assets.cli.console import output, print_json, progress
from audit_assets.config.env_file import load_env_file

axiom = typer.Typer(help="What is in Axiom besides entries.", rich_markup_mode="markdown", no_args_is_help=True)


@axiom.callback()
def _group() -> None:
    """What is in Axiom besides entries."""


@axiom.command()
def dashboard(
    file: Annotated[Path | None, typer.Argument(help="Where to write it. Default: standard output.")] = None,
    upload: Annotated[bool, typer.Option("--upload", help="Create it in Axiom, instead of writing it.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --upload: replace the one that is there, and what people changed.")
    ] = False,
    account: OneAccount = None,
) -> None:
    """Write the JSON of a dashboard of the dataset: changes by kind, actor and resource type, lateness of entries, and
    findings if AXIOM_FINDINGS_DATASET is set.

    Example: audit-assets axiom dashboard dashboard.json
    """
    from audit_assets.config.errors import StoreError
    from audit_assets.defs.resources import AxiomResource

    if (upload and file) or (overwrite and not upload):
        raise typer.BadParameter("name a file, or upload the dashboard; --overwrite goes with --upload.")
    load_env_file()
    with working_for_one(account):
        if upload:
            address = AxiomResource().upload_dashboard(overwrite=overwrite)
            output.print(f"The dashboard is at {address}", soft_wrap=True, markup=False, highlight=False)
            return
        document = AxiomResource().dashboard()
    if file:
        try:
            file.write_text(f"{json.dumps(document, indent=1)}\n", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{file} can't be written: {error.strerror or error}.") from None
        progress.print(f"Written to {file}.", markup=False, highlight=False)
    else:
        print_json(document)
