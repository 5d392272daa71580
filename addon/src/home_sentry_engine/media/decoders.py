"""Which kinds of pictures and clips the installed libraries can read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import simplejpeg

from home_sentry_engine.domain.lazy import lazy

if TYPE_CHECKING:
    import av
    from PIL import features
else:
    av, features = lazy("av"), lazy("PIL.features")

_CLIPS: Final = ("h264", "hevc", "mjpeg", "mpeg4", "vp9", "av1")


def ffmpeg_version() -> str:
    """Give the version of the FFmpeg inside PyAV, as that of its codec library."""
    return ".".join(map(str, av.library_versions["libavcodec"]))


def clip_decoders() -> Mapping[str, bool]:
    """Tell for each common codec of cameras whether it can be decoded."""
    return {name: _opens(name) for name in _CLIPS}


def still_decoders() -> Mapping[str, bool]:
    """Tell for each kind of picture whether it can be decoded."""
    return {
        "jpeg": callable(simplejpeg.decode_jpeg) and bool(features.check_codec("jpg")),
        "png": bool(features.check_codec("zlib")),
        "webp": bool(features.check_module("webp")),
    }


def _opens(name: str) -> bool:
    try:
        av.codec.Codec(name, "r")
    except av.error.FFmpegError, ValueError:
        return False
    return True
