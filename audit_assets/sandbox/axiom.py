"""Axiom's stand-in: ingest, query and dataset management over HTTP, as facts/axiom.md describes them."""

from starlette.routing import Route

from audit_assets.sandbox.faults import FaultPlan
from audit_assets.sandbox.stage import Stage

DATASET = "cloudflare-audit"
"""The dataset that exists from the start."""

TOKEN = "xaat-00000000-0000-4000-8000-000000000000"  # noqa: S105 - opens nothing but the sandbox
"""The API token that the sandbox accepts."""

ORG_ID = "sandbox-org"
"""The organisation that links point into."""


class AxiomService:
    """The three groups of routes, on one database in the stage's directory."""

    def __init__(self, stage: Stage, plan: FaultPlan) -> None:
        self.stage = stage
        self.plan = plan

    def routes(self) -> list[Route]:
        """The routes that Axiom answers."""
        return []

    def environment(self, base_url: str) -> dict[str, str]:
        """The settings that make audit_assets speak to this service."""
        return {"AXIOM_URL": base_url, "AXIOM_TOKEN": TOKEN, "AXIOM_ORG_ID": ORG_ID, "AXIOM_DATASET": DATASET}

    def close(self) -> None:
        """Close the database."""
