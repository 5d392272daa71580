"""Decode in a process of its own, for files that might never end: it can be killed, a thread cannot.

Run as ``python -m home_sentry_engine.media.child CPU_S MEMORY_BYTES AT_LEAST MAX_SCANS``: a still on standard input; on
standard output one line of JSON, then the raw RGB pixels if the line has no ``reason``.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from typing import Final

import numpy as np

from home_sentry_engine.domain.errors import Rejected, RejectReason

from .limits import Limits
from .picture import Picture, decode_checked, read_still_header

_REFUSED: Final = 3
_DESCRIPTORS: Final = 16


def decode_in_child(data: bytes, *, at_least: int | None, limits: Limits) -> Picture:
    """Decode like ``picture.decode`` within the limits' processor time, wall time and memory; raises ``Rejected``."""
    command = [sys.executable, "-P", "-m", __spec__.name]
    numbers = (limits.child_cpu_s, limits.child_bytes, at_least or 0, limits.max_pixels, limits.max_scans)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, numbers as arguments
            [*command, *map(str, numbers)],
            input=data,
            capture_output=True,
            timeout=limits.timeout_s,
            check=False,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as err:
        raise Rejected(RejectReason.TOO_SLOW, f"the picture did not decode within {limits.timeout_s:g} s") from err
    if done.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise Rejected(RejectReason.TOO_SLOW, f"the picture did not decode within {limits.child_cpu_s} s of work")
    line, _, raw = done.stdout.partition(b"\n")
    if done.returncode == _REFUSED:
        answer = json.loads(line)
        raise Rejected(RejectReason(answer["reason"]), answer["detail"])
    if done.returncode != 0:
        raise Rejected(RejectReason.CORRUPT, f"the decoder ended with status {done.returncode}")
    answer = json.loads(line)
    pixels = np.frombuffer(raw, dtype=np.uint8).reshape(answer["shape"])
    return Picture(pixels=pixels, width=answer["width"], height=answer["height"], source=data)


def main(arguments: list[str]) -> int:
    """Decode standard input under hard limits; gives the exit status."""
    cpu_s, memory, at_least, max_pixels, max_scans = map(int, arguments)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    data = sys.stdin.buffer.read()
    try:
        header = read_still_header(data, Limits(max_pixels=max_pixels, max_scans=max_scans))
        picture = decode_checked(data, header, at_least=at_least or None)
    except Rejected as err:
        return _refuse(err.reason, err.detail)
    except MemoryError:
        return _refuse(RejectReason.TOO_MANY_PIXELS, "the picture needs more memory than allowed")
    answer = {"shape": picture.pixels.shape, "width": picture.width, "height": picture.height}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.write(picture.pixels.data)
    return 0


def _refuse(reason: RejectReason, detail: str) -> int:
    sys.stdout.buffer.write(json.dumps({"reason": reason.value, "detail": detail}).encode() + b"\n")
    return _REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
