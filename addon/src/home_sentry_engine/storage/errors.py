"""Failures of the store, each with a sentence for people.

::

    StorageError (HomeSentryError)
    ├── StorageClosed (RuntimeError)        used outside its life
    ├── StorageBusy (TimeoutError)          somebody else holds the database, or too much waits
    ├── StorageUnreachable (ConnectionError) the database server does not answer
    ├── StorageFull (OSError)               the disk is full; nothing of the transaction was kept
    ├── CorruptDatabase                     the file is not a sound database
    ├── SchemaTooNew                        a newer release made this database
    ├── NetworkFileSystem (OSError)         SQLite's locks and shared memory do not work there
    ├── NaiveDatetime (ValueError)          a time without its zone
    ├── CameraNameTaken (ValueError)        two folders or names lead to one camera id
    ├── UnknownRow (LookupError)            the id that was to be changed does not exist
    ├── StaleRevision                       the event was revised by somebody else meanwhile
    ├── InvalidCursor (ValueError)          a page cursor that this query did not give
    └── MalformedSearch (ValueError)        words to search for that the grammar does not know
"""

from home_sentry_engine.domain.errors import HomeSentryError, Outage


class StorageError(HomeSentryError):
    """Base of every failure of the store."""


class StorageClosed(StorageError, RuntimeError):
    """The database was used before it was opened or after it was closed."""


class StorageBusy(StorageError, Outage, TimeoutError):
    """Another process holds the database, or more work waits than is allowed."""


class StorageUnreachable(StorageError, Outage, ConnectionError):
    """The database server does not answer; whether a running transaction was kept is not known."""


class StorageFull(StorageError, Outage, OSError):
    """The disk is full; nothing of the transaction was kept."""


class CorruptDatabase(StorageError):
    """The file is not a sound database."""


class SchemaTooNew(StorageError):
    """The database was made by a newer release and is left alone."""


class NetworkFileSystem(StorageError, OSError):
    """The SQLite file would lie on a network file system."""


class NaiveDatetime(StorageError, ValueError):
    """A time without its zone was about to be stored."""


class CameraNameTaken(StorageError, ValueError):
    """Another folder already has this camera id."""


class UnknownRow(StorageError, LookupError):
    """No row has this id."""


class StaleRevision(StorageError):
    """The stored event has a newer revision than the one to be saved."""


class InvalidCursor(StorageError, ValueError):
    """The cursor is malformed or belongs to another query."""


class MalformedSearch(StorageError, ValueError):
    """A search does not follow the grammar; ``position`` counts its characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        """Take the sentence and where it is wrong."""
        super().__init__(message)
        self.position = position
