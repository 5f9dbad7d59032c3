"""The sandbox's Linear: GraphQL over HTTP on one path, and the pages that show its tickets."""

from starlette.routing import Route

from audit_assets.sandbox.faults import FaultPlan
from audit_assets.sandbox.stage import Stage

API_KEY = "lin_api_sandbox"  # opens nothing but a sandbox on this machine
TEAM_KEY = "SEC"


class LinearService:
    """One workspace with one team, Security."""

    def __init__(self, stage: Stage, plan: FaultPlan) -> None:
        self._stage = stage
        self._plan = plan

    def routes(self) -> list[Route]:
        """What the sandbox serves of it."""
        return []

    def environment(self, base_url: str) -> dict[str, str]:
        """The settings that make audit_assets speak to it."""
        return {"LINEAR_API_URL": f"{base_url}/graphql", "LINEAR_API_KEY": API_KEY, "LINEAR_TEAM_KEY": TEAM_KEY}

    def close(self) -> None:
        """Close what it holds open."""
