"""Real servers for tests, started on free ports by a user without rights and stopped with the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
import itertools
import os
from pathlib import Path
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from typing import Any

import asyncpg

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Database
from tests.needs import command

START_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
        self._names = (f"test_{number}" for number in itertools.count())
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
        name = next(self._names)
        connection = await asyncpg.connect(f"{self.url}/postgres")
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        finally:
            await connection.close()
        return f"{self.url}/{name}"


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Run PostgreSQL in a folder of its own."""
    initdb, server = command("initdb"), command("postgres")
    folder = Path(tempfile.mkdtemp(prefix="home-sentry-postgres-"))
    data, log, port = folder / "data", folder / "log", free_port()
    as_nobody = _nobody()
    if as_nobody:
        shutil.chown(folder, as_nobody["user"], as_nobody["group"])
    quiet: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}, **as_nobody}
    made: list[Any] = [initdb, "-D", data, "-U", "sentry", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, **quiet)
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
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        child = subprocess.Popen([server, "-D", data, *arguments], stdout=output, stderr=output, **quiet)
        try:
            _wait(child, port, log)
            yield PostgresServer(port)
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(10)
            shutil.rmtree(folder, ignore_errors=True)
