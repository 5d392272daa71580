"""The smallest projector (mmproj) that llama.cpp loads: random weights, so what it shows a model means nothing."""

from pathlib import Path
import struct
from typing import Any

import numpy as np

_ALIGNMENT = 32
_U32, _F32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
SIDE, PATCH, WIDTH, INNER = 28, 14, 16, 32
BLOCKS = 2


def write_projector(target: Path, *, embedding: int = 64, seed: int = 5) -> Path:
    """Write a projector of LLaVA's kind into the embedding of a model; a picture becomes four tokens."""
    tensors = _tensors(np.random.default_rng(seed), embedding)
    pairs = _pairs(embedding)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(pairs))
    head += b"".join(_text(key) + struct.pack("<I", kind) + _value(kind, value) for key, kind, value in pairs)
    data = b""
    for name, values in tensors.items():
        shape = values.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += values.tobytes() + bytes(-values.nbytes % _ALIGNMENT)
    target.write_bytes(head + bytes(-len(head) % _ALIGNMENT) + data)
    return target


def _pairs(embedding: int) -> list[tuple[str, int, Any]]:
    vision = "clip.vision"
    return [
        ("general.architecture", _STRING, "clip"),
        ("general.name", _STRING, "test"),
        ("clip.has_vision_encoder", _BOOL, True),
        ("clip.projector_type", _STRING, "mlp"),
        ("clip.use_gelu", _BOOL, True),
        (f"{vision}.image_size", _U32, SIDE),
        (f"{vision}.patch_size", _U32, PATCH),
        (f"{vision}.embedding_length", _U32, WIDTH),
        (f"{vision}.feed_forward_length", _U32, INNER),
        (f"{vision}.block_count", _U32, BLOCKS),
        (f"{vision}.projection_dim", _U32, embedding),
        (f"{vision}.attention.head_count", _U32, 2),
        (f"{vision}.attention.layer_norm_epsilon", _F32, 1e-5),
        (f"{vision}.image_mean", _ARRAY, (0.5, 0.5, 0.5)),
        (f"{vision}.image_std", _ARRAY, (0.5, 0.5, 0.5)),
    ]


def _tensors(chance: np.random.Generator, embedding: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    shapes: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (WIDTH, 3, PATCH, PATCH),
        "v.class_embd": (WIDTH,),
        "v.position_embd.weight": ((SIDE // PATCH) ** 2 + 1, WIDTH),
        "mm.0.weight": (embedding, WIDTH),
        "mm.0.bias": (embedding,),
        "mm.2.weight": (embedding, embedding),
        "mm.2.bias": (embedding,),
    }
    for name in ("v.pre_ln", "v.post_ln", *(f"v.blk.{n}.{ln}" for n in range(BLOCKS) for ln in ("ln1", "ln2"))):
        shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    for number in range(BLOCKS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= {f"v.blk.{number}.{name}.weight": (WIDTH, WIDTH), f"v.blk.{number}.{name}.bias": (WIDTH,)}
        up, down = f"v.blk.{number}.ffn_up", f"v.blk.{number}.ffn_down"
        shapes |= {f"{up}.weight": (INNER, WIDTH), f"{up}.bias": (INNER,)}
        shapes |= {f"{down}.weight": (WIDTH, INNER), f"{down}.bias": (WIDTH,)}
    return {name: chance.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(kind: int, value: Any) -> bytes:
    if kind == _STRING:
        return _text(value)
    if kind == _ARRAY:
        return struct.pack(f"<IQ{len(value)}f", _F32, len(value), *value)
    return struct.pack({_U32: "<I", _F32: "<f", _BOOL: "<?"}[kind], value)
