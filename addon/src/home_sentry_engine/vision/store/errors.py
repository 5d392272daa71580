"""Why a model file cannot be had.

::

    Unavailable
    └── StoreError
        ├── ModelMissing (LookupError)        nowhere to be found, or nothing may be fetched
        ├── HashMismatch (ValueError)         the bytes are not those that the card or the lock file names
        ├── DiskTooFull (OSError)             fetching would leave less than the disk floor
        ├── LicenceNotAccepted (PermissionError)  not for everybody, and nobody has agreed to its licence
        └── DownloadFailed (ConnectionError)  the mirror or source did not deliver
"""

from home_sentry_engine.domain.errors import Unavailable


class StoreError(Unavailable):
    """A model file cannot be had; the sentence says why and what helps."""


class ModelMissing(StoreError, LookupError):
    """The file is neither here nor in the mirror, and there is no source to fetch it from."""


class HashMismatch(StoreError, ValueError):
    """A file does not have the expected sha256 or size; a copy of our own was deleted."""


class DiskTooFull(StoreError, OSError):
    """The file would leave less free space than the floor."""


class LicenceNotAccepted(StoreError, PermissionError):
    """The model is not free for every use; a person must agree to its licence by name."""


class DownloadFailed(StoreError, ConnectionError):
    """The download broke off or the server refused it; what arrived is kept for a resume."""
