"""Certificates that no authority vouches for: pinned by their SHA-256 fingerprint, written as 64 hexadecimal digits."""

from typing import Final

from aiohttp import ClientError as HttpError
from aiohttp import ClientSession, ClientTimeout, Fingerprint, ServerFingerprintMismatch

from .errors import BadAnswer, Unreachable

_NOBODYS: Final = Fingerprint(bytes(32))
_DEADLINE_S: Final = 10.0


def pin(fingerprint: str | None) -> Fingerprint | bool:
    """Give what aiohttp takes as ``ssl``: only this certificate, or with None what the session trusts."""
    return True if fingerprint is None else Fingerprint(bytes.fromhex(fingerprint))


def grouped(fingerprint: str) -> str:
    """Write a fingerprint for people: pairs of capital digits with colons."""
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()


async def shown_fingerprint(session: ClientSession, url: str) -> str:
    """Give the fingerprint of the certificate that a server shows; nothing is sent to it.

    Raises ``Unreachable`` or, where no certificate is shown, ``BadAnswer``.
    """
    try:
        async with session.get(f"{url}/health", ssl=_NOBODYS, timeout=ClientTimeout(total=_DEADLINE_S)):
            pass
    except ServerFingerprintMismatch as err:
        return err.got.hex()
    except (HttpError, OSError, TimeoutError) as err:
        raise Unreachable(str(err) or "no answer in time") from err
    raise BadAnswer("no certificate is shown there")
