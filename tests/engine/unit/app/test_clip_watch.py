"""Clips that cannot be decoded: one warning, one component with a cure, and pictures go on."""

from datetime import UTC, datetime
from io import BytesIO
import logging

import pytest

from home_sentry_engine.app.clip_watch import ClipWatch
from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.files import Provenance

ALL = {"h264": True, "hevc": True}


class Looks:
    """Refuses clips with ``problem`` while there is one."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.stills = 0

    def inspect_still(self, data, provenance):
        self.stills += 1
        return "still"

    def inspect_video(self, file, provenance):
        if self.problem is not None:
            raise self.problem
        return "clip"

    def remember(self, media_id, inspected):
        pass


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def told() -> list:
    return []


def of(camera: str) -> Provenance:
    return Provenance(seen_at=datetime(2026, 6, 2, tzinfo=UTC), name="a.mp4", camera_id=camera)


def clip(watch: ClipWatch, camera: str = "yard") -> None:
    watch.inspect_video(BytesIO(b""), of(camera))


NO_DECODER = Rejected(RejectReason.FORBIDDEN_FORMAT, "no decoder for the codec of the video is here")


def test_a_missing_decoder_is_one_warning_and_pictures_go_on(looks, told, caplog):
    caplog.set_level(logging.WARNING)
    watch = ClipWatch(looks, told.append, lambda: {"h264": True, "hevc": False})
    looks.problem = NO_DECODER
    for _ in range(5):
        with pytest.raises(Rejected):
            clip(watch)
        watch.inspect_still(b"", of("yard"))
    assert looks.stills == 5
    assert len(told) == len(caplog.records) == 1
    assert (told[0].id, told[0].state) == ("video", ComponentState.DEGRADED)
    assert "hevc" in told[0].reason
    assert "yard" in told[0].reason
    assert "install the engine again" in told[0].fix
    assert "H.264" in told[0].fix


def test_a_clip_that_decodes_ends_the_repair(looks, told):
    watch = ClipWatch(looks, told.append, lambda: ALL)
    looks.problem = NO_DECODER
    with pytest.raises(Rejected):
        clip(watch)
    looks.problem = None
    clip(watch, "door")
    assert told[-1].state is ComponentState.DEGRADED
    clip(watch)
    assert (told[-1].state, told[-1].fix) == (ComponentState.HEALTHY, None)


def test_other_refusals_say_nothing_of_decoders(looks, told):
    watch = ClipWatch(looks, told.append, lambda: ALL)
    looks.problem = Rejected(RejectReason.CORRUPT, "no frame of the video decodes")
    with pytest.raises(Rejected):
        clip(watch)
    assert told == []


def test_a_library_that_does_not_load_refuses_clips_alone(looks, told):
    def gone():
        raise ImportError("libavcodec")

    watch = ClipWatch(looks, told.append, gone)
    looks.problem = ImportError("libavcodec")
    with pytest.raises(Rejected) as refused:
        clip(watch)
    assert refused.value.reason is RejectReason.FORBIDDEN_FORMAT
    assert "libavcodec" in told[0].reason
    watch.inspect_still(b"", of("yard"))
    assert looks.stills == 1


def test_no_clip_asks_for_no_decoder(looks, told):
    def never():
        raise AssertionError("the video library was loaded for a picture")

    ClipWatch(looks, told.append, never).inspect_still(b"", of("yard"))
    assert told == []
