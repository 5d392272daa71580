"""Real servers for tests, started on free ports by a user without rights and stopped with the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
import itertools
import os
from pathlib import Path
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from typing import Any

import asyncpg

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Database
from tests.needs import command

START_S = 60.0
# no test uses so many
_DATABASES_KEPT = 20


_given: set[int] = set()


def free_port() -> int:
    """Give a port on which nobody listens, none twice, and none that the system gives to a connection meanwhile."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    # where everything may be given away, chance has to do
    low, high = (first // 2, first) if first > 4096 else (20_000, 60_000)
    while True:
        port = random.SystemRandom().randrange(low, high)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _nobody() -> dict[str, Any]:
    """The user to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_S
    while not _answers(port):
        if child.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


class PostgresServer:
    """A running server; every test gets a database of its own."""

    def __init__(self, port: int) -> None:
        self.url = f"postgresql://sentry@127.0.0.1:{port}"
        self._numbers = itertools.count()
        self._template: str | None = None

    async def empty(self) -> str:
        """Make an empty database and give its address."""
        return await self._create("template0")

    async def migrated(self) -> str:
        """Make a database with the engine's schema and give its address."""
        if self._template is None:
            address = await self.empty()
            async with Database(address, SystemClock()):
                pass
            self._template = address.rpartition("/")[2]
        return await self._create(self._template)

    async def _create(self, template: str) -> str:
        number = next(self._numbers)
        name, old = f"test_{number}", f"test_{number - _DATABASES_KEPT}"
        connection = await asyncpg.connect(f"{self.url}/postgres")
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            # thousands of files would be for the last test to delete
            if number >= _DATABASES_KEPT and old != self._template:
                await connection.execute(f"DROP DATABASE IF EXISTS {old} WITH (FORCE)")
        finally:
            await connection.close()
        return f"{self.url}/{name}"


@contextmanager
def _running(
    arguments: list[Any], folder: Path, port: int, *, end: signal.Signals = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(arguments, stdout=output, stderr=output, **_as(folder))
        try:
            _wait(child, port, log)
            yield child
        finally:
            child.send_signal(end)
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _as(folder: Path) -> dict[str, Any]:
    return {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}, **_nobody()}


@contextmanager
def server_folder(kind: str) -> Iterator[Path]:
    """A folder for one server's files."""
    folder = Path(tempfile.mkdtemp(prefix=f"home-sentry-{kind}-"))
    user = _nobody()
    if user:
        shutil.chown(folder, user["user"], user["group"])
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgres(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run PostgreSQL in a folder, which is made ready the first time; what was written is there again the next time."""
    initdb, server = command("initdb"), command("postgres")
    data = folder / "data"
    if not data.exists():
        made: list[Any] = [initdb, "-D", data, "-U", "sentry", "--auth=trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, **_as(folder))
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": 60,
        "shared_buffers": "32MB",
        "max_wal_size": "512MB",
    }
    given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    # its own polite end waits for all who are connected
    with _running([server, "-D", data, *given], folder, port, end=signal.SIGINT) as child:
        # after a crash it listens before it lets anybody in
        asking = [command("pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
        until = time.monotonic() + START_S
        while subprocess.run(asking, check=False).returncode and time.monotonic() < until:
            time.sleep(0.05)
        yield child


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Run PostgreSQL in a folder of its own."""
    with server_folder("postgres") as folder:
        port = free_port()
        with running_postgres(folder, port):
            yield PostgresServer(port)


class RedisServer:
    """A Redis on a port of its own, with its files in a folder; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._program = command("redis-server")
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._namespaces = (f"test-{number}" for number in itertools.count())

    def namespace(self) -> str:
        """Give a prefix that no other test uses."""
        return next(self._namespaces)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the server; what it wrote is there again the next time."""
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self._folder, "save": "", "appendonly": "yes"}
        given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with _running([self._program, *given], self._folder, self.port) as child:
            yield child


@contextmanager
def redis() -> Iterator[RedisServer]:
    """Run Redis in a folder of its own."""
    with server_folder("redis") as folder:
        server = RedisServer(folder)
        with server.running():
            yield server


class MosquittoServer:
    """An MQTT broker on a port of its own; it can be killed and started again and knows its sessions then."""

    USER, PASSWORD = "sentry", "a-word-for-the-broker"

    def __init__(self, folder: Path, certificate: tuple[Path, Path] | None = None) -> None:
        self._program = command("mosquitto")
        self._folder = folder
        self.port = free_port()
        self.url = f"mqtt{'s' if certificate else ''}://127.0.0.1:{self.port}"
        settings = {
            "listener": f"{self.port} 127.0.0.1",
            "allow_anonymous": "false",
            "password_file": folder / "passwords",
            "persistence": "true",
            "persistence_location": f"{folder}/",
            # each change is kept at once
            "autosave_on_changes": "true",
            "autosave_interval": "1",
        }
        if certificate is not None:
            settings |= {"certfile": certificate[0], "keyfile": certificate[1]}
        (folder / "conf").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        making: list[Any] = [command("mosquitto_passwd"), "-b", "-c", "passwords", self.USER, self.PASSWORD]
        subprocess.run(making, check=True, capture_output=True, **_as(folder))

    def restrict(self, *rules: str) -> None:
        """Let nobody write but where these lines of an access list say, from the next start on."""
        (self._folder / "rules").write_text("".join(f"{rule}\n" for rule in rules))
        with (self._folder / "conf").open("a") as conf:
            conf.write(f"acl_file {self._folder / 'rules'}\n")

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the broker."""
        with _running([self._program, "-c", self._folder / "conf"], self._folder, self.port) as child:
            yield child
