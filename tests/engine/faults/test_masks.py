"""Masks and the moment between an upload's booking and its replacement."""

import signal
import subprocess
import sys

from home_sentry_engine.media.picture import decode
from tests.engine.faults.programs import ROOT
from tests.fakes.masked import leaks, masked_home


async def test_an_upload_that_a_kill_left_as_it_came_is_masked_after_the_next_start(tmp_path):
    program = [sys.executable, "-m", "tests.engine.faults.killed_masking", str(tmp_path)]
    assert subprocess.run(program, cwd=ROOT, timeout=100, check=False).returncode == -signal.SIGKILL  # noqa: ASYNC221
    async with masked_home(tmp_path) as home:
        upload = home.root / "Door" / "a.jpg"
        assert leaks(decode(upload.read_bytes()).pixels)
        (media,) = await home.media()
        assert not leaks(decode(media.path.read_bytes()).pixels)
        assert await home.uploads.once(home.later()) == 1
        assert not leaks(decode(upload.read_bytes()).pixels)
        assert [one.name for one in upload.parent.iterdir()] == ["a.jpg"]
        assert await home.database.read(home.tables.masks.exposed_cameras) == frozenset()
        # its job is still there: the picture is looked at, under the mask
        await home.home.recover()
        await home.home.work()
        assert [leaks(one.pixels) for one in home.onlooker.shown] == [False]
