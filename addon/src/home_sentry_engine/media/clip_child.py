"""Makes one clip in a process of its own, which can be killed and gives way to everything else.

Run as ``python -m home_sentry_engine.media.clip_child``: the task as JSON on standard input, one line of JSON on
standard output. It opens nothing but the files of the task and writes nothing but the clip.
"""

import errno
import json
import os
from pathlib import Path
import resource
import sys
from typing import Any, Final

import av

from home_sentry_engine.domain.errors import Rejected, RejectReason

from .clip_encode import NVENC, X264, NoEncoder, usable_encoder, write_gif, write_mp4
from .clip_frames import Timeline
from .clip_plan import ClipKind, ClipPlan, from_json
from .limits import Limits

_NICENESS: Final = 10
_DESCRIPTORS: Final = 64
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def main() -> int:
    """Make the clip that standard input asks for, under its limits; always answers with one line."""
    task = json.load(sys.stdin)
    _confine(task)
    try:
        answer = _make(from_json(task["plan"]), Path(task["place"]), task)
    except Rejected as err:
        answer = {"failed": err.reason.value, "detail": err.detail}
    except NoEncoder as err:
        answer = {"failed": "no_encoder", "detail": str(err)}
    except MemoryError:
        answer = {"failed": "no_memory", "detail": "the clip needs more memory than allowed"}
    except OSError as err:
        full = err.errno in _FULL
        answer = {"failed": "no_room" if full else "not_written", "detail": err.strerror or str(err)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _confine(task: dict[str, Any]) -> None:
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (task["cpu_s"], task["cpu_s"] + 1))
    # address space would count what a graphics driver reserves and never touches
    resource.setrlimit(resource.RLIMIT_DATA, (task["memory_bytes"], task["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (task["file_bytes"], task["file_bytes"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _make(plan: ClipPlan, place: Path, task: dict[str, Any]) -> dict[str, Any]:
    limits = Limits(max_pixels=task["max_pixels"], max_scans=task["max_scans"])
    timeline = Timeline(plan, limits)
    encoder: str = plan.kind.value
    if plan.kind is ClipKind.MP4:
        encoder = usable_encoder((NVENC, X264) if task["nvenc"] else (X264,))
        count = write_mp4(place, timeline.frames(), timeline.size, timeline.rate, encoder)
    else:
        count = _gif(place, plan, timeline)
    if not count:
        raise Rejected(RejectReason.CORRUPT, "none of the pictures decodes")
    return {
        "encoder": encoder,
        "frames": count,
        "skipped": timeline.skipped,
        "width": timeline.size[0],
        "height": timeline.size[1],
        "seconds": round(timeline.ticks / timeline.rate, 3),
    }


def _gif(place: Path, plan: ClipPlan, timeline: Timeline) -> int:
    try:
        return write_gif(place, timeline.frames(), timeline.rate, plan.seconds)
    except StopIteration:
        return 0


if __name__ == "__main__":
    # nothing of FFmpeg's talk belongs into the answer
    av.logging.set_level(None)
    sys.exit(main())
