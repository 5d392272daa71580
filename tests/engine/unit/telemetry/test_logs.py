"""Log lines carry the ids that belong to them and no secret."""

import asyncio
import io
import json
import logging
import struct

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.media.exif import read_exif
from home_sentry_engine.telemetry.logs import (
    JsonFormatter,
    TextFormatter,
    configure_logging,
    log_context,
    request_context,
)
from home_sentry_engine.telemetry.redaction import Redactor


@pytest.fixture
def root():
    """The root logger as it was, afterwards."""
    logger = logging.getLogger()
    ours = logging.getLogger("home_sentry_engine")
    handlers, level, our_level = logger.handlers[:], logger.level, ours.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)
    ours.setLevel(our_level)


@pytest.fixture
def start(root):
    def configure(form: str = "json", level: str = "info", redactor: Redactor | None = None) -> io.StringIO:
        stream = io.StringIO()
        configure_logging(level=level, form=form, stream=stream, redactor=redactor or Redactor())
        return stream

    return configure


LOGGER = logging.getLogger("home_sentry_engine.somewhere")


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_object_a_line_with_ids_and_duration(start):
    stream = start()
    LOGGER.info(
        "Judged %s",
        "it",
        extra={"camera_id": "front_door", "media_id": "m1", "event_id": "e1", "duration_ms": 12.34567},
    )
    LOGGER.warning("two\nlines", extra={"unknown": "left out"})
    first, second = lines(stream)
    assert str(first.pop("at")).endswith("+00:00")
    assert first == {
        "level": "info",
        "logger": "home_sentry_engine.somewhere",
        "message": "Judged it",
        "camera_id": "front_door",
        "media_id": "m1",
        "event_id": "e1",
        "duration_ms": 12.346,
    }
    assert second["message"] == "two\nlines"
    assert "unknown" not in second


def test_ids_of_the_surroundings_add_up_and_the_lines_own_win(start):
    stream = start()
    with log_context(camera_id="front_door", media_id="m1", event_id=None), log_context(media_id="m2", job_id="j1"):
        LOGGER.info("inside", extra={"job_id": "j2"})
    LOGGER.info("outside")
    inside, outside = lines(stream)
    ids = {"camera_id": "front_door", "media_id": "m2", "job_id": "j2"}
    assert {name: inside[name] for name in inside.keys() & {*ids, "event_id"}} == ids
    assert not outside.keys() & ids.keys()


def test_text_for_people(start):
    stream = start("text")
    LOGGER.info("Judged\nforged line", extra={"camera_id": "front_door", "duration_ms": 5})
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("INFO    somewhere: Judged\\nforged line camera_id=front_door duration_ms=5")


def test_nothing_in_a_name_is_obeyed_by_a_terminal(start):
    stream = start("text")
    name = "a\n00:00:00 INFO forged\r\x1b[2J\x9b31m\x85\u2028\u202egpj.exe\u2066\x7f.jpg"
    try:
        raise ValueError(f"bad\x1b]0;{name}")
    except ValueError:
        LOGGER.exception("Refused %s", name, extra={"file": name})
    first, *others = stream.getvalue().splitlines()
    assert first.count(r"a\n00:00:00 INFO forged\r\x1b[2J\x9b31m\x85\u2028\u202egpj.exe\u2066\x7f.jpg") == 2
    assert others[0].startswith("Traceback")
    assert all(character.isprintable() for line in others for character in line)


def test_broken_metadata_of_pictures_warns_nobody(start, recwarn):
    start()
    block = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHLL", 0x010E, 2, 9000, 9000) + bytes(4)
    read_exif(block)
    assert not recwarn.list


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_is_kept(start, form):
    stream = start(form)
    try:
        raise ValueError("boom")
    except ValueError:
        LOGGER.exception("Failed")
    assert "ValueError: boom" in stream.getvalue()
    assert "Traceback" in stream.getvalue()


def test_odd_values_do_not_break_a_line(start):
    stream = start()
    LOGGER.info("x" * 100_000, extra={"camera_id": object(), "count": 2**70, "media_id": "\ud800", "code": None})
    (line,) = lines(stream)
    assert len(str(line["message"])) == 16_384
    assert "code" not in line


async def test_the_request_id_follows_into_tasks(start):
    stream = start()

    async def inner() -> None:
        await asyncio.sleep(0)
        LOGGER.info("inner")

    with request_context("r-1"):
        task = asyncio.create_task(inner())
        with request_context("r-2"):
            LOGGER.info("nested")
    LOGGER.info("outside")
    await task
    assert [(line["message"], line.get("request_id")) for line in lines(stream)] == [
        ("nested", "r-2"),
        ("outside", None),
        ("inner", "r-1"),
    ]


def test_libraries_are_quiet_unless_debugging(start):
    stream = start()
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("trouble")
    LOGGER.debug("detail")
    assert [line["message"] for line in lines(stream)] == ["trouble"]
    stream = start(level="debug")
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("PIL.TiffImagePlugin").debug("where a picture was taken")
    LOGGER.debug("detail")
    assert [line["message"] for line in lines(stream)] == ["chatter", "detail"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_planted_secrets_never_appear(start, form):
    secret = "planted-canary-7f3a"
    redactor = Redactor([secret])
    stream = start(form, redactor=redactor)
    LOGGER.info("token is %s", secret)
    LOGGER.info("in extra", extra={"component": f"x {secret} y"})
    try:
        raise ValueError(f"bad {secret}")
    except ValueError:
        LOGGER.exception("Failed with %r", {"authorization": f"Bearer {secret}"})
    redactor.learn("learned-later-9")
    LOGGER.info("learned-later-9")
    text = stream.getvalue()
    assert secret not in text
    assert "learned-later-9" not in text
    assert text.count("[redacted]") >= 5


def test_a_second_call_replaces_the_first(start):
    first = start()
    second = start()
    LOGGER.info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


VALUES = st.text() | st.integers() | st.floats() | st.none()


@given(st.text(), st.dictionaries(st.sampled_from(["camera_id", "status", "code"]), VALUES))
def test_every_line_stays_json(message, extra):
    record = logging.LogRecord("x", logging.INFO, "x", 1, '{"token": "a\\"b"} ' + message, None, None)
    record.__dict__.update(extra)
    line = json.loads(JsonFormatter(Redactor(["ab"])).format(record))
    assert "a\\" not in line["message"]
    assert TextFormatter(Redactor()).format(record).encode()
