"""The `lungcad` command.

Exit codes: 0 done (also when nothing was found), 1 a bug (traceback on stderr), 2 wrong arguments, 3 refused,
4 a needed system is unavailable. What a command needs is imported when it runs, so that help is quick.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from cad.case.folders import FolderInUse
from cad.commands import (
    analyze,
    bench,
    bench_grids,
    bench_lungs,
    bench_masses,
    bench_registration,
    demo,
    evaluate_crops,
    evaluate_followup,
    register,
    serve,
    simulate,
    train,
    validate,
)
from cad.commands.options import REFUSED, UNAVAILABLE, WRONG_ARGUMENTS
from cad.errors import Refusal, Unavailable

if TYPE_CHECKING:
    from cad.case.choices import NetworkChoice
    from cad.case.networks import CaseTools

COMMANDS = (
    analyze,
    serve,
    simulate,
    validate,
    train,
    evaluate_crops,
    evaluate_followup,
    register,
    bench,
    bench_grids,
    bench_lungs,
    bench_masses,
    bench_registration,
    demo,
)
"""In the order of the help; each has `add_to`, which names what runs it."""


LoadTools = Callable[["NetworkChoice"], "CaseTools"]


def load_tools(choice: NetworkChoice) -> CaseTools:
    """The trained networks; imported when they are needed."""
    from cad.case.networks import load_tools as load

    return load(choice)


def main(argv: Sequence[str] | None = None, load: LoadTools = load_tools) -> int:
    """Runs one command and returns its exit code; bugs leave as exceptions, and Python exits with 1.

    `load` gives the networks, and is called only when a series is fit for analysis.
    """
    arguments = _parser().parse_args(argv)
    arguments.load = load
    before = signal.signal(signal.SIGTERM, _leave_on_signal)
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
    finally:
        signal.signal(signal.SIGTERM, before)
    return code


def _leave_on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signature of a signal handler
    """Turns SIGTERM into an exit that runs every clean-up."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lungcad", description="Open chest-CT nodule reader beside a PACS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
