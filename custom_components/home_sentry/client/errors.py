"""Why the engine could not be used.

::

    ClientError
    ├── Unreachable (ConnectionError)   no answer within the deadline, or the connection broke
    ├── Refused (PermissionError)       the token is missing or wrong
    ├── NotAllPowers (PermissionError)  the token is right but may not do everything
    ├── Untrusted (PermissionError)     nobody vouches for the certificate of the engine
    │   └── CertificateChanged          another certificate than the pinned one is shown
    ├── Incompatible (ValueError)       the wire schemas of both sides do not overlap
    ├── WrongEngine (LookupError)       another engine than the expected one answers
    ├── BadAnswer (ValueError)          something answers, but not as an engine
    └── NoPicture (LookupError)         the engine has no such picture
"""

from ..contract import MIN_SCHEMA, SCHEMA, Hello, Info, is_compatible


class ClientError(Exception):
    """The engine could not be used."""


class Unreachable(ClientError, ConnectionError):
    """No answer within the deadline, or the connection broke."""


class Refused(ClientError, PermissionError):
    """The token is missing or wrong."""


class NotAllPowers(ClientError, PermissionError):
    """The token is that of a key which may not do everything, or does not see every camera."""


class Untrusted(ClientError, PermissionError):
    """Nobody vouches for the certificate of the engine."""


class CertificateChanged(Untrusted):
    """Another certificate than the pinned one is shown; both are fingerprints."""

    def __init__(self, *, expected: str, found: str) -> None:
        """Keep both fingerprints."""
        self.expected = expected
        self.found = found
        super().__init__(f"the certificate {found[:16]}… is shown where {expected[:16]}… was expected")


class Incompatible(ClientError, ValueError):
    """Engine and integration speak different wire schemas; ``engine_is_older`` says which one to update."""

    def __init__(self, peer: Hello | Info) -> None:
        """Keep the engine's version for the message to the user."""
        self.engine_version = peer.version
        self.engine_is_older = peer.schema < MIN_SCHEMA
        super().__init__(
            f"engine {peer.version} speaks schema {peer.min_schema}..{peer.schema}, this side {MIN_SCHEMA}..{SCHEMA}"
        )


class WrongEngine(ClientError, LookupError):
    """Another engine than the expected one answers at the address."""

    def __init__(self, *, expected: str, found: str) -> None:
        """Keep both instance ids."""
        self.expected = expected
        self.found = found
        super().__init__(f"engine {found} answers where {expected} was expected")


class BadAnswer(ClientError, ValueError):
    """Something answers, but not as an engine of Home Sentry does."""


class NoPicture(ClientError, LookupError):
    """The engine has no such picture (any more)."""


def require_compatible(peer: Hello | Info) -> None:
    """Raise ``Incompatible`` unless this build can talk to the peer."""
    if not is_compatible(schema=peer.schema, min_schema=peer.min_schema):
        raise Incompatible(peer)
