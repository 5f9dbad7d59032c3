"""How an error of ours becomes a failure of Dagster's: one sentence, and whether another try can help.

The sentence is all that is kept: the cause's stack would put request details, and whatever stands beside them, into
Dagster's event log.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from audit_assets.config.errors import AuditAssetsError


@contextmanager
def raise_as_dagster_failure() -> Iterator[None]:
    """Raise `dagster.Failure` in place of any `AuditAssetsError` of the block."""
    try:
        yield
    except AuditAssetsError as error:
        raise dagster_failure_of(error) from None


def dagster_failure_of(error: AuditAssetsError) -> dg.Failure:
    """The failure that tells this error. Retries are allowed unless they are pointless."""
    return dg.Failure(description=str(error), allow_retries=not error.permanent)
