"""GGUF files for tests: a copy of a model with another chat template (format: version 3, little endian)."""

from pathlib import Path
import struct

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_ALIGNMENT = 32


def with_template(source: Path, target: Path, template: str) -> Path:
    """Write ``source`` to ``target`` with ``tokenizer.chat_template`` added."""
    data = source.read_bytes()
    magic, version, tensors, pairs = struct.unpack_from("<4sIQQ", data)
    assert (magic, version) == (b"GGUF", 3)
    keys_end = _after_pairs(data, 24, pairs)
    infos_end = _after_infos(data, keys_end, tensors)
    added = _string("tokenizer.chat_template") + struct.pack("<I", _STRING) + _string(template)
    head = struct.pack("<4sIQQ", magic, version, tensors, pairs + 1)
    head += data[24:keys_end] + added + data[keys_end:infos_end]
    target.write_bytes(head + bytes(-len(head) % _ALIGNMENT) + data[infos_end + (-infos_end % _ALIGNMENT) :])
    return target


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _after_string(data: bytes, at: int) -> int:
    (length,) = struct.unpack_from("<Q", data, at)
    return at + 8 + length


def _after_value(data: bytes, at: int, kind: int) -> int:
    if kind == _STRING:
        return _after_string(data, at)
    if kind != _ARRAY:
        return at + _SIZES[kind]
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    for _ in range(count):
        at = _after_value(data, at, inner)
    return at


def _after_pairs(data: bytes, at: int, pairs: int) -> int:
    for _ in range(pairs):
        at = _after_string(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        at = _after_value(data, at + 4, kind)
    return at


def _after_infos(data: bytes, at: int, tensors: int) -> int:
    for _ in range(tensors):
        at = _after_string(data, at)
        (dimensions,) = struct.unpack_from("<I", data, at)
        at += 4 + 8 * dimensions + 4 + 8
    return at
