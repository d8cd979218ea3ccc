"""A PostgreSQL server of the tests' own, in a folder of its own, as a user that is not root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cad.commands.embedded_orthanc import free_ports

BINARIES = Path("/usr/lib/postgresql")
USER = "postgres"
ABSENT = "PostgreSQL is not installed (Debian: postgresql)"


def binaries() -> Path | None:
    """The folder of the newest server; None when there is none."""
    found = sorted(BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    folder: Path
    port: int
    programs: Path

    def new_database(self) -> str:
        """The SQLAlchemy URL of a database that is empty."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres", autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def control(self, act: str) -> None:
        """`start` or `stop` the server, as a power cut would."""
        options = ["-o", f"-p {self.port} -c unix_socket_directories='' -c fsync=off", "-l", str(self.folder / "log")]
        how = options if act == "start" else ["-m", "immediate"]
        _run([str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-w", *how, act])


@contextlib.contextmanager
def a_server(programs: Path) -> Iterator[Postgres]:
    """A server that runs until the block ends, reached by anybody of this machine without a password."""
    folder = Path(tempfile.mkdtemp(prefix="lungcad-postgres-"))
    if os.getuid() == 0:
        shutil.chown(folder, USER)
    (port,) = free_ports(1)
    server = Postgres(folder, port, programs)
    try:
        _run(
            [str(programs / "initdb"), "-D", str(folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        )
        server.control("start")
        yield server
        server.control("stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str]) -> None:
    """One program of the server, which refuses to run as root."""
    user = USER if os.getuid() == 0 and USER in {entry.pw_name for entry in pwd.getpwall()} else None
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, user=user, cwd="/", stdout=said, stderr=said, timeout=120, check=False)
        said.seek(0)
        assert done.returncode == 0, said.read().decode()
