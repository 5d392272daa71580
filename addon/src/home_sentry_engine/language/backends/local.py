"""A model file of this machine, chosen when it is needed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from home_sentry_engine.language.errors import ModelMissing
from home_sentry_engine.language.process import ModelProcess, ProcessState

from .base import Completion, Message, Occupancy, Question
from .llama_process import LlamaCppProcess

type Find = Callable[[], Awaitable[tuple[str, Path]]]
type Start = Callable[[Path], ModelProcess]


class LocalModel:
    """Backend over the file that ``find`` names, which is asked until there is one, and again after ``aclose``.

    A file that is fetched while the engine runs is used from the next question on. ``find`` raises ``LanguageError``.
    """

    def __init__(self, find: Find, start: Start) -> None:
        """Take what names the model and its file, and what makes the process of a file."""
        self._find = find
        self._start = start
        self._lock = asyncio.Lock()
        self._path: Path | None = None
        self._inner: LlamaCppProcess | None = None
        self._settled = False

    @property
    def model_id(self) -> str:
        """Name of the model in use; empty while there is none."""
        return self._inner.model_id if self._inner is not None and self._settled else ""

    @property
    def process(self) -> ModelProcess | None:
        """The child process, None before the first file was found."""
        return self._inner.process if self._inner is not None else None

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._inner.process.pid if self._inner is not None else None

    async def window(self) -> int:
        """Give the window that the child opened; starts it if needed."""
        inner = await self._opened()
        try:
            return await inner.window()
        except ModelMissing:
            # somebody removed the file
            self._settled = False
            raise

    async def count(self, messages: Sequence[Message]) -> int:
        """Count with the model's own tokenizer."""
        return await (await self._opened()).count(messages)

    async def complete(self, question: Question) -> Completion:
        """Ask the child; it is killed at the deadline."""
        return await (await self._opened()).complete(question)

    async def occupancy(self) -> Occupancy | None:
        """Tell whether the child works, which has one slot; None while there is none."""
        process = self.process
        if process is None or process.pid is None:
            return None
        return Occupancy(busy=int(process.state is ProcessState.BUSY), slots=1, waiting=process.waiting)

    async def aclose(self) -> None:
        """End the child; the next question chooses anew."""
        self._settled = False
        if self._inner is not None:
            await self._inner.aclose()

    async def _opened(self) -> LlamaCppProcess:
        async with self._lock:
            if self._inner is not None and self._settled:
                return self._inner
            name, path = await self._find()
            if self._inner is None or path != self._path:
                if self._inner is not None:
                    await self._inner.aclose()
                self._inner, self._path = LlamaCppProcess(self._start(path), model_id=name), path
            self._settled = True
            return self._inner
