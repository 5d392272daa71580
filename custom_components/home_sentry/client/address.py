"""Addresses of engines as people type them."""

from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORT: Final = 8093
_PORTS: Final = {"http": 80, "https": 443}


class InvalidAddress(ValueError):
    """The text is not an address of an engine."""


def engine_url(text: str) -> str:
    """Normalise an address to ``scheme://host:port``; ``192.168.1.5`` becomes ``http://192.168.1.5:8093``.

    Raises ``InvalidAddress`` for anything but http and https, for credentials, paths, queries and fragments.
    """
    text = text.strip()
    bare = "://" not in text
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
        host, port = parts.hostname, parts.port
    except ValueError as err:
        raise InvalidAddress("host or port are not valid") from err
    if parts.scheme not in _PORTS or not host or any(char.isspace() for char in host):
        raise InvalidAddress("an address is http://host:port or https://host:port")
    if "@" in parts.netloc:
        raise InvalidAddress("credentials do not belong into the address")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise InvalidAddress("the address ends after the port")
    if port is None:
        port = DEFAULT_PORT if bare else _PORTS[parts.scheme]
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
