"""The errors that a person reads: one sentence each, naming the thing, what is wrong with it and what to do.

AuditAssetsError
├── SettingError          a setting is missing or is not what it must be
├── ServiceError          one of the three services could not do what was requested
│   ├── Refused           and never will, requested the same way: another try can't help
│   ├── Unavailable       now: another try may help
│   └── Incomplete        it answered, but the answer can't be the whole truth: another try may help
└── StoreError            the hour store could not be read or written
"""

from audit_assets.transport.untrusted_text import visible


class AuditAssetsError(Exception):
    """Base of all errors whose text is meant for a person: one line, whatever of a service's or a file's is in it."""

    permanent = True
    """Whether trying the same again is pointless until somebody changes something."""

    def __str__(self) -> str:
        return visible(super().__str__())


class SettingError(AuditAssetsError):
    """A setting is missing or malformed."""


class ServiceError(AuditAssetsError):
    """A service could not do what was requested of it."""


class Refused(ServiceError):
    """The service understood and refused: bad credentials, no permission, no such thing."""


class Unavailable(ServiceError):
    """The service could not be reached, was busy, or failed."""

    permanent = False


class Incomplete(ServiceError):
    """The service answered, but not with everything it should have."""

    permanent = False


class StoreError(AuditAssetsError):
    """The hour store could not be read or written."""

    permanent = False
