"""The certificate of the API: the owner's files, or one that the engine makes for itself and renews with the same key.

A self-made certificate is pinned by its SHA-256 fingerprint. Its successor is made long before it is used and told to
callers that hold the pin already, so that they can follow without asking anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import hashlib
import ipaddress
import os
from pathlib import Path
import ssl
from typing import TYPE_CHECKING, Final

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.lazy import lazy

if TYPE_CHECKING:
    from cryptography import exceptions, x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
else:
    # an engine without TLS never looks into it
    exceptions = lazy("cryptography.exceptions")
    x509 = lazy("cryptography.x509")
    hashes = lazy("cryptography.hazmat.primitives.hashes")
    serialization = lazy("cryptography.hazmat.primitives.serialization")
    ec = lazy("cryptography.hazmat.primitives.asymmetric.ec")

FOLDER: Final = "tls"
KEY_FILE: Final = "key.pem"
CERTIFICATE_FILE: Final = "certificate.pem"
NEXT_FILE: Final = "next.pem"
LASTS: Final = timedelta(days=3 * 365)
ANNOUNCED: Final = timedelta(days=90)
RENEWED: Final = timedelta(days=30)
_EARLY: Final = timedelta(days=1)


class UnusableCertificate(HomeSentryError, ValueError):
    """Certificate, key or authority file cannot be read, are no PEM, or do not belong together."""


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
    leaf = _read(chain)
    return Certificate(
        chain=chain, key=key, fingerprint=_fingerprint(leaf), expires_at=leaf.not_valid_after_utc, own=False
    )


def own_certificate(data: Path, names: Sequence[str], now: datetime) -> Certificate:
    """Read the engine's own certificate in its data folder, making and renewing it where that is due.

    The key is made once, readable by its owner alone. Raises ``UnusableCertificate``.
    """
    folder = data / FOLDER
    key_file, chain, following = folder / KEY_FILE, folder / CERTIFICATE_FILE, folder / NEXT_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = _key(key_file)
        if following.exists() and (not chain.exists() or _read(chain).not_valid_after_utc <= now):
            following.replace(chain)
        leaf = _made(chain, key, names, now)
        if leaf.not_valid_after_utc - now < ANNOUNCED:
            successor = _made(following, key, names, now)
            if leaf.not_valid_after_utc - now < RENEWED:
                following.replace(chain)
                leaf = successor
    except OSError as err:
        raise UnusableCertificate(f"cannot keep the certificate in the data folder: {err.strerror}") from err
    return Certificate(
        chain=chain,
        key=key_file,
        fingerprint=_fingerprint(leaf),
        expires_at=leaf.not_valid_after_utc,
        own=True,
        next_fingerprint=_fingerprint(_read(following)) if following.exists() else None,
    )


def known_certificate(data: Path) -> Certificate | None:
    """Read the engine's own certificate without making one; None before the first start with TLS."""
    chain = data / FOLDER / CERTIFICATE_FILE
    if not chain.exists():
        return None
    leaf = _read(chain)
    return Certificate(
        chain=chain,
        key=data / FOLDER / KEY_FILE,
        fingerprint=_fingerprint(leaf),
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


def _key(file: Path) -> ec.EllipticCurvePrivateKey:
    if file.exists():
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        try:
            key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except (ValueError, TypeError, exceptions.UnsupportedAlgorithm) as err:
            raise UnusableCertificate(f"{file.name} is damaged; without it a new one is made") from err
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UnusableCertificate(f"{file.name} is not the engine's; without it a new one is made")
        return key
    made = ec.generate_private_key(ec.SECP256R1())
    text = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(file, text)
    return made


def _made(file: Path, key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> x509.Certificate:
    """Read a certificate of this key that has not ended, else make one."""
    if file.exists():
        found = _read(file)
        if found.public_key() == key.public_key() and found.not_valid_after_utc > now:
            return found
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "Home Sentry engine")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(file, made.public_bytes(serialization.Encoding.PEM))
    return made


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _read(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as err:
        raise UnusableCertificate(f"{file.name} holds no certificate that can be read") from err


def _fingerprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def _write(file: Path, content: bytes) -> None:
    fresh = file.with_name(f".{file.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
