"""S7: whoever makes a clip fetches nothing and opens no file but those that it was given."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

from home_sentry_engine.media.clip_plan import ClipPlan, Part, to_json
from tests.fakes import pictures
from tests.needs import command

LIMITS = {
    "cpu_s": 60, "memory_bytes": 2**31, "file_bytes": 2**28, "max_pixels": 5 * 10**7, "max_scans": 20, "nvenc": True
}  # fmt: skip


@pytest.mark.full
def test_crafted_clips_make_the_child_open_nothing_else(tmp_path):
    secret = pictures.clip(tmp_path / "garden_of_others.mp4", seconds=2)
    crafted = {
        "list.mp4": f"#EXTM3U\n#EXTINF:2,\n{secret}\n#EXTINF:2,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "concat.mkv": f"ffconcat version 1.0\nfile {secret}\n",
        "master.mp4": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:9/a\n"
        f"#EXT-X-STREAM-INF:BANDWIDTH=2\nfile://{secret}\n",
    }
    for name, text in crafted.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "still.jpg").write_bytes(pictures.jpeg())
    parts = [Part(path=tmp_path / name, token=name, seconds=1.0, start_s=0.0) for name in crafted]
    parts.append(Part(path=tmp_path / "still.jpg", token="still", seconds=1.0))
    place, trace = tmp_path / "out.mp4", tmp_path / "trace"
    task = {"plan": to_json(ClipPlan(parts=tuple(parts), rate=4.0)), "place": str(place), **LIMITS}
    watched = [command("strace"), "-f", "-e", "trace=open,openat,openat2,connect,socket", "-o", str(trace)]
    child = [sys.executable, "-P", "-m", "home_sentry_engine.media.clip_child"]
    done = subprocess.run([*watched, *child], input=json.dumps(task), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["frames"], told["skipped"]) == (4, len(crafted))
    calls = trace.read_text().splitlines()
    assert [line for line in calls if "garden_of_others" in line] == []
    assert [line for line in calls if "connect(" in line or "AF_INET" in line] == []
    written = [line for line in calls if "O_CREAT" in line and "__pycache__" not in line]
    assert {str(place) in line for line in written} == {True}
    assert Path(place).stat().st_size > 0
