"""What Axiom shows of a token before it is used: whether it may ingest, and whether it is of the organisation that the
settings name. Writes no event.

Neither is documented to be readable with an API token, so each is found out from more than one answer, and is None if
none of them decides it (docs/facts/axiom.md, 2.5).
"""

import gzip
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from audit_assets.axiom.axiom_py_adapter import PERSONAL_TOKEN, AxiomConnection, AxiomReply, NoReply
from audit_assets.axiom.limits import AxiomLimits
from audit_assets.axiom.query_texts import check_dataset
from audit_assets.transport.clock import Clock

NO_EVENTS = gzip.compress(b"[]", mtime=0)
"""An array of no events: there is nothing in it that could be stored."""

REFUSED = (401, 403)
"""The documentation contradicts itself on which of them a lacking capability gets (docs/facts/axiom.md, 2.2)."""


@dataclass(frozen=True)
class TokenAccess:
    """`may_ingest` and `is_of_organisation` are None where Axiom does not show it. `organisations`: the ids of those
    that it lists. `is_personal`: whether the token may do all that its owner may."""

    may_ingest: bool | None
    is_of_organisation: bool | None
    organisations: tuple[str, ...] = ()
    is_personal: bool = False


def find_access(*, token: str, org_id: str, dataset: str, url: str, clock: Clock, limits: AxiomLimits) -> TokenAccess:
    """Ask with a few harmless requests. Raises `SettingError` or `Refused` for a token, a dataset or an address that
    can't be right; an answer that does not come decides nothing."""

    def connect(organisation: str) -> AxiomConnection:
        return AxiomConnection(
            token=token,
            dataset=check_dataset(dataset, "AXIOM_DATASET"),
            org_id=organisation,
            url=url,
            edge=None,
            clock=clock,
            limits=limits,
        )

    with closing(connect(org_id)) as named:
        listed = _organisations(named)
        is_of = org_id in listed if listed else _is_accepted(connect, named)
        ingest = _reply(lambda: named.ingest_json(NO_EVENTS)) if is_of is not False else None
    may_ingest = {200: True, **dict.fromkeys(REFUSED, False)}.get(ingest.status) if ingest else None
    return TokenAccess(may_ingest, is_of, listed, token.startswith(PERSONAL_TOKEN))


def _organisations(connection: AxiomConnection) -> tuple[str, ...]:
    """The ids of the organisations that Axiom lists; none if this token may not list them."""
    reply = _reply(lambda: connection.get("/v1/orgs"))
    listed = reply.json() if reply and reply.status == 200 else None
    ids = [each.get("id") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return tuple(connection.sanitize(each, 80) for each in ids if isinstance(each, str) and each)


def _is_accepted(connect: Callable[[str], AxiomConnection], named: AxiomConnection) -> bool | None:
    """False if Axiom refuses with the organisation what it allows without it, and does so twice: a list that needs no
    capability."""
    with closing(connect("")) as unnamed:
        for connection, expected in ((named, REFUSED), (unnamed, (200,)), (named, REFUSED)):
            reply = _reply(lambda connection=connection: connection.get("/v2/datasets"))
            if reply is None or reply.status not in expected:
                return None
    return False


def _reply(ask: Callable[[], AxiomReply]) -> AxiomReply | None:
    try:
        return ask()
    except NoReply:
        return None
