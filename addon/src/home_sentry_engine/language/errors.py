"""Why there is no usable answer.

::

    LanguageError (HomeSentryError)          reason
    ├── ModelTimeout (TimeoutError)          timeout
    ├── ModelUnreachable (ConnectionError)   unreachable
    │   └── ModelDied                        unreachable
    ├── BadOutput (ValueError)               bad_output
    │   └── OutputTruncated                  bad_output
    ├── ContextOverflow (ValueError)         context_overflow
    ├── ModelOutOfMemory (MemoryError)       out_of_memory
    │   └── ModelTooLarge                    out_of_memory
    └── ModelMissing (FileNotFoundError)     model_missing
        └── ModelBlind                       model_missing
"""

from typing import ClassVar

from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.errors import HomeSentryError


class LanguageError(HomeSentryError):
    """The model gave no usable answer; ``retryable`` tells whether the same question may work in a moment."""

    reason: ClassVar[AnalysisReason] = AnalysisReason.UNREACHABLE

    def __init__(self, detail: str, *, retryable: bool = False) -> None:
        """Keep a sentence for people, without addresses' credentials or paths."""
        super().__init__(detail)
        self.retryable = retryable


class ModelTimeout(LanguageError, TimeoutError):
    """The answer did not come within its deadline."""

    reason = AnalysisReason.TIMEOUT


class ModelUnreachable(LanguageError, ConnectionError):
    """Nobody answered, or the other side refused with the HTTP ``status``."""

    reason = AnalysisReason.UNREACHABLE

    def __init__(self, detail: str, *, retryable: bool = False, status: int | None = None) -> None:
        """Keep the HTTP status where there was one."""
        super().__init__(detail, retryable=retryable)
        self.status = status


class ModelDied(ModelUnreachable):
    """The model's process ended in the middle of the work."""


class BadOutput(LanguageError, ValueError):
    """The answer does not follow the schema."""

    reason = AnalysisReason.BAD_OUTPUT


class OutputTruncated(BadOutput):
    """The answer was cut at its token limit; asking again would cut it again."""


class ContextOverflow(LanguageError, ValueError):
    """Even the shortest form of the prompt exceeds the model's window."""

    reason = AnalysisReason.CONTEXT_OVERFLOW


class ModelOutOfMemory(LanguageError, MemoryError):
    """The model does not fit into memory."""

    reason = AnalysisReason.OUT_OF_MEMORY


class ModelTooLarge(ModelOutOfMemory):
    """The model needs more memory than is free; nothing was loaded."""


class ModelMissing(LanguageError, FileNotFoundError):
    """There is no model file, or no runtime for it."""

    reason = AnalysisReason.MODEL_MISSING


class ModelBlind(ModelMissing):
    """The model does not see pictures: it has no projector, or does not name what a known picture shows."""
