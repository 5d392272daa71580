"""Pictures in the context of a loaded model, by llama.cpp's own multimodal library; for the model's process alone.

Text goes in apart from pictures and without special tokens, so that nothing in a scene can become a template token or
the marker of a picture.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import ctypes
from typing import Any, Final

_POSITION: Final = ctypes.c_int32


class Unseeing(ValueError):
    """The projector does not fit the model, or gives it no sight."""


class PictureReader:
    """A projector (mmproj file) beside its model; ``library`` is ``llama_cpp.mtmd_cpp``, ``llama`` the loaded model."""

    def __init__(self, library: Any, llama: Any, projector: str, *, gpu: bool) -> None:
        """Load the projector; raises ``Unseeing``."""
        self._library, self._llama = library, llama
        wanted = library.mtmd_context_params_default()
        wanted.use_gpu = gpu
        wanted.print_timings = False
        wanted.n_threads = llama.n_threads
        self._context = library.mtmd_init_from_file(projector.encode(), llama.model, wanted)
        if self._context is None:
            raise Unseeing("the projector cannot be loaded, or does not belong to this model")
        if not library.mtmd_support_vision(self._context):
            raise Unseeing("the projector gives this model no sight")

    def tokens(self, picture: str) -> int:
        """Count what a picture, JPEG in base64, takes of the window."""
        with self._chunks(picture) as chunks:
            return sum(int(self._library.mtmd_input_chunk_get_n_tokens(chunk)) for chunk in chunks)

    def show(self, picture: str, *, room: int) -> int:
        """Put a picture behind what the model has read; gives its tokens, raises ``ValueError`` if ``room`` is less."""
        library, llama = self._library, self._llama
        taken = 0
        with self._chunks(picture) as chunks:
            for chunk in chunks:
                taken += int(library.mtmd_input_chunk_get_n_tokens(chunk))
                if taken > room:
                    raise ValueError("the pictures exceed context window")
                after = _POSITION(0)
                failed = library.mtmd_helper_eval_chunk_single(
                    self._context,
                    llama._ctx.ctx,  # noqa: SLF001 what llama-cpp-python's own handlers use
                    chunk,
                    _POSITION(llama.n_tokens),
                    _POSITION(0),
                    llama.n_batch,
                    False,
                    ctypes.byref(after),
                )
                if failed:
                    raise ValueError(f"a picture could not be read (status {failed})")
                llama.n_tokens = after.value
        return taken

    @contextmanager
    def _chunks(self, picture: str) -> Iterator[list[Any]]:
        library = self._library
        with self._owned(self._bitmap(picture), library.mtmd_bitmap_free) as bitmap:
            marker = library.mtmd_default_marker()
            text = library.mtmd_input_text()
            text.text, text.text_len = marker, len(marker)
            text.add_special, text.parse_special = False, True
            with self._owned(library.mtmd_input_chunks_init(), library.mtmd_input_chunks_free) as chunks:
                shown = (library.mtmd_bitmap_p_ctypes * 1)(bitmap)
                failed = library.mtmd_tokenize(self._context, chunks, ctypes.byref(text), shown, 1)
                if failed:
                    raise ValueError(f"a picture cannot be made into tokens (status {failed})")
                count = library.mtmd_input_chunks_size(chunks)
                yield [library.mtmd_input_chunks_get(chunks, number) for number in range(count)]

    def _bitmap(self, picture: str) -> Any:
        data = bytearray(base64.b64decode(picture, validate=True))
        buffer = (ctypes.c_uint8 * len(data)).from_buffer(data)
        return self._library.mtmd_helper_bitmap_init_from_buf(self._context, buffer, len(data), False)

    @contextmanager
    def _owned(self, made: Any, free: Callable[[Any], None]) -> Iterator[Any]:
        if made is None:
            raise ValueError("a picture is not readable")
        try:
            yield made
        finally:
            free(made)
