"""What the assets are given: the clients, the hour store and what a run shares, built from the settings when needed.

They are plain objects, not configurable resources: Dagster prints, stores and shows the fields of those, and a
token must never be one (docs/facts/reliability.md, 0.9).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

from audit_assets.axiom.axiom_py_adapter import AxiomConnection
from audit_assets.axiom.client import AxiomClient
from audit_assets.axiom.dashboard import build_dashboard, dashboard_uid
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.links import APP_URL, dashboard_link, query_link
from audit_assets.axiom.query_texts import activity_text, check_dataset, entries_text, quarantined_text
from audit_assets.cloudflare.audit_log_client import CloudflareClient
from audit_assets.cloudflare.request_pacing import RequestPacer
from audit_assets.config.accounts import Account, chosen_account
from audit_assets.config.accounts_file import title_start, where_set
from audit_assets.config.errors import SettingError
from audit_assets.config.policy import Tables, tables
from audit_assets.config.settings import (
    cloudflare_account,
    cloudflare_organization,
    cloudflare_streams,
    is_set,
    quiet_time,
    setting,
    variable_of,
)
from audit_assets.defs.steps.dry_run_opener import DryRunOpener
from audit_assets.defs.steps.first_contact import refuse_contradicted
from audit_assets.defs.steps.hour_notes import HourNotes, NoteModel
from audit_assets.defs.steps.run_inputs import RunInputs, load_run_inputs
from audit_assets.defs.steps.ticket_opener import TicketOpener
from audit_assets.linear.client import LinearClient
from audit_assets.linear.dry_run import (
    NOT_SET,
    DryRunIssueApi,
    OfflineConnection,
    ReadOnlyConnection,
    RenderedTicket,
)
from audit_assets.storage.hour_store import HourStore, open_store
from audit_assets.storage.store_account import claim_store, refuse_foreign_store
from audit_assets.transport.clock import Clock, SystemClock
from audit_assets.transport.http import HttpLimits
from audit_assets.triage.model_client import Model
from audit_assets.triage.prompts import load_prompt

PATIENT_ENOUGH = AxiomLimits(
    attempts=2, attempt_seconds=60, total_seconds=60, read_seconds=30, sends=2, visibility_seconds=30
)
"""Of the dataset of findings: what it did not take comes when the hour is run again. A judgement."""


@dataclass(frozen=True)
class CloudflareResource:
    """Cloudflare's audit log of one account. `pacer`: of all runs of this process."""

    clock: Clock = field(default_factory=SystemClock)
    limits: HttpLimits | None = None
    pacer: RequestPacer | None = None

    def client(self) -> CloudflareClient:
        """A client. Raises `SettingError` if a setting is missing."""
        return CloudflareClient(
            token=setting("CLOUDFLARE_API_TOKEN"),
            variable=variable_of("CLOUDFLARE_API_TOKEN"),
            account_id=cloudflare_account(),
            organization_id=cloudflare_organization(),
            base_url=setting("CLOUDFLARE_API_URL"),
            clock=self.clock,
            limits=self.limits,
            pacer=self.pacer,
        )

    def streams(self) -> tuple[str, ...]:
        """The streams that are pulled."""
        return cloudflare_streams()

    def account_id(self) -> str:
        """The account that is watched."""
        return cloudflare_account()


@dataclass(frozen=True)
class AxiomResource:
    """One dataset in Axiom. `tables`: the policy's, as a run loaded them; None to read them when they are needed."""

    clock: Clock = field(default_factory=SystemClock)
    limits: AxiomLimits | None = None
    tables: Tables | None = None

    def with_tables(self, loaded: Tables) -> Self:
        """The same dataset, under the policy of a run."""
        return replace(self, tables=loaded)

    def client(self) -> AxiomClient:
        """A client. Raises `SettingError` if a setting is missing."""
        return AxiomClient(
            token=setting("AXIOM_TOKEN"),
            dataset=setting("AXIOM_DATASET"),
            org_id=setting("AXIOM_ORG_ID"),
            url=setting("AXIOM_URL"),
            clock=self.clock,
            limits=self.limits,
            change_filter=(self.tables or tables()).counted,
            dataset_setting=where_set("AXIOM_DATASET"),
        )

    def connection(self, token: str | None = None) -> AxiomConnection:
        """A bare connection, for a probe: with the setting's token, or another one. Raises `SettingError`."""
        return AxiomConnection(
            token=setting("AXIOM_TOKEN") if token is None else token,
            dataset=check_dataset(self.dataset()),
            org_id=setting("AXIOM_ORG_ID"),
            url=setting("AXIOM_URL"),
            edge=None,
            clock=self.clock,
            limits=self.limits or AxiomLimits(),
            dataset_setting=where_set("AXIOM_DATASET"),
        )

    def dataset(self) -> str:
        """The dataset's name."""
        return setting("AXIOM_DATASET")

    def findings_dataset(self) -> str | None:
        """The name of the dataset of findings, if there is one. Raises `SettingError` if it is that of the entries:
        findings there would count as entries that nobody pulled."""
        name = setting("AXIOM_FINDINGS_DATASET") or None
        if name == self.dataset():
            raise SettingError(
                "AXIOM_FINDINGS_DATASET is the dataset of the entries: set it to another one, or unset it."
            )
        return name

    def findings_client(self, dataset: str) -> AxiomClient:
        """A client of the dataset of findings, which gives up soon. Raises `SettingError` if a setting is missing."""
        return AxiomClient(
            token=setting("AXIOM_TOKEN"),
            dataset=dataset,
            org_id=setting("AXIOM_ORG_ID"),
            url=setting("AXIOM_URL"),
            clock=self.clock,
            limits=self.limits or PATIENT_ENOUGH,
            dataset_setting="AXIOM_FINDINGS_DATASET",
        )

    def dashboard(self) -> dict[str, Any]:
        """The document of the dataset's dashboard. Raises `SettingError`."""
        return build_dashboard(self.dataset(), self.findings_dataset(), (self.tables or tables()).counted)

    def upload_dashboard(self, *, overwrite: bool) -> str:
        """Upload that document: the address that opens it. Raises `SettingError`, `Refused` or `Unavailable`."""
        with self.client() as client:
            uid = client.upload_dashboard(dashboard_uid(self.dataset()), self.dashboard(), overwrite=overwrite)
        return dashboard_link(uid, setting("AXIOM_ORG_ID"), app_url(setting("AXIOM_URL")))

    def activity_link(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> str:
        """The address that opens, in Axiom, the very query that was sent about these actors."""
        counted = (self.tables or tables()).counted
        return self._link(activity_text(self.dataset(), actor_keys, start, end, counted), start, end)

    def entries_link(self, actor_keys: Sequence[str], start: datetime, end: datetime) -> str:
        """The address that opens, in Axiom, all that is held of these actors in [start, end)."""
        return self._link(entries_text(self.dataset(), actor_keys, start, end), start, end)

    def quarantine_link(self, start: datetime, end: datetime) -> str:
        """The address that opens, in Axiom, the entries of [start, end) that could not be read."""
        return self._link(quarantined_text(self.dataset(), start, end), start, end)

    def _link(self, apl: str, start: datetime, end: datetime) -> str:
        return query_link(apl, start, end, setting("AXIOM_ORG_ID"), app_url(setting("AXIOM_URL")))


def app_url(api_url: str) -> str:
    """Where Axiom's app lives: `api.` becomes `app.` (docs/facts/axiom.md, 4); a sandbox has both under one address."""
    address = urlsplit(api_url)
    if address.hostname in ("127.0.0.1", "localhost"):
        return f"{address.scheme}://{address.netloc}"
    return api_url.replace("//api.", "//app.", 1) if "//api." in api_url else APP_URL


@dataclass(frozen=True)
class LinearResource:
    """One workspace in Linear, and the team that gets the tickets unless the policy has another. `tables` as for
    AxiomResource."""

    clock: Clock = field(default_factory=SystemClock)
    limits: HttpLimits | None = None
    tables: Tables | None = None

    def with_tables(self, loaded: Tables) -> Self:
        """The same workspace, under the policy of a run."""
        return replace(self, tables=loaded)

    def client(self) -> LinearClient:
        """A client. Raises `SettingError` if a setting is missing."""
        return LinearClient(**self._settings(setting("LINEAR_API_KEY"), setting("LINEAR_TEAM_KEY")))

    def opener(self) -> TicketOpener:
        """What puts findings on tickets. Raises `SettingError` if a setting is missing."""
        return TicketOpener(self.client(), quiet_time())

    def dry_run(self) -> "LinearDryRun":
        """The same team for a dry run."""
        return LinearDryRun(self.clock, self.limits, self.tables)

    def _settings(self, api_key: str, team_key: str) -> dict[str, Any]:
        return {
            "api_key": api_key,
            "team_key": team_key,
            "label": setting("LINEAR_LABEL") or None,
            "fields": (self.tables or tables()).ticket_fields,
            "url": setting("LINEAR_API_URL"),
            "clock": self.clock,
            "limits": self.limits,
            "title_start": title_start(),
        }


@dataclass(frozen=True)
class LinearDryRun(LinearResource):
    """A team in Linear that can only be read through this. `rendered`: what its openers would have written."""

    rendered: list[RenderedTicket] = field(default_factory=list)

    def client(self) -> LinearClient:
        """A client that writes nothing; where the key or the team is missing, it reads nothing either."""
        team_key = setting("LINEAR_TEAM_KEY") if is_set("LINEAR_TEAM_KEY") else NOT_SET
        api_key, connection = NOT_SET, OfflineConnection
        if not self.unset():
            api_key, connection = setting("LINEAR_API_KEY"), ReadOnlyConnection
        return LinearClient(**self._settings(api_key, team_key), connection=connection, issues=DryRunIssueApi)

    def opener(self) -> DryRunOpener:
        """What renders the tickets that it would open."""
        return DryRunOpener(self.client(), self.rendered, quiet_time())

    def unset(self) -> list[str]:
        """The settings that are missing to read a team's tickets."""
        return [name for name in ("LINEAR_API_KEY", "LINEAR_TEAM_KEY") if not is_set(name)]


@dataclass(frozen=True)
class TriageResource:
    """The language model that writes notes on tickets, if a team has named one."""

    clock: Clock = field(default_factory=SystemClock)

    def model(self) -> NoteModel | None:
        """The model, or None. Raises `SettingError` or `Refused` for one that can't be used as it is set."""
        name = setting("AUDIT_ASSETS_TRIAGE_MODEL")
        if not name:
            return None
        return Model(
            name=name,
            api_key=setting("AUDIT_ASSETS_TRIAGE_API_KEY"),
            url=setting("AUDIT_ASSETS_TRIAGE_URL"),
            prompt=load_prompt(setting("AUDIT_ASSETS_TRIAGE_PROMPT")),
            clock=self.clock,
        )

    def hour_notes(self) -> HourNotes:
        """What writes the notes of one hour."""
        return HourNotes(self.model, self.clock)


_OWN_STORES: dict[tuple[str, str], bool] = {}
"""The stores that this process opened, each with the account whose hours it holds, and whether the store itself keeps
whose they are: one is opened often, and each look at an object store is a request."""


@dataclass(frozen=True)
class StorageResource:
    """Where the stored hours lie."""

    clock: Clock = field(default_factory=SystemClock)

    def open(self, run_id: str | None = None) -> HourStore:
        """The hour store. `run_id`: of the run that it is for, which reads nothing twice; None to see what is stored
        at each moment. Raises `ForeignStore` for one that holds another account's hours."""
        store = open_store(run_id)
        if is_set("CLOUDFLARE_ACCOUNT_ID"):
            known = (str(store.root), cloudflare_account())
            if known not in _OWN_STORES:
                _OWN_STORES[known] = refuse_foreign_store(store, known[1])
        return store

    def claim(self, store: HourStore, account_id: str) -> None:
        """Keep in a store whose hours it holds, before the first are written. Raises `ForeignStore`."""
        if not _OWN_STORES.get((str(store.root), account_id)):
            claim_store(store, account_id)
            _OWN_STORES[str(store.root), account_id] = True

    def now(self) -> datetime:
        """The time of day: an hour that has not ended can't be stored."""
        return self.clock.now()


class RunInputsResource:
    """What the assets of a run share. It is loaded by the first that needs it and kept until another run begins: with
    the in-process executor once a run, with others once in each process."""

    def __init__(self) -> None:
        self._loaded_for: tuple[str, Account | None] | None = None
        self._inputs: RunInputs | None = None

    def of_run(self, run_id: str) -> RunInputs:
        """The inputs of a run. Raises `SettingError` for an account or a policy that can't be used, and
        `ContradictedAssumption` for a service whose answers can't be trusted."""
        wanted = (run_id, chosen_account())  # a run that a person starts may be of several accounts
        if self._inputs is None or self._loaded_for != wanted:
            store = StorageResource().open(run_id)
            refuse_contradicted(store, "Cloudflare", "Axiom")
            self._inputs = load_run_inputs(cloudflare_account(), store)
            self._loaded_for = wanted
        return self._inputs
