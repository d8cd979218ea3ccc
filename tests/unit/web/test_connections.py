"""Idle and dripping connections cost others nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from cad.commands.embedded_orthanc import free_ports
from cad.web import connections
from cad.web.connections import MOST_CONNECTIONS, BoundedProtocol


@contextlib.contextmanager
def a_service() -> Iterator[int]:
    """A small application behind the bounds; its port."""
    api = FastAPI()

    @api.get("/health")
    async def health() -> str:
        return "ok"

    @api.post("/echo")
    async def echo(body: dict[str, str]) -> dict[str, str]:
        return body

    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=port, http=BoundedProtocol, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield port
    server.should_exit = True
    thread.join()


def test_a_thousand_idle_connections_keep_nobody_out_and_are_closed_but_for_some() -> None:
    with a_service() as port, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(400)]
        for number in range(5):
            assert requests.get(f"http://127.0.0.1:{port}/health", timeout=20).status_code == 200, number
        for connection in idle:
            connection.setblocking(False)
        closed = 0
        for connection in idle:
            with contextlib.suppress(BlockingIOError, ConnectionResetError):
                if connection.recv(1) == b"":
                    closed += 1
                continue
            closed += 1
        assert closed >= 400 - MOST_CONNECTIONS - 5


def test_a_request_that_drips_is_closed_and_one_that_is_answered_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WAITING_S", 1.0)
    with a_service() as port:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as dripping:
            dripping.sendall(
                b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
            began = time.monotonic()
            with contextlib.suppress(ConnectionResetError):
                while dripping.recv(1000):
                    pass
            assert time.monotonic() - began < 20
        with requests.Session() as session:
            for _ in range(3):
                answer = session.post(f"http://127.0.0.1:{port}/echo", json={"a": "b"}, timeout=20)
                assert answer.json() == {"a": "b"}
                time.sleep(0.4)
