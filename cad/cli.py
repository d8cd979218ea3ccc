"""The `lungcad` command.

Exit codes: 0 done (also when nothing was found), 1 a bug (traceback on stderr), 2 wrong arguments, 3 refused,
4 a needed system is unavailable. What a command needs is imported when it runs, so that help is quick.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from cad.errors import Refusal, Unavailable
from cad.service.folders import FolderInUse, complete_folder

WRONG_ARGUMENTS, REFUSED, UNAVAILABLE = 2, 3, 4


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; bugs leave as exceptions."""
    signal.signal(signal.SIGTERM, _leave_on_signal)
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except Refusal as refusal:
        print(f"refused ({refusal.reason}): {refusal.text}", file=sys.stderr)
        return REFUSED
    except Unavailable as unavailable:
        print(f"unavailable ({unavailable.what}): {unavailable.text}", file=sys.stderr)
        return UNAVAILABLE
    except FolderInUse as problem:
        print(f"lungcad: {problem}", file=sys.stderr)
        return WRONG_ARGUMENTS
    return code


def _leave_on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signature of a signal handler
    """Turns SIGTERM into an exit that runs every clean-up."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lungcad", description="Open chest-CT nodule reader beside a PACS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_simulate(commands)
    return parser


def _add_simulate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("simulate", help="a deterministic synthetic chest CT study as DICOM, with its truth")
    command.add_argument("out", type=Path, metavar="OUT", help="new folder for series and truth.json")
    command.add_argument("--seed", type=_whole_number(0, 2**32 - 1), default=0, help="which patient (default 0)")
    command.add_argument("--nodules", type=_whole_number(0, 20), default=3, help="how many nodules (default 3)")
    command.add_argument("--followup", type=_whole_number(1, 3650), metavar="DAYS", help="a second visit after DAYS")
    command.add_argument("--calcium", action="store_true", help="with calcified coronary plaques")
    command.set_defaults(run=_simulate)


def _simulate(arguments: argparse.Namespace) -> int:
    from models.training.simulate import Recipe, simulate

    recipe = Recipe(arguments.seed, arguments.nodules, arguments.followup, arguments.calcium)
    with complete_folder(arguments.out) as partial:
        visits = [folder.relative_to(partial) for folder in simulate(partial, recipe)]
    for visit in visits:
        print(f"{arguments.out / visit / 'series'}  (truth: {arguments.out / visit / 'truth.json'})")
    return 0


class _whole_number:  # noqa: N801 - used as an argparse type, whose name appears in messages
    """Parses a whole number within bounds."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __call__(self, text: str) -> int:
        number = int(text)
        if not self.low <= number <= self.high:
            raise argparse.ArgumentTypeError(f"{number} is not in {self.low}..{self.high}")
        return number
