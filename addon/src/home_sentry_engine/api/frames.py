"""WebSocket frames as a server sends them: unmasked, so that one is the same for every peer (RFC 6455 §5.2)."""

from typing import Final

_WHOLE_TEXT: Final = 0x81
_SHORT: Final = 126
_LONG: Final = 1 << 16


def text_frame(body: bytes) -> bytes:
    """Give a whole, uncompressed text message as it goes over the wire."""
    size = len(body)
    if size < _SHORT:
        return bytes((_WHOLE_TEXT, size)) + body
    if size < _LONG:
        return bytes((_WHOLE_TEXT, _SHORT)) + size.to_bytes(2) + body
    return bytes((_WHOLE_TEXT, _SHORT + 1)) + size.to_bytes(8) + body
