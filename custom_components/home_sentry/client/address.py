"""Addresses of engines as people type them."""

from typing import Final

from yarl import URL

DEFAULT_PORT: Final = 8093


class InvalidAddress(ValueError):
    """The text is not an address of an engine."""


def engine_url(text: str) -> str:
    """Normalise an address to ``scheme://host:port``; ``192.168.1.5`` becomes ``http://192.168.1.5:8093``.

    Raises ``InvalidAddress`` for anything but http and https, for credentials, paths, queries and fragments.
    """
    text = text.strip()
    bare = "://" not in text
    try:
        url = URL(f"http://{text}" if bare else text)
        host, port = url.host, url.explicit_port
    except ValueError as err:
        raise InvalidAddress(str(err)) from err
    if url.scheme not in {"http", "https"} or not host or any(char.isspace() for char in host):
        raise InvalidAddress("an address is http://host:port or https://host:port")
    if url.user is not None or url.password is not None:
        raise InvalidAddress("credentials do not belong into the address")
    if url.path not in {"", "/"} or url.query_string or url.fragment:
        raise InvalidAddress("the address ends after the port")
    if port is None:
        port = DEFAULT_PORT if bare else url.port
    return str(URL.build(scheme=url.scheme, host=host, port=port)).rstrip("/")
