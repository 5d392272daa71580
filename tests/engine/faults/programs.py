"""A real engine process, and the cameras that feed it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time
from typing import Any
import urllib.error
import urllib.request

ROOT = Path(__file__).parents[3]
QUICK = {
    "BATCH_WINDOW_SECONDS": "3",
    "BATCH_IDLE_TIMEOUT_SECONDS": "1",
    "BATCH_CHECK_INTERVAL_SECONDS": "0.2",
    "ZEROCONF": "false",
    "DETECTOR": "deimv2-atto",
    "LOG_FORMAT": "text",
    "OFFLINE": "true",
}
# fewer than an address may make in a minute
_CALLS_OF_AN_ADDRESS = 30
# for faults that have nothing to do with them
WITHOUT_MODELS = {"ENRICHMENT": "false", "REID": "false"}


class Serve:
    """``home-sentry serve`` over one data folder, started and ended as often as a test likes."""

    def __init__(self, data: Path, mirror: Path, **environment: str) -> None:
        self.data = data
        self.cameras = data / "cameras"
        self.log = data.parent / f"{data.name}.log"
        wanted = QUICK | environment
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("HOME_SENTRY_")}
        self._environment |= {f"HOME_SENTRY_{name}": value for name, value in wanted.items()}
        self._environment["HOME_SENTRY_MODEL_MIRROR"] = str(mirror)
        self._environment["PYTHONFAULTHANDLER"] = "1"
        self._environment["HOME_SENTRY_MODELS"] = str(data.parent / "models")
        self.wrapped_in: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._calls = 0
        self.url = ""
        self.started_s = 0.0

    def start(self, *, until_ready: bool = True, within_s: float = 100.0) -> None:
        """Start the engine; gives back once its API listens, or at once."""
        began = time.monotonic()
        program = [sys.executable, "-m", "home_sentry_engine"]
        command = [*self.wrapped_in, *program, "serve", "--data", str(self.data), "--port", "0"]
        with self.log.open("ab") as log:
            mark = log.tell()
            self._process = subprocess.Popen(
                [*command, "--no-llm"], stdout=log, stderr=log, cwd=ROOT, env=self._environment
            )
        if until_ready:
            self.url = self._address(mark, within_s)
            self.started_s = time.monotonic() - began

    def _address(self, mark: int, within_s: float) -> str:
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            found = re.search(r"address\s+(http://\S+)", self.log.read_bytes()[mark:].decode())
            if found:
                return found.group(1)
            assert self.process.poll() is None, self.tail()
            time.sleep(0.02)
        raise AssertionError(f"the engine did not start within {within_s} s: {self.tail()}")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, within_s: float = 60.0) -> float:
        """Send SIGTERM and give the seconds until the end; fails unless it exits 0 in time."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.dump()
            raise AssertionError(f"still running {within_s} s after SIGTERM: {self.tail()}") from None
        assert status == 0, self.tail()
        return time.monotonic() - began

    def dump(self) -> None:
        """End a process that hangs; its log then has where each thread stood."""
        self.process.send_signal(signal.SIGABRT)
        self.process.wait()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]

    def get(self, path: str, method: str = "GET") -> Any:
        """Ask the API and give its document or word, also that of a refusal; who looks so often has many addresses."""
        token = (self.data / "token").read_text().strip()
        self._calls += 1
        address = f"10.0.{self._calls // _CALLS_OF_AN_ADDRESS % 256}.1"
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
        request = urllib.request.Request(f"{self.url}{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                body = answer.read()
                return json.loads(body) if body[:1] in b"{[" else body.decode()
        except urllib.error.HTTPError as err:
            with err:
                return json.loads(err.read() or b"null") if err.headers.get_content_type().endswith("json") else None

    def status(self) -> Any:
        return self.get("/api/v1/status")

    def until(self, condition: Any, within_s: float = 120.0, every_s: float | None = None) -> Any:
        """Wait until ``condition(status)`` holds and give that status; the engine has to stay alive."""
        began = time.monotonic()
        until = began + within_s
        status = None
        while time.monotonic() < until:
            assert self.process.poll() is None, self.tail()
            with suppress(OSError):
                status = self.status()
                if status and "accounting" in status and condition(status):
                    return status
            time.sleep(every_s or (0.25 if time.monotonic() < began + 4 else 1.0))
        self.dump()
        raise AssertionError(f"not within {within_s} s; {status}; {self.tail()}")

    def drained(self, count: int, within_s: float = 120.0) -> Any:
        """Wait until that many files are accepted and none waits."""
        return self.until(
            lambda status: status["accounting"]["accepted"] >= count and status["accounting"]["queued"] == 0, within_s
        )


@contextmanager
def engine(data: Path, mirror: Path, **environment: str) -> Iterator[Serve]:
    """Give an engine that is not running yet and that surely ends with the block."""
    data.mkdir(parents=True, exist_ok=True)
    served = Serve(data, mirror, **environment)
    try:
        yield served
    finally:
        if served._process is not None and served._process.poll() is None:
            served.kill()


def different(picture: bytes, number: int) -> bytes:
    """Give the same picture with another comment, so that its content counts as new."""
    comment = f"{number:08d}".encode()
    return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + picture[2:]


def deliver(folder: Path, name: str, data: bytes) -> None:
    """Put a file where a camera would."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
