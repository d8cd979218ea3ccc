"""Nobody but the service reaches its engine, and what leaves a worker holds no data."""

from __future__ import annotations

import logging
import os
import socket
import stat
import time
from pathlib import Path

import psutil
import pytest
import requests
from distributed import Client

from cad.commands.wiring import PRIVATE, WorkerSetup, _listening, locked, make_private, run_job
from cad.service.engine import TOO_LARGE, DaskEngine, Ended, Rules, WorkerFacts
from cad.service.worker import WorkerBug

pytestmark = pytest.mark.slow

SECRET = "DOE^JANE"


def fails(key: str, epoch: int) -> None:
    """A job whose exception quotes a patient."""
    raise WorkerBug("ValueError", "unexpected ValueError") from None


def itself() -> WorkerFacts:
    """What a process says of itself that has no networks."""
    return WorkerFacts("1", "here", (), os.getpid())


PAGES = ("", "status", "workers", "info/main/workers.html", "json/identity.json", "metrics", "health")
"""What Dask's status servers show to whoever asks."""


def listening() -> set[int]:
    """The ports that this process and its children wait on."""
    processes = (psutil.Process(), *psutil.Process().children(recursive=True))
    connections = [one for process in processes for one in process.net_connections("tcp")]
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}


def shown(port: int, page: str) -> int:
    """The status of a page; 0 when the port speaks no HTTP."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/{page}", timeout=5, allow_redirects=False).status_code
    except requests.RequestException:
        return 0


def test_a_stock_client_without_the_certificate_is_not_let_in() -> None:
    engine = DaskEngine(fails, itself, Rules(1), itself())
    try:
        assert engine.wait_for_models() == ()
        assert engine._client is not None
        address = str(engine._client.scheduler_info()["address"])
        assert address.startswith("tls://127.0.0.1:")
        assert not [(port, page) for port in listening() for page in PAGES if shown(port, page) in range(200, 300)]
        for scheme in ("tcp", "tls"):
            with pytest.raises((OSError, TypeError, ValueError)):
                Client(address.replace("tls", scheme, 1), timeout=3, set_as_default=False)
    finally:
        engine.close()


def test_a_bug_of_a_job_leaves_its_worker_without_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr("cad.commands.wiring._tools_of", bug)
    with pytest.raises(WorkerBug) as caught:
        run_job(WorkerSetup(None, bug), "ab" * 32, 1)  # type: ignore[arg-type]
    assert caught.value.args[0] == "ValueError"
    assert SECRET not in f"{caught.value!r} {caught.value.args}"
    assert "in bug" in str(caught.value.args[1])


def test_whatever_was_there_is_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "outbox" / "job").mkdir(parents=True)
    for path in (folder / "jobs.sqlite", folder / "outbox" / "job" / "1.dcm"):
        path.write_bytes(b"x")
        path.chmod(0o644)
    folder.chmod(0o755)
    with locked(folder):
        pass
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes == {0o700, 0o600}
    assert PRIVATE == 0o077
    make_private(folder)


def test_small_answers_are_sent_at_once() -> None:
    with _listening("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
    logging.getLogger(__name__).debug("closed")


def grows(key: str, epoch: int) -> None:
    """A job that takes memory until it is ended."""
    held = []
    while True:
        held.append(bytearray(20_000_000))
        time.sleep(0.05)


def test_a_worker_that_takes_too_much_memory_is_ended_and_replaced() -> None:
    engine = DaskEngine(grows, itself, Rules(1, limit_mb=600), itself())
    try:
        engine.wait_for_models()
        engine.submit(("ab" * 32, 1))
        deadline = time.monotonic() + 120
        ended: tuple[Ended, ...] = ()
        while not ended and time.monotonic() < deadline:
            engine.keep()
            ended = engine.collect()
            time.sleep(0.1)
        assert [one.given_up for one in ended] == [TOO_LARGE]
        while engine.free() == 0 and time.monotonic() < deadline:
            engine.keep()
            time.sleep(0.1)
        assert engine.free() == 1
    finally:
        engine.close()
