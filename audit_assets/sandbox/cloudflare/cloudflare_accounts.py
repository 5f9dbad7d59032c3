"""Several accounts behind one address: a request is answered by the account that its path names, or whose token it has.

Each account has a log, a token and limits of its own. What names none is answered by the first.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit_assets.sandbox.cloudflare.access_control import ACCOUNT_ID
from audit_assets.sandbox.cloudflare.cloudflare_service import CloudflareService


def account_id_of(number: int) -> str:
    """The id of the account of that number, from 1; the same in every sandbox."""
    return ACCOUNT_ID if number == 1 else f"{int(ACCOUNT_ID, 16) + number:032x}"


class CloudflareAccounts:
    """The accounts, which may become more while the sandbox runs."""

    def __init__(self, first: CloudflareService) -> None:
        self.services = [first]

    def routes(self) -> list[Route]:
        """The routes of one account, each for all of them."""
        return [
            Route(route.path, self._of_the_right_one(place), methods=[*(route.methods or [])])
            for place, route in enumerate(self.services[0].routes())
        ]

    def _of_the_right_one(self, place: int) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await self._named_by(request).routes()[place].endpoint(request)

        return endpoint

    def _named_by(self, request: Request) -> CloudflareService:
        named, bearer = request.path_params.get("account_id"), request.headers.get("authorization")
        for service in self.services:
            if service.account_id == named or (named is None and bearer == f"Bearer {service.credential}"):
                return service
        return self.services[0]
