"""Florence-2 as a service: ``/extract``, ``/caption``, ``/detailed_caption``, ``/vqa``, ``/ocr``, ``/health``."""

from dataclasses import dataclass
from typing import Any, Final

from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.florence import FlorenceAnswer, FlorenceTask, parse_answer
from home_sentry_engine.vision.tasks.pictures import Frame

from .answers import text_in
from .transport import Limits, Nerves, Service, picture_of

LIMITS: Final = Limits(read_s=30.0)


class FlorenceUnavailableError(Unavailable, ConnectionError):
    """The Florence-2 service does not answer, or its answer makes no sense."""


@dataclass(frozen=True, slots=True)
class FlorenceClient:
    """Every call blocks and raises ``FlorenceUnavailableError``, ``BreakerOpen`` or ``Permanent``."""

    service: Service

    @classmethod
    def at(
        cls, url: str, *, token: str | None = None, limits: Limits = LIMITS, nerves: Nerves | None = None
    ) -> FlorenceClient:
        """Speak with the service at an address, which may want a bearer token."""
        return cls(
            Service("the Florence-2 service", url, FlorenceUnavailableError, limits=limits, token=token, nerves=nerves)
        )

    def extract(self, task: FlorenceTask, frame: Frame) -> FlorenceAnswer:
        """Do one of the seven tasks."""
        found = self.service.ask("/extract", {"image": picture_of(frame), "prompt": task.value})
        return parse_answer(task, self._text(found, "result"), (frame.width, frame.height))

    def caption(self, frame: Frame) -> str:
        """Say in a few words what a picture shows."""
        return self._text(self.service.ask("/caption", {"image": picture_of(frame)}), "caption")

    def detailed_caption(self, frame: Frame) -> str:
        """Say in detail what a picture shows."""
        return self._text(self.service.ask("/detailed_caption", {"image": picture_of(frame)}), "caption")

    def vqa(self, question: str, frame: Frame) -> str:
        """Answer a question about a picture."""
        found = self.service.ask("/vqa", {"image": picture_of(frame), "question": question})
        return self._text(found, "answer")

    def ocr(self, frame: Frame) -> str:
        """Read the text in a picture."""
        return self._text(self.service.ask("/ocr", {"image": picture_of(frame)}), "text")

    def health(self) -> dict[str, Any]:
        """Ask how it is."""
        return self.service.health()

    @staticmethod
    def _text(found: dict[str, Any], name: str) -> str:
        return text_in(found, name, FlorenceUnavailableError)


class ServedFlorence:
    """The service with the methods of ``FlorenceReader``."""

    def __init__(self, client: FlorenceClient) -> None:
        """Take the client."""
        self._client = client

    def ask(self, task: FlorenceTask, frame: Frame, *, cancel: Cancel | None = None) -> FlorenceAnswer:  # noqa: ARG002
        """Do one of the seven tasks; a call under way cannot be cancelled, its deadline ends it."""
        return self._client.extract(task, frame)

    def answer_question(self, question: str, frame: Frame, *, cancel: Cancel | None = None) -> FlorenceAnswer:  # noqa: ARG002
        """Answer a free question with words."""
        said = self._client.vqa(question, frame)
        return parse_answer(FlorenceTask.CAPTION, said, (frame.width, frame.height))
