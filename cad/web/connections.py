"""Bounds of the connections to the API, before anybody has said anything on them.

A browser, a proxy and a health check need few. When all are taken, the one that has waited for longest, without a
request or with one that does not come to its end, makes room: idle and dripping peers cost others nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 128
"""Each costs a handle, of which API, receiver, workers and table share some thousand."""

WAITING_S = 20.0
"""Time without a request, and time that a request may take to come in whole (at most 1 MB)."""


class BoundedProtocol(H11Protocol):
    """One connection. `waiting` are those of this process that have no whole request, the longest first."""

    waiting: dict[BoundedProtocol, float] = {}  # noqa: RUF012 - shared by all connections on purpose

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's own is narrower than the protocol's
        """A new connection; the one that has waited for longest goes when there are too many."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._wait()
        if len(self.connections) > MOST_CONNECTIONS and self.waiting:
            next(iter(self.waiting)).drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._done_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; a whole request ends the waiting."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete:
            self._done_waiting()
        elif self not in self.waiting:
            self._wait()

    def on_response_complete(self) -> None:
        """An answer was sent; the next request is waited for."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def drop(self) -> None:
        """Close the connection at once."""
        self._done_waiting()
        self.transport.abort()

    def _wait(self) -> None:
        self._done_waiting()
        self.waiting[self] = time.monotonic()
        self._timer = self.loop.call_later(WAITING_S, self.drop)

    def _done_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
