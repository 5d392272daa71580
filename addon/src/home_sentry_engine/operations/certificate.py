"""The certificate of the API: the owner's files, or one that the engine makes for itself and renews with the same key.

A self-made certificate is pinned by its SHA-256 fingerprint. Its successor is made long before it is used and told to
callers that hold the pin already, so that they can follow without asking anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
import ssl
from types import ModuleType
from typing import Final

from .certificate_errors import UnusableCertificate

__all__ = [
    "ANNOUNCED",
    "FOLDER",
    "LASTS",
    "RENEWED",
    "Certificate",
    "Keeper",
    "UnusableCertificate",
    "grouped",
    "known_certificate",
    "load_into",
    "own_certificate",
    "provided_certificate",
    "server_context",
]

FOLDER: Final = "tls"
KEY_FILE: Final = "key.pem"
CERTIFICATE_FILE: Final = "certificate.pem"
NEXT_FILE: Final = "next.pem"
LASTS: Final = timedelta(days=3 * 365)
ANNOUNCED: Final = timedelta(days=90)
RENEWED: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What callers are shown; fingerprints are the SHA-256 of the whole certificate as 64 hexadecimal digits.

    ``next_fingerprint`` is that of the certificate which will follow, once it exists; ``own``: the engine made it.
    """

    chain: Path
    key: Path
    fingerprint: str
    expires_at: datetime
    own: bool
    next_fingerprint: str | None = None


def grouped(fingerprint: str) -> str:
    """Write a fingerprint for people: pairs of capital digits with colons."""
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()


def provided_certificate(chain: Path, key: Path) -> Certificate:
    """Read the owner's files; raises ``UnusableCertificate``."""
    leaf = _x509().read(chain)
    return Certificate(
        chain=chain, key=key, fingerprint=_x509().fingerprint(leaf), expires_at=leaf.not_valid_after_utc, own=False
    )


def own_certificate(data: Path, names: Sequence[str], now: datetime) -> Certificate:
    """Read the engine's own certificate in its data folder, making and renewing it where that is due.

    The key is made once, readable by its owner alone. Raises ``UnusableCertificate``.
    """
    folder = data / FOLDER
    key_file, chain, following = folder / KEY_FILE, folder / CERTIFICATE_FILE, folder / NEXT_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = _x509().key(key_file)
        if following.exists() and (not chain.exists() or _x509().read(chain).not_valid_after_utc <= now):
            following.replace(chain)
        leaf = _x509().made(chain, key, names, (now, now + LASTS))
        if leaf.not_valid_after_utc - now < ANNOUNCED:
            successor = _x509().made(following, key, names, (now, now + LASTS))
            if leaf.not_valid_after_utc - now < RENEWED:
                following.replace(chain)
                leaf = successor
    except OSError as err:
        raise UnusableCertificate(f"cannot keep the certificate in the data folder: {err.strerror}") from err
    return Certificate(
        chain=chain,
        key=key_file,
        fingerprint=_x509().fingerprint(leaf),
        expires_at=leaf.not_valid_after_utc,
        own=True,
        next_fingerprint=_x509().fingerprint(_x509().read(following)) if following.exists() else None,
    )


def known_certificate(data: Path) -> Certificate | None:
    """Read the engine's own certificate without making one; None before the first start with TLS."""
    chain = data / FOLDER / CERTIFICATE_FILE
    if not chain.exists():
        return None
    leaf = _x509().read(chain)
    return Certificate(
        chain=chain,
        key=data / FOLDER / KEY_FILE,
        fingerprint=_x509().fingerprint(leaf),
        expires_at=leaf.not_valid_after_utc,
        own=True,
    )


def server_context(certificate: Certificate, client_ca: Path | None = None) -> ssl.SSLContext:
    """Give a context of TLS 1.2 or newer; with ``client_ca`` callers need a certificate of that authority.

    Raises ``UnusableCertificate``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    load_into(context, certificate)
    if client_ca is not None:
        try:
            context.load_verify_locations(cafile=client_ca)
        except (OSError, ssl.SSLError) as err:
            raise UnusableCertificate(f"'tls_client_ca': {client_ca.name} is no readable PEM file") from err
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load_into(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Show this certificate to callers that come from now on; raises ``UnusableCertificate``."""
    try:
        context.load_cert_chain(certificate.chain, certificate.key)
    except (OSError, ssl.SSLError) as err:
        names = f"{certificate.chain.name} and {certificate.key.name}"
        raise UnusableCertificate(f"{names} are no certificate with its key: {type(err).__name__}") from err


class Keeper:
    """Holds the certificate that is shown and brings it up to date: renewal, or other files of the owner."""

    def __init__(self, read: Callable[[], Certificate], client_ca: Path | None = None) -> None:
        """``read`` gives the certificate that counts now; raises ``UnusableCertificate`` like it, and blocks."""
        self._read = read
        self.certificate = read()
        self.context = server_context(self.certificate, client_ca)

    def review(self) -> bool:
        """Look again and tell whether another certificate is shown from now on; raises ``UnusableCertificate``."""
        found = self._read()
        changed = found.fingerprint != self.certificate.fingerprint
        if changed:
            load_into(self.context, found)
        self.certificate = found
        return changed


def _x509() -> ModuleType:
    # its library weighs 10 MB in memory, which an engine without TLS never needs
    from . import x509_files  # noqa: PLC0415

    return x509_files
