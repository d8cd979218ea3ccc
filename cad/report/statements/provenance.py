"""Who computed a result, when and with what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who computed a result, with what, when and on how many processor cores."""

    version: str
    job_key: str
    started: datetime
    host_cores: int
