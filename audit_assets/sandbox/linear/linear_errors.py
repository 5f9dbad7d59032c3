"""Linear's errors, as recorded from the real one: message, `extensions` and HTTP status (docs/facts/linear.md, 2)."""

from dataclasses import dataclass
from typing import Any


@dataclass
class LinearError(Exception):
    """An error answer. Linear's SDK distinguishes errors by `type`; `code` is not known for all of them."""

    message: str
    code: str | None
    type: str
    status: int
    presentable: str | None = None
    user_error: bool = True

    def extensions(self) -> dict[str, Any]:
        """The members beside the message; `statusCode` is 4xx even where the HTTP status is 200, as recorded."""
        status = self.status if self.status != 200 else 400
        optional = {"code": self.code, "userPresentableMessage": self.presentable}
        known = {name: value for name, value in optional.items() if value is not None}
        return {"type": self.type, "userError": self.user_error, "statusCode": status, **known}

    def body(self) -> dict[str, Any]:
        """The whole answer, for an error before anything was executed."""
        return {"errors": [{"message": self.message, "extensions": self.extensions()}], "data": None}


def not_authenticated() -> LinearError:
    """No credential, or an unknown one."""
    message = "Authentication required, not authenticated"
    shown = "You need to authenticate to access this operation."
    return LinearError(message, "AUTHENTICATION_ERROR", "authentication error", 401, shown)


def key_as_bearer() -> LinearError:
    """An API key with the scheme Bearer, which is for OAuth."""
    message = (
        "It looks like you're trying to use an API key as a Bearer token. Remove the Bearer prefix from the "
        "Authorization header."
    )
    return LinearError(message, "AUTHENTICATION_ERROR", "authentication error", 400, message)


def forbidden(what: str, status: int = 403) -> LinearError:
    """The key may not do that."""
    return LinearError(what, "FORBIDDEN", "forbidden", status, what)


def invalid_document(message: str) -> LinearError:
    """A document that the schema does not allow, or variables of a wrong type."""
    return LinearError(message, "GRAPHQL_VALIDATION_FAILED", "graphql error", 400)


def too_complex(complexity: int, most: int) -> LinearError:
    """One query that asks for too much (mvanhorn/printing-press-library#946 has the whole text)."""
    shown = f"The query is too complex. Complexity: {complexity}. Maximum allowed complexity: {most}."
    return LinearError("Query too complex", "INPUT_ERROR", "invalid input", 400, shown)


def invalid_input(shown: str, status: int) -> LinearError:
    """A value that the schema lets through and Linear does not."""
    return LinearError("Argument Validation Error", "INVALID_INPUT", "invalid input", status, shown)


def mismatch(message: str, status: int) -> LinearError:
    """Values that are valid each, but not together."""
    return LinearError(message, "INVALID_INPUT", "invalid input", status, message)


def not_found(kind: str, status: int) -> LinearError:
    """An id that does not exist."""
    shown = f"Could not find referenced {kind}."
    return LinearError(f"Entity not found: {kind}", "INPUT_ERROR", "invalid input", status, shown)


def labels_not_exclusive(label: str, other: str, status: int) -> LinearError:
    """Two labels of one group."""
    shown = f"The label '{label}' is in the same group as '{other}'. Only one label in a group can be applied."
    return LinearError("labelIds not exclusive child labels", "INPUT_ERROR", "invalid input", status, shown)


def conflict(kind: str, entity_id: str, status: int) -> LinearError:
    """An id that is taken."""
    shown = f"Entity {kind} with id {entity_id} already exists."
    return LinearError(f"conflict on insert of {kind}", "INPUT_ERROR", "invalid input", status, shown)


def rate_limited() -> LinearError:
    """A rate limit is used up; the headers have the time of its reset."""
    shown = "Rate limit exceeded. Try again after the limit was reset."
    return LinearError("Rate limit exceeded", "RATELIMITED", "ratelimited", 400, shown)


def lock_timeout(status: int) -> LinearError:
    """Another request holds the lock; nothing was executed."""
    return LinearError("Lock timeout", None, "lock timeout", status, user_error=False)


def internal_error(status: int) -> LinearError:
    """Linear's own failure; nothing was executed."""
    message = "Internal server error"
    return LinearError(message, "INTERNAL_SERVER_ERROR", "internal error", status, user_error=False)


def description_conflict(status: int) -> LinearError:
    """A conflict in the store of descriptions, which does not concern the issue's own id (docs/facts/linear.md, 1)."""
    message = "conflict on insert of DocumentContent"
    return LinearError(message, "INPUT_ERROR", "invalid input", status, "Could not save the description.")
