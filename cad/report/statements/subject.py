"""What a report can be about."""

from __future__ import annotations

import enum


class Subject(enum.StrEnum):
    """What a report is about."""

    NODULES = "nodules"
    GUIDELINES = "guidelines"
    FOLLOWUP = "followup"
    CALCIUM = "calcium"
