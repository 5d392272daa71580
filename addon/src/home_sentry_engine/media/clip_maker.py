"""Has clips made in a child process, one or two at a time, each within bounds."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
import json
from pathlib import Path
import sys
from typing import Any, Final

from home_sentry_engine.domain.errors import Permanent, StageError, Transient, Unavailable
from home_sentry_engine.resilience.child_process import child_environment, close_pipes

from .clip_encode import NVENC
from .clip_plan import ClipKind, ClipPlan, to_json

_MODULE: Final = "home_sentry_engine.media.clip_child"
_END_S: Final = 5.0
_BUSY_S: Final = 30.0
_LONGEST_ANSWER: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipLimits:
    """What the making of one clip may take; ``at_once`` are made at the same time, ``waiting`` more may wait."""

    at_once: int = 1
    waiting: int = 8
    timeout_s: float = 150.0
    cpu_s: int = 280
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    file_bytes: int = 512 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_scans: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of a plan: the encoder that was used, frames and size; ``skipped`` parts could not be shown."""

    encoder: str
    frames: int
    skipped: int
    width: int
    height: int
    seconds: float


class ClipMaker:
    """Makes clips; remembers whether the graphics card encodes, once it was tried."""

    def __init__(self, limits: ClipLimits | None = None) -> None:
        """Take the bounds."""
        self._limits = limits or ClipLimits()
        self._turns = asyncio.Semaphore(self._limits.at_once)
        self._asked = 0
        self._nvenc = True
        self.encoder: str | None = None

    async def make(self, plan: ClipPlan, place: Path, *, room_bytes: int | None = None) -> Made:
        """Write the clip to ``place``, at most ``room_bytes`` of it.

        Raises ``Permanent`` where nothing of it decodes, ``Transient`` where it took too long or the disk fails, and
        ``Unavailable`` where there are too many before it or nothing here encodes. What was begun is for the caller to
        delete.
        """
        if self._asked >= self._limits.at_once + self._limits.waiting:
            raise Unavailable("too many clips are being made", code="busy", retry_after_s=_BUSY_S)
        self._asked += 1
        try:
            async with self._turns:
                return self._made(await self._ask(self._task(plan, place, room_bytes)), plan)
        finally:
            self._asked -= 1

    def _task(self, plan: ClipPlan, place: Path, room_bytes: int | None) -> bytes:
        limits = self._limits
        task = {
            "plan": to_json(plan),
            "place": str(place),
            "nvenc": self._nvenc,
            "cpu_s": limits.cpu_s,
            "memory_bytes": limits.memory_bytes,
            "file_bytes": limits.file_bytes if room_bytes is None else min(limits.file_bytes, max(1, room_bytes)),
            "max_pixels": limits.max_pixels,
            "max_scans": limits.max_scans,
        }
        return json.dumps(task).encode()

    async def _ask(self, task: bytes) -> dict[str, Any]:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_ANSWER,
            env={**child_environment(), "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                line, _ = await child.communicate(task)
        except TimeoutError as err:
            raise Transient(f"the clip was not made within {self._limits.timeout_s:g} s", code="too_slow") from err
        finally:
            await _end(child)
        if child.returncode != 0 or not line:
            raise Transient(f"the making of the clip ended with status {child.returncode}", code="clip_crashed")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _made(self, answer: dict[str, Any], plan: ClipPlan) -> Made:
        if "failed" in answer:
            raise _failure(answer["failed"], answer["detail"])
        made = Made(**answer)
        if plan.kind is ClipKind.MP4:
            self.encoder = made.encoder
            self._nvenc = made.encoder == NVENC
        return made


def _failure(code: str, detail: str) -> StageError:
    if code == "no_encoder":
        return Unavailable(detail, code=code)
    if code == "no_room":
        return Unavailable("there is too little room for the clip", code=code, retry_after_s=_BUSY_S)
    if code in {"no_memory", "not_written"}:
        return Transient(f"the clip could not be made: {detail}", code=code)
    return Permanent(f"the clip cannot be made: {detail}", code=code)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await child.wait()
    close_pipes(child)
