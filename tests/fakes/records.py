"""Records as an engine keeps them, for tests that need some."""

from datetime import datetime
import io

from PIL import Image

from home_sentry_engine.contract import (
    AnalysisState,
    Box,
    Camera,
    CameraStatus,
    Detection,
    Event,
    EventChange,
    Media,
    MediaKind,
    MediaState,
    ObjectGroup,
    RejectedFile,
    RiskLevel,
    Transition,
)
from tests.fakes.clock import START


def jpeg(width: int = 64, height: int = 48, colour: str = "teal", exif: bytes | None = None) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(stream, "JPEG", **({"exif": exif} if exif else {}))
    return stream.getvalue()


def camera(camera_id: str = "front_door", name: str = "Front Door") -> Camera:
    return Camera(id=camera_id, name=name, status=CameraStatus.ONLINE, created_at=START)


def event(event_id: str = "e1", *, at: datetime = START, revision: int = 1, score: int = 20) -> Event:
    return Event(
        event_id=event_id,
        batch_id=f"b-{event_id}",
        camera_id="front_door",
        camera_name="Front Door",
        started_at=at,
        risk_score=score,
        risk_level=RiskLevel.LOW,
        rule_score=score,
        analysis_state=AnalysisState.PROVISIONAL,
        summary="A person at the door",
        groups=(ObjectGroup.PERSON,),
        object_types=("person",),
        detection_count=1,
        media_id="m1",
        revision=revision,
        transitions=(
            Transition(
                revision=revision,
                change=EventChange.STARTED,
                at=at,
                score=score,
                level=RiskLevel.LOW,
                state=AnalysisState.PROVISIONAL,
            ),
        ),
    )


def media(media_id: str = "m1", *, at: datetime = START) -> Media:
    return Media(
        id=media_id,
        camera_id="front_door",
        kind=MediaKind.IMAGE,
        state=MediaState.DETECTED,
        sha256="0" * 64,
        size_bytes=1234,
        width=64,
        height=48,
        captured_at=at,
        received_at=at,
    )


def detection(number: int = 1) -> Detection:
    return Detection(
        id=number,
        media_id="m1",
        camera_id="front_door",
        event_id="e1",
        label="person",
        group=ObjectGroup.PERSON,
        confidence=0.9,
        box=Box(x=1, y=2, width=30, height=40),
        image_width=64,
        image_height=48,
        detected_at=START,
        model_id="test",
    )


def refused_file(number: int, reason: str) -> RejectedFile:
    return RejectedFile(
        id=number, at=START, camera_id="front_door", name=f"{number}.jpg", reason=reason, detail="the file is bad"
    )
