"""Keys and certificates in PEM files."""

from collections.abc import Sequence
from datetime import datetime, timedelta
import hashlib
import ipaddress
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from home_sentry_engine.resilience.private_file import write_private

from .certificate_errors import UnusableCertificate

_EARLY: Final = timedelta(days=1)


def key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Read the key, making one the first time; raises ``UnusableCertificate``."""
    if file.exists():
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        try:
            key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as err:
            raise UnusableCertificate(f"{file.name} is damaged; without it a new one is made") from err
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UnusableCertificate(f"{file.name} is not the engine's; without it a new one is made")
        return key
    made = ec.generate_private_key(ec.SECP256R1())
    text = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(file, text)
    return made


def made(
    file: Path, key: ec.EllipticCurvePrivateKey, names: Sequence[str], lasts: tuple[datetime, datetime]
) -> x509.Certificate:
    """Read a certificate of this key that has not ended, else make one for these names (now, until)."""
    now, until = lasts
    if file.exists():
        found = read(file)
        if found.public_key() == key.public_key() and found.not_valid_after_utc > now:
            return found
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Home Sentry engine")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(file, made.public_bytes(serialization.Encoding.PEM))
    return made


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def read(file: Path) -> x509.Certificate:
    """Read the first certificate of a file; raises ``UnusableCertificate``."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as err:
        raise UnusableCertificate(f"{file.name} holds no certificate that can be read") from err


def fingerprint(certificate: x509.Certificate) -> str:
    """Give the SHA-256 of a certificate."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
