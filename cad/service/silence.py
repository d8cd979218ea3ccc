"""How long something has stood still, by a clock that is never set: other services' clocks, and ours, may jump."""

from __future__ import annotations

from collections.abc import Container, Hashable


class Silence:
    """Remembers of each name what it last said, and when that was new to us (seconds of a monotonic clock)."""

    def __init__(self) -> None:
        self._said: dict[Hashable, tuple[object, float]] = {}

    def seconds(self, name: Hashable, value: object, now_s: float) -> float:
        """For how long `name` has been saying this; 0 when it is new."""
        said, since = self._said.get(name, (None, now_s))
        if name not in self._said or said != value:
            self._said[name] = (value, now_s)
            return 0.0
        return now_s - since

    def only(self, names: Container[Hashable]) -> None:
        """Forget all others."""
        self._said = {name: said for name, said in self._said.items() if name in names}
