"""`lungcad demo`: a made-up study through an embedded Orthanc and the service."""

from __future__ import annotations

import argparse
from pathlib import Path

from cad.commands.options import Commands


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("demo", help="a made-up study through an embedded Orthanc and the service")
    command.add_argument("--out", type=Path, default=Path("demo_output"), metavar="DIR", help="folder of it all")
    then = command.add_argument("--then", choices=("exit", "serve", "viewer"), default="exit")
    then.help = "afterwards: end, keep Orthanc and the service running, or put the OHIF viewer in front of them"
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    from cad.commands.demonstration import Afterwards, run_demo

    return run_demo(arguments.out, Afterwards(arguments.then), lambda line: print(line, flush=True))
