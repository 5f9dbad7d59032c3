"""How an error of ours becomes a failure of Dagster's: one sentence, and whether another try can help.

Only the sentence is kept: the cause's stack would put request details, and secrets beside them, into Dagster's event
log.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from audit_assets.config.errors import AuditAssetsError

PERMANENT = "permanent"
"""Metadata of a failure that another try can't help: somebody has to change something."""


@contextmanager
def raise_as_dagster_failure() -> Iterator[None]:
    """Raise `dagster.Failure` in place of any `AuditAssetsError` of the block. Retries are allowed if they can help."""
    try:
        yield
    except AuditAssetsError as error:
        metadata = {PERMANENT: True} if error.permanent else {}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=not error.permanent) from None
