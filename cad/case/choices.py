"""What can be asked for, and which networks run: light, since the command line reads it before anything is loaded."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from models.running.names import RUNTIMES as RUNTIMES, Runtime as Runtime

LUNGCAD, MONAI_BUNDLE = "lungcad", "monai-bundle:"


class Part(enum.StrEnum):
    """What can be asked for by itself."""

    NODULES = "nodules"
    CALCIUM = "calcium"


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """Which networks run, and on what.

    `detector` is "lungcad" or "monai-bundle:" and the folder of MONAI's bundle; `runtime` is one of `RUNTIMES`, for
    lungcad's own networks. Without `nodules` nothing that reads them is loaded.
    """

    device: str = "cpu"
    detector: str = LUNGCAD
    runtime: str = "auto"
    nodules: bool = True
