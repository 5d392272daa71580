"""Bind addresses: who can reach them."""

import ipaddress
import socket
from typing import Final

import psutil

ANY_V4: Final = "0.0.0.0"  # noqa: S104 - compared with, never bound to
ANY_V6: Final = "::"


def is_loopback(host: str) -> bool:
    """Tell whether a bind address is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def reachable_addresses(host: str, *, loopback: bool = False) -> list[str]:
    """List where a bind address is reachable, on loopback only when wished; may ask the resolver."""
    found = _of_all_cards() if host in {"", ANY_V4, ANY_V6} else _resolved(host)
    usable = (ipaddress.ip_address(address) for address in found)
    return [
        str(address)
        for address in dict.fromkeys(usable)
        if (loopback or not address.is_loopback)
        and not (address.is_link_local or address.is_multicast)
        and (host != ANY_V4 or address.version == 4)
    ]


def _of_all_cards() -> list[str]:
    families = {socket.AF_INET, socket.AF_INET6}
    cards = psutil.net_if_addrs().values()
    return [entry.address.partition("%")[0] for card in cards for entry in card if entry.family in families]


def _resolved(host: str) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]
