import gc
import os
import socket

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.filetypes import FileType, kind_of_name, sniff
from home_sentry_engine.ingest.source import CameraFolders, SourceUnreadable, Stamp, source_key


@pytest.mark.parametrize(
    ("path", "camera_id", "name", "kind"),
    [
        ("Front Door/a.jpg", "front_door", "Front Door", MediaKind.IMAGE),
        ("back-yard/snap/x/y/a.JPEG", "back_yard", "back-yard", MediaKind.IMAGE),
        ("yard/2026-11-20/record/a.MKV", "yard", "yard", MediaKind.VIDEO),
        ("Garage 2/b.PnG", "garage_2", "Garage 2", MediaKind.IMAGE),
        ("yard/c.mov", "yard", "yard", MediaKind.VIDEO),
    ],
)
def test_camera_and_kind_of_a_path(tmp_path, path, camera_id, name, kind):
    place = CameraFolders(tmp_path).place(path)
    assert place is not None
    assert (place.camera_id, place.camera_name, place.kind) == (camera_id, name, kind)


@pytest.mark.parametrize(
    "path",
    ["a.txt", "yard/a.txt", "yard/a", "yard/.a.jpg", ".cache/a.jpg", "yard/@eaDir/a.jpg", ".a.jpg", "yard/a.gif"],
)
def test_paths_that_are_no_picture_of_a_camera(tmp_path, path):
    assert CameraFolders(tmp_path).place(path) is None


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a.jpg", "it lies beside the folders of the cameras, not in one of them"),
        ("--/a.jpg", "the camera name '--' has no letter or digit"),
        ("a\nb/a.jpg", "the folder 'a\ufffdb' has characters in its name that cannot be shown: rename it"),
        ("\u202eb/a.jpg", "the folder '\ufffdb' has characters"),
        (os.fsdecode(b"B\xfcro/a.jpg"), "the folder 'B\ufffdro' has characters"),
    ],
)
def test_pictures_that_belong_to_no_camera_are_refused_with_the_reason(tmp_path, path, why):
    with pytest.raises(Rejected, match=why) as caught:
        CameraFolders(tmp_path).place(path)
    assert caught.value.reason is RejectReason.CAMERA_REFUSED


def test_a_video_whose_name_cannot_be_stored_is_refused_and_a_still_is_not(tmp_path):
    folders, name = CameraFolders(tmp_path), os.fsdecode(b"yard/T\xfcre")
    assert folders.place(f"{name}.jpg") is not None
    with pytest.raises(Rejected, match="the name of the video is not UTF-8") as caught:
        folders.place(f"{name}.mp4")
    assert caught.value.reason is RejectReason.UNREADABLE


def test_two_folders_of_one_id(tmp_path):
    (tmp_path / "Front Door").mkdir()
    folders = CameraFolders(tmp_path)
    assert folders.place("Front Door/a.jpg")
    with pytest.raises(Rejected) as caught:
        folders.place("front_door/a.jpg")
    assert caught.value.reason is RejectReason.CAMERA_REFUSED
    assert folders.refused == {"front_door": "Front Door"}


def test_folders_that_are_gone_leave_nothing_behind(tmp_path):
    (tmp_path / "Front Door").mkdir()
    folders = CameraFolders(tmp_path)
    for number in range(20):
        folders.place(f"{number:02d}/a.jpg")
    folders.place("Front Door/a.jpg")
    for name in ("front_door", "front-door"):
        (tmp_path / name).mkdir()
        with pytest.raises(Rejected):
            folders.place(f"{name}/a.jpg")
    (tmp_path / "front_door").rmdir()
    gone = folders.gone()
    assert gone == {"front_door", *(f"{number:02d}" for number in range(20))}
    folders.forget(gone)
    assert folders.gone() == frozenset()
    assert folders.refused == {"front-door": "Front Door"}
    (tmp_path / "Front Door").rmdir()
    folders.forget(folders.gone())
    assert folders.refused == {}
    assert folders.place("front-door/a.jpg")


def test_known_owner_keeps_its_id_after_a_restart(tmp_path):
    (tmp_path / "Front Door").mkdir()
    with pytest.raises(Rejected):
        CameraFolders(tmp_path, {"front_door": "Front Door"}).place("front-door/a.jpg")


def test_renamed_folder_takes_its_id_along(tmp_path):
    folders = CameraFolders(tmp_path, {"front_door": "Front Door"})
    (tmp_path / "front-door").mkdir()
    place = folders.place("front-door/a.jpg")
    assert place is not None
    assert place.camera_id == "front_door"


class TestOpening:
    @pytest.fixture
    def folders(self, tmp_path):
        root = tmp_path / "root"
        (root / "yard" / "deep").mkdir(parents=True)
        (root / "yard" / "deep" / "a.jpg").write_bytes(b"inside")
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "a.jpg").write_bytes(b"outside")
        return CameraFolders(root)

    def test_regular_file(self, folders):
        with folders.open(folders.root / "yard" / "deep" / "a.jpg") as file:
            assert file.read() == b"inside"

    @pytest.mark.parametrize("target", ["file", "folder", "camera", "inner"])
    def test_no_link_is_followed_anywhere_on_the_way(self, folders, tmp_path, target):
        root = folders.root
        if target == "file":
            (root / "yard" / "x.jpg").symlink_to(tmp_path / "outside" / "a.jpg")
            path = root / "yard" / "x.jpg"
        elif target == "inner":
            (root / "yard" / "x.jpg").symlink_to(root / "yard" / "deep" / "a.jpg")
            path = root / "yard" / "x.jpg"
        else:
            link = root / "yard" / "link" if target == "folder" else root / "camera"
            link.symlink_to(tmp_path / "outside")
            path = link / "a.jpg"
        with pytest.raises(Rejected) as caught:
            folders.open(path)
        assert caught.value.reason is RejectReason.LINK_OUTSIDE

    def test_pipe_and_socket_and_folder_never_block(self, folders):
        os.mkfifo(folders.root / "yard" / "pipe.jpg")
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind(str(folders.root / "yard" / "plug.jpg"))
            for name in ("pipe.jpg", "plug.jpg", "deep"):
                with pytest.raises(Rejected) as caught:
                    folders.open(folders.root / "yard" / name)
                assert caught.value.reason is RejectReason.NOT_REGULAR

    def test_missing_and_unreadable(self, folders, monkeypatch):
        with pytest.raises(FileNotFoundError):
            folders.open(folders.root / "yard" / "none.jpg")

        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(SourceUnreadable):
            folders.open(folders.root / "yard" / "deep" / "a.jpg")

    def test_no_descriptor_is_left_open(self, folders, tmp_path):
        (folders.root / "yard" / "x.jpg").symlink_to(tmp_path)
        # what earlier tests forgot may be closed at any time
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts, does not walk
        for name in ("none.jpg", "x.jpg", "deep"):
            with pytest.raises((Rejected, FileNotFoundError)):
                folders.open(folders.root / "yard" / name)
        folders.open(folders.root / "yard" / "deep" / "a.jpg").close()
        assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208


def test_source_key_tells_states_of_a_file_apart():
    keys = {
        source_key(path, Stamp(size, at))
        for path in ("a/b.jpg", "a/c.jpg", "a/\udcff.jpg")
        for size in (1, 2)
        for at in (3, 4)
    }
    assert len(keys) == 12
    assert all(key.isascii() and len(key) <= 80 for key in keys)
    assert source_key("a/b.jpg", Stamp(1, 3)) in keys


@given(st.text(min_size=1).filter(lambda text: "\0" not in text), st.sampled_from([".jpg", ".MP4", ".txt", ""]))
def test_any_name_is_placed_or_not_but_never_breaks(name, suffix):
    try:
        place = CameraFolders.__new__(CameraFolders)
        place._owners, place.refused = {}, {}
        found = place.place(f"{name.replace('/', '_')}/x{suffix}")
    except Rejected:
        return
    assert found is None or found.camera_id.replace("_", "a").isalnum()


@given(st.binary(max_size=64))
def test_sniffing_any_bytes(head):
    assert sniff(head) is None or isinstance(sniff(head), FileType)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", MediaKind.IMAGE),
        ("a.WebP", MediaKind.IMAGE),
        ("a.avi", MediaKind.VIDEO),
        ("a.jpg.tmp", None),
        ("jpg", None),
    ],
)
def test_kind_of_a_name(name, kind):
    assert kind_of_name(name) is kind
