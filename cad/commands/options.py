"""What several commands share: how arguments are read, and how progress is told."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Protocol

from cad.case.choices import RUNTIMES as RUNTIMES, NetworkChoice, Part

WRONG_ARGUMENTS, REFUSED, UNAVAILABLE = 2, 3, 4
"""Exit codes beside 0 (done) and 1 (a bug)."""

Commands = argparse._SubParsersAction


class NetworkArguments(Protocol):
    """The arguments that say which networks run."""

    device: str
    runtime: str
    detector: str
    only: tuple[str, ...] | None


def say(text: str) -> None:
    """A line of progress on stderr."""
    print(f"lungcad: {text}", file=sys.stderr, flush=True)


def choice_of(arguments: NetworkArguments) -> NetworkChoice:
    """Which networks run; without those of nodules when these are not asked for."""
    nodules = not arguments.only or Part.NODULES.value in arguments.only
    return NetworkChoice(arguments.device, arguments.detector, arguments.runtime, nodules)


def add_device(command: argparse.ArgumentParser, what: str = "networks run") -> None:
    """Where it runs."""
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help=f"where the {what}")


def add_lungs(command: argparse.ArgumentParser) -> None:
    """Masks of the lungs of both scans of a registration."""
    command.add_argument("--fixed-lungs", type=existing_file, metavar="MASK", help="lungs of FIXED (else segmented)")
    command.add_argument("--moving-lungs", type=existing_file, metavar="MASK", help="lungs of MOVING (else segmented)")


def existing(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no {text}")
    return path


def existing_file(text: str) -> Path:
    path = existing(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file")
    return path


def part_names(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    unknown = [part for part in parts if part not in list(Part)]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(Part)}")
    return parts


def detector(text: str) -> str:
    which, _, folder = text.partition(":")
    if which not in ("lungcad", "monai-bundle") or (which == "lungcad") == bool(folder):
        raise argparse.ArgumentTypeError(f"{text!r} is neither lungcad nor monai-bundle:FOLDER")
    if folder:
        existing(folder)
    return text


def score(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not in 0..1")
    return score


class Whole:
    """Parses a whole number within bounds."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __call__(self, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not self.low <= number <= self.high:
            raise argparse.ArgumentTypeError(f"{number} is not in {self.low}..{self.high}")
        return number
