"""The token of this installation: made once, kept as a hash, handed over by hand or by the Supervisor."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
from pathlib import Path
import secrets
from typing import Any, Final

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.resilience.private_file import write_private

TOKEN_FILE: Final = "token"  # noqa: S105
HASH_FILE: Final = "token.sha256"
GRACE: Final = timedelta(minutes=10)
_BYTES: Final = 32
_SHORTEST: Final = 43
_LOOK_S: Final = 2.0


class UnusableToken(HomeSentryError, ValueError):
    """The token files are unreadable or the token is too short to be safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKeys:
    """Hashes that open the API; the previous one does so until ``previous_until``."""

    current: str
    previous: str | None = None
    previous_until: datetime | None = None

    def accepts(self, proof: str, now: datetime) -> bool:
        """Tell whether the token with this hash opens the API now; takes the same time whatever the token is."""
        current = hmac.compare_digest(proof, self.current)
        previous = hmac.compare_digest(proof, self.previous or "0" * 64)
        return current or (previous and self.previous_until is not None and now < self.previous_until)


class KeyRing:
    """The keys that count now; read again when their file changes, as a rotation on the command line does."""

    def __init__(self, folder: Path, keys: TokenKeys, monotonic: Callable[[], float]) -> None:
        """Begin with keys that were just read from ``folder``."""
        self._file = folder / HASH_FILE
        self._keys = keys
        self._monotonic = monotonic
        self._looked = monotonic()
        self._stamp = self._stamp_now()

    def __call__(self) -> TokenKeys:
        """Give the keys; looks at the file every two seconds at most."""
        if self._monotonic() - self._looked >= _LOOK_S:
            self._looked = self._monotonic()
            stamp = self._stamp_now()
            if stamp is not None and stamp != self._stamp:
                self.turn(_read(self._file))
        return self._keys

    def turn(self, keys: TokenKeys) -> None:
        """Count these from now on."""
        self._keys = keys
        self._stamp = self._stamp_now()

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


def hash_of(token: str) -> str:
    """Give the SHA-256 of a token in hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Make a token of 256 random bits (43 characters that are safe in a URL)."""
    return secrets.token_urlsafe(_BYTES)


def open_tokens(folder: Path, make: Callable[[], str] = new_token) -> tuple[TokenKeys, bool]:
    """Read the keys from the data folder; the first time make a token. The flag tells whether one was made.

    ``token`` (readable by the owner only) is for people and may be deleted once it has been handed over; requests are
    checked against ``token.sha256``. Raises ``UnusableToken``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hashes, readable = folder / HASH_FILE, folder / TOKEN_FILE
    try:
        if readable.exists() and readable.stat().st_mode & 0o077:
            readable.chmod(0o600)
        if hashes.exists():
            return _read(hashes), False
        if readable.exists():
            token = readable.read_text(encoding="ascii").strip()
            if len(token) < _SHORTEST:
                raise UnusableToken(f"the token in '{TOKEN_FILE}' has fewer than {_SHORTEST} characters")
            keys = TokenKeys(current=hash_of(token))
            write_private(hashes, _encode(keys))
            return keys, False
        token = make()
        keys = TokenKeys(current=hash_of(token))
        write_private(readable, _line(token))
        write_private(hashes, _encode(keys))
    except (OSError, UnicodeDecodeError) as err:
        raise UnusableToken(f"cannot use the token files in the data folder: {type(err).__name__}") from err
    return keys, True


def rotate_tokens(folder: Path, now: datetime, make: Callable[[], str] = new_token) -> TokenKeys:
    """Replace the token; the old one works for ten more minutes. Raises ``UnusableToken``, with nothing replaced."""
    keys, _ = open_tokens(folder, make)
    token = make()
    rotated = TokenKeys(current=hash_of(token), previous=keys.current, previous_until=now + GRACE)
    readable = folder / TOKEN_FILE
    try:
        before = readable.read_bytes() if readable.exists() else None
        # a token that counts and that nobody can read would lock everybody out
        write_private(readable, _line(token))
        try:
            write_private(folder / HASH_FILE, _encode(rotated))
        except OSError:
            _put_back(readable, before)
            raise
    except OSError as err:
        raise UnusableToken(f"cannot write the token files in the data folder: {err.strerror}") from err
    return rotated


def _put_back(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
    else:
        write_private(file, content)


def _encode(keys: TokenKeys) -> bytes:
    until = keys.previous_until.isoformat() if keys.previous_until else None
    return _line(json.dumps({"current": keys.current, "previous": keys.previous, "previous_until": until}))


def _line(text: str) -> bytes:
    return f"{text}\n".encode("ascii")


def _read(file: Path) -> TokenKeys:
    try:
        raw: Any = json.loads(file.read_text(encoding="ascii"))
        until = raw["previous_until"]
        keys = TokenKeys(
            current=raw["current"],
            previous=raw["previous"],
            previous_until=datetime.fromisoformat(until).astimezone(UTC) if until else None,
        )
    except (ValueError, KeyError, TypeError) as err:
        raise UnusableToken(f"'{HASH_FILE}' is damaged; delete it to derive it again from '{TOKEN_FILE}'") from err
    if len(str(keys.current)) != 64:
        raise UnusableToken(f"'{HASH_FILE}' is damaged; delete it to derive it again from '{TOKEN_FILE}'")
    return keys
