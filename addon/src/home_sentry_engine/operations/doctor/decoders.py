"""What pictures and clips can be read here."""

import asyncio

from home_sentry_engine.media.decoders import clip_decoders, ffmpeg_version, still_decoders
from home_sentry_engine.settings import Settings

from .findings import Finding, fail, ok, warn

_ESSENTIAL = frozenset({"h264", "mjpeg"})
_FIX = "install the engine again: PyAV and Pillow bring their own decoders"


async def look(_settings: Settings) -> tuple[Finding, ...]:
    """Look at the decoders."""
    stills, clips = await asyncio.to_thread(lambda: (still_decoders(), clip_decoders()))
    missing_stills = [name for name, there in stills.items() if not there]
    missing_clips = [name for name, there in clips.items() if not there]
    pictures = (
        fail("pictures", f"cannot read: {', '.join(missing_stills)}", _FIX)
        if missing_stills
        else ok("pictures", f"reads {', '.join(stills)}")
    )
    if not missing_clips:
        return pictures, ok("clips", f"FFmpeg (libavcodec {ffmpeg_version()}) in PyAV reads {', '.join(clips)}")
    text = f"clips of these kinds cannot be read: {', '.join(missing_clips)}"
    judge = fail if _ESSENTIAL & set(missing_clips) else warn
    return pictures, judge("clips", text, _FIX)
