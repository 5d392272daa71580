from fractions import Fraction
import gc
from io import BytesIO
import itertools
import os
from pathlib import Path

import av
import pytest

from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.media import video
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.video import Sampling, VideoReader
from tests.fakes import pictures

READER = VideoReader(Limits(timeout_s=300.0))


def _reason(data: bytes, reader: VideoReader = READER) -> RejectReason:
    with pytest.raises(Rejected) as caught:
        reader.probe(BytesIO(data))
    return caught.value.reason


def frames_of_two_sizes(path: Path, sizes: list[tuple[int, int]]) -> Path:
    """A clip whose container states the size of its first frame alone."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=4)
        stream.pix_fmt, stream.width, stream.height = "yuvj420p", *sizes[0]
        for number, size in enumerate(sizes):
            packet = av.Packet(pictures.jpeg(*size, seed=number))
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 4), True
            packet.pts = packet.dts = number
            out.mux(packet)
    return path


def test_what_is_held_of_a_clip_is_bounded_whatever_its_frames_measure(tmp_path, monkeypatch):
    most = 500_000
    monkeypatch.setattr(video, "_HELD_MOST_BYTES", most)
    path = frames_of_two_sizes(tmp_path / "a.avi", [(32, 32), *[(320, 240)] * 12])
    with path.open("rb") as file:
        scan = READER.scan(file)
        assert len(scan.moments) == 13
        assert 0 < sum(plane.buffer_size for frame in scan.held.values() for plane in frame.planes) <= most
        file.seek(0)
        frames = list(READER.frames(file, Sampling(adaptive=True)))
    assert {(frame.width, frame.height) for frame in frames} == {(32, 32), (320, 240)}


class TestProbe:
    @pytest.mark.parametrize(
        ("name", "codec", "file_type"),
        [
            ("a.mp4", "mpeg4", FileType.MOV),
            ("a.mov", "mjpeg", FileType.MOV),
            ("a.mkv", "mpeg4", FileType.MATROSKA),
            ("a.avi", "mjpeg", FileType.AVI),
        ],
    )
    def test_containers(self, tmp_path, name, codec, file_type):
        path = pictures.clip(tmp_path / name, seconds=3, codec=codec)
        with path.open("rb") as file:
            facts = READER.probe(file)
        assert (facts.file_type, facts.codec, facts.width, facts.height) == (file_type, codec, 320, 240)
        assert facts.duration_s == pytest.approx(3.0, abs=0.2)

    def test_length_is_measured_where_the_header_has_none(self, tmp_path):
        path = pictures.clip(tmp_path / "a.mkv", seconds=3)
        data = path.read_bytes()
        at = data.find(b"\x44\x89\x88")
        assert at > 0
        with BytesIO(data[:at] + b"\xec\x89" + data[at + 2 :]) as file:
            assert READER.probe(file).duration_s == pytest.approx(3.0, abs=0.3)

    def test_sound_without_a_picture(self, tmp_path):
        assert _reason(pictures.sound_only(tmp_path / "a.mp4").read_bytes()) is RejectReason.NO_VIDEO_STREAM

    def test_crumbs(self, tmp_path):
        data = pictures.clip(tmp_path / "a.mp4", seconds=2).read_bytes()
        assert _reason(b"") is RejectReason.EMPTY
        assert _reason(b"<html>" * 500) is RejectReason.NOT_MEDIA
        assert _reason(pictures.jpeg()) is RejectReason.NOT_MEDIA
        assert _reason(data[: len(data) // 2]) is RejectReason.CORRUPT
        assert _reason(data[:32] + os.urandom(4000)) is RejectReason.CORRUPT

    def test_codec_that_cameras_do_not_use(self, tmp_path):
        data = pictures.clip(tmp_path / "a.avi", seconds=2, codec="ffv1").read_bytes()
        assert _reason(data) is RejectReason.FORBIDDEN_FORMAT

    @pytest.mark.parametrize(
        ("name", "known", "unknown"), [("a.avi", b"FMP4", b"ZZZZ"), ("a.mkv", b"V_MPEG4/ISO", b"V_ZZZZ4/ISO")]
    )
    def test_codec_without_a_decoder(self, tmp_path, name, known, unknown):
        data = pictures.clip(tmp_path / name, seconds=2).read_bytes()
        assert known in data
        assert _reason(data.replace(known, unknown)) is RejectReason.FORBIDDEN_FORMAT

    def test_too_many_pixels(self, tmp_path):
        data = pictures.clip(tmp_path / "a.mp4", seconds=1).read_bytes()
        assert _reason(data, VideoReader(Limits(max_pixels=320 * 240 - 1))) is RejectReason.TOO_MANY_PIXELS

    def test_time_limit(self, tmp_path):
        data = pictures.clip(tmp_path / "a.mp4", seconds=1).read_bytes()
        ticks = itertools.count(step=40.0)
        assert _reason(data, VideoReader(Limits(), monotonic=lambda: next(ticks))) is RejectReason.TOO_SLOW

    def test_scan_bomb_inside_a_clip(self, tmp_path):
        bomb = pictures.progressive_bomb(800, 400)
        path = tmp_path / "a.avi"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("mjpeg", rate=1)
            assert isinstance(stream, av.VideoStream)
            stream.width = stream.height = 800
            stream.pix_fmt = "yuvj420p"
            packet = av.Packet(bomb)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, stream.codec_context.time_base
            packet.is_keyframe = True
            out.mux(packet)
        assert _reason(path.read_bytes()) is RejectReason.TOO_MANY_SCANS


class TestFrames:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
    def test_first_frame_then_every_interval(self, tmp_path, name):
        path = pictures.clip(tmp_path / name, seconds=13)
        with path.open("rb") as file:
            frames = list(READER.frames(file, Sampling(interval_s=4.0)))
        assert [frame.offset_s for frame in frames] == pytest.approx([0, 4, 8, 12], abs=0.11)
        for frame in frames:
            assert frame.pixels.mean() == pytest.approx(10 * round(frame.offset_s or 0.0), abs=11)

    def test_short_intervals_need_no_seek(self, tmp_path):
        with pictures.clip(tmp_path / "a.mp4", seconds=5).open("rb") as file:
            frames = list(READER.frames(file, Sampling(interval_s=1.0)))
        assert [frame.offset_s for frame in frames] == pytest.approx([0, 1, 2, 3, 4], abs=0.11)

    def test_at_most_so_many(self, tmp_path):
        with pictures.clip(tmp_path / "a.mp4", seconds=10).open("rb") as file:
            assert len(list(READER.frames(file, Sampling(interval_s=1.0, max_frames=3)))) == 3

    def test_frames_are_reduced_and_keep_their_full_size(self, tmp_path):
        with pictures.clip(tmp_path / "a.mp4", seconds=1, size=(640, 480)).open("rb") as file:
            (frame,) = READER.frames(file, Sampling(at_least=200))
        assert frame.pixels.shape == (240, 320, 3)
        assert frame.full().pixels.shape == (480, 640, 3)

    def test_one_frame_at_a_time(self, tmp_path):
        with pictures.clip(tmp_path / "a.mp4", seconds=8).open("rb") as file:
            assert READER.frame_at(file, 5.0).offset_s == pytest.approx(5.0, abs=0.11)
            assert READER.frame_at(file, 99.0).pixels.shape == (240, 320, 3)

    def test_reference_clips(self):
        folder = os.environ.get("HOME_SENTRY_TEST_MEDIA")
        if not folder:
            pytest.skip("HOME_SENTRY_TEST_MEDIA is not set")
        clips = sorted(Path(folder).glob("video/*"))
        assert clips
        for path in clips:
            with path.open("rb") as file:
                facts = READER.probe(file)
                frames = list(READER.frames(file, Sampling(at_least=512)))
            assert len(frames) == min(20, int(facts.duration_s // 4) + 1), path.name


class TestNoOtherFileIsOpened:
    """A clip that is really a playlist must not lead to another camera's file, whatever it is called."""

    @pytest.fixture
    def victim(self, tmp_path):
        return pictures.clip(tmp_path / "victim.ts", seconds=3, codec="mpeg2video")

    @pytest.mark.parametrize("form", ["hls", "concat", "dash", "sdp"])
    def test_playlists(self, tmp_path, victim, form):
        texts = {
            "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n{victim}\n#EXT-X-ENDLIST\n",
            "concat": f"ffconcat version 1.0\nfile {victim.name}\nfile '{victim}'\n",
            "dash": f"<?xml version='1.0'?><MPD><Period><AdaptationSet><Representation><BaseURL>{victim}</BaseURL>"
            "</Representation></AdaptationSet></Period></MPD>",
            "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        }
        path = tmp_path / "trap.mp4"
        path.write_text(texts[form] + "#" * 2000)
        with path.open("rb") as file, pytest.raises(Rejected) as caught:
            READER.probe(file)
        assert caught.value.reason is RejectReason.NOT_MEDIA
        with path.open("rb") as file, pytest.raises(Rejected):
            list(READER.frames(file, Sampling()))

    def test_the_same_trap_works_on_a_reader_that_trusts_names(self, tmp_path, victim):
        path = tmp_path / "trap.mp4"
        path.write_text(f"ffconcat version 1.0\nfile {victim.name}\n")
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).width == 320

    @pytest.mark.parametrize("magic", [b"\x00\x00\x00\x18ftypmp42", b"\x1aE\xdf\xa3", b"RIFF\x00\x10\x00\x00AVI "])
    def test_playlist_behind_a_true_magic(self, tmp_path, victim, magic):
        for text in (f"\n#EXTM3U\n{victim}\n", f"\nffconcat version 1.0\nfile {victim}\n"):
            path = tmp_path / "trap.mp4"
            path.write_bytes(magic + text.encode() * 50)
            with path.open("rb") as file, pytest.raises(Rejected):
                READER.probe(file)

    def test_reference_to_a_file_inside_quicktime_is_not_followed(self, tmp_path):
        whole = pictures.clip(tmp_path / "victim.mov", seconds=2)
        data = whole.read_bytes()
        at = data.find(b"url \x00\x00\x00\x01")
        assert at > 0
        # not self-contained any more: the entry now says that the samples lie in another file
        trap = bytearray(data)
        trap[at + 7] = 0
        sample = data.find(b"mdat") + 4
        trap[sample : sample + 4096] = bytes(4096)
        with pytest.raises(Rejected):
            READER.probe(BytesIO(bytes(trap)))

    def test_no_file_is_left_or_opened_beside_the_given_one(self, tmp_path, victim):
        path = tmp_path / "bad.mp4"
        path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + os.urandom(5000))
        before = sorted(tmp_path.iterdir())
        # what earlier tests forgot may be closed at any time
        gc.collect()
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        with path.open("rb") as file, pytest.raises(Rejected):
            READER.probe(file)
        assert sorted(tmp_path.iterdir()) == before
        assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
