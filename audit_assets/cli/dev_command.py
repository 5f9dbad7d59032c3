"""`audit-assets dev`: the Dagster UI on loopback, on request with services of the sandbox."""

import os
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from audit_assets.cli.console import output, progress
from audit_assets.cli.dagster_home import DEV_HOME, dagster_home
from audit_assets.cli.demo_accounts import account_settings
from audit_assets.cli.demo_home import apply_accounts
from audit_assets.cli.home_lock import locked_home
from audit_assets.cli.invented_entries import (
    SERVICES,
    are_invented,
    describe_unused_store,
    keep_apart,
    without_receivers,
)
from audit_assets.cli.sandbox_extra import start_sandbox
from audit_assets.cli.stopping import run_until_exit
from audit_assets.config.accounts import working_for
from audit_assets.config.accounts_file import all_accounts, all_paths, check_all_sources
from audit_assets.config.env_file import load_env_file
from audit_assets.config.errors import SettingError
from audit_assets.config.secret_files import file_variable
from audit_assets.config.settings import paths
from audit_assets.config.settings_table import ACCOUNTS, HOUR_FORMAT, STORAGE
from audit_assets.guard.start_token import TOKEN_VARIABLE, new_token


def dev(
    sandbox: Annotated[str, typer.Option(help="Services to take from the sandbox: cloudflare,axiom,linear.")] = "",
    home: Annotated[
        Path | None,
        typer.Option(
            help="Folder for Dagster's history and the sandbox's data. Default: .audit_assets/dev, or with --sandbox "
            "one for these services."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI, on loopback.")] = 3000,
) -> None:
    """Run the Dagster UI on loopback, with its daemon. Ctrl-C stops it.

    Open the address that it prints: it has a token, without which nobody gets in. With --sandbox cloudflare the entries
    are invented, and reach nobody: the other two services must be from the sandbox too. With --sandbox the hours lie in
    its folder, otherwise in AUDIT_ASSETS_STORAGE.

    Example: audit-assets dev --sandbox axiom,linear
    """
    from audit_assets.cli.dev_checks import check_dagster_home, check_port, check_store

    _check_extra()
    load_env_file()
    services = _parse_services(sandbox)
    invented = are_invented(services)
    home = home or default_home(services)
    if services:
        _choose_accounts(services, home)
    check_all_sources()  # what is started has no `.env` to compare with
    _check_settings(services)
    check_port(port)
    environment = {**os.environ, **all_paths()}
    if services:
        environment.pop("DAGSTER_HOME", None)  # it is of other hours: these are done in the sandbox alone
    if invented:
        environment = without_receivers(environment)
    with ExitStack() as stack:
        stack.enter_context(locked_home(home))
        keep_apart(home, services)
        if services and (unused := describe_unused_store(home / "hours", "services are the sandbox's")):
            progress.print(unused, markup=False, soft_wrap=True)
        check_store(str(home / "hours") if services else paths()[STORAGE])
        instance = dagster_home(environment, home)
        check_dagster_home(instance)
        token = new_token()
        if services:
            settings, token = _start_sandbox(stack, services, home)
            for name in settings:
                environment.pop(file_variable(name), None)
            environment |= settings
        environment[TOKEN_VARIABLE] = token
        environment["DAGSTER_HOME"] = str(instance)
        environment.setdefault("AUDIT_ASSETS_DAGSTER_URL", f"http://127.0.0.1:{port}")
        command = [sys.executable, "-m", "audit_assets.cli.dagster_services", str(port)]
        raise typer.Exit(run_until_exit(command, environment, home))


def _check_extra() -> None:
    """Raises `SettingError`, with the command that installs it, where Dagster's web server is not installed."""
    if find_spec("dagster_webserver") is None:
        raise SettingError(
            "`audit-assets dev` needs the package dagster-webserver: pip install 'audit-assets[ui]'. Without it a code "
            "server and Dagster's daemon run, and every other command."
        )


def default_home(services: list[str]) -> Path:
    """A home for each set of services that are taken from the sandbox."""
    if not services:
        return DEV_HOME
    return DEV_HOME.with_name("sandbox" if are_invented(services) else "-".join(["sandbox", *services]))


def _choose_accounts(services: list[str], home: Path) -> None:
    """The accounts of the sandbox's Cloudflare, if that is used: those of a demo in this home, else one. Raises
    `SettingError` for several accounts of ours with a service of the sandbox that knows only one of them."""
    if "cloudflare" in services:
        apply_accounts(home)
    elif "axiom" in services and os.environ.get(ACCOUNTS, "").strip():
        raise SettingError(
            f"{ACCOUNTS} names several accounts, and the sandbox's Axiom has a dataset for one: unset it, or leave "
            "axiom out of --sandbox."
        )


def _check_settings(services: list[str]) -> None:
    """A sentence each for what is missing or malformed, before anything is started. Exit 1 if that keeps all accounts
    from working."""
    from audit_assets.cli.dev_checks import setting_problems

    accounts, kept_back = all_accounts(), 0
    for account in accounts:
        with working_for(account):
            problems = [account.problem] if account.problem else [*setting_problems(services)]
        kept_back += bool(problems)
        of = f"{account.key}: " if len(accounts) > 1 else ""
        for problem in problems:
            progress.print(f"audit-assets: {of}{problem}", style="red", markup=False, soft_wrap=True)
    if kept_back == len(accounts):
        raise typer.Exit(1)


def _parse_services(names: str) -> list[str]:
    given = {name.strip().lower() for name in names.split(",") if name.strip()}
    if unknown := given - set(SERVICES):
        raise SettingError(f"--sandbox accepts cloudflare, axiom and linear, not {', '.join(sorted(unknown))}.")
    return [name for name in SERVICES if name in given]


def _start_sandbox(stack: ExitStack, services: list[str], home: Path) -> tuple[dict[str, str], str]:
    """Start the sandbox. Returns the settings of these services and of where their hours are stored, and its token:
    with one for both, whoever has opened the UI gets to the tickets as well."""
    sandbox, world = start_sandbox(stack, home / "sandbox")
    output.print(f"The sandbox's tickets: {sandbox.tickets_address()}", soft_wrap=True)
    settings = {"AUDIT_ASSETS_STORAGE": str((home / "hours").absolute())}
    if "cloudflare" in services:
        settings["AUDIT_ASSETS_FIRST_HOUR"] = world.first.strftime(HOUR_FORMAT)
        settings |= account_settings(sandbox, home)
    for service in services:
        settings |= getattr(sandbox, service).environment(sandbox.url)
    return settings, sandbox.token
