"""`lungcad bench-registration`: the registration beside its peers, on one pair of scans."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cad.case.folders import check_file
from cad.commands.options import WRONG_ARGUMENTS, Commands, add_device, add_lungs, existing, existing_file, say

if TYPE_CHECKING:
    from cad.domain import FloatArray


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("bench-registration", help="the registration beside its peers, on one pair of scans")
    command.add_argument(
        "series", type=existing, nargs="*", metavar="SCAN", help="FIXED and MOVING (default: a simulated pair)"
    )
    command.add_argument("--landmarks", type=_landmarks, metavar="FILE.json", help="the same points in both, LPS mm")
    add_lungs(command)
    add_device(command, "registration runs")
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    command.set_defaults(run=run)


def _landmarks(text: str) -> tuple[FloatArray, FloatArray]:
    from cad.commands.registration_bench import parse_landmarks

    try:
        return parse_landmarks(existing_file(text).read_bytes())
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text}: {problem}") from None


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    if arguments.json is not None:
        check_file(arguments.json)
    from cad.commands.registered_points import RegisterOrder
    from cad.commands.registration_bench import RegistrationBenchOrder, as_json, registration_bench, table
    from models.registration.registrar import RegistrationSettings

    pair = None
    if bool(arguments.series) != (arguments.landmarks is not None) or len(arguments.series) not in (0, 2):
        say("lungcad bench-registration takes FIXED, MOVING and --landmarks, or none of them")
        return WRONG_ARGUMENTS
    if arguments.series:
        fixed, moving = arguments.series
        pair = RegisterOrder(fixed, moving, arguments.fixed_lungs, arguments.moving_lungs)
    order = RegistrationBenchOrder(pair, arguments.landmarks, arguments.device)
    found = registration_bench(order, RegistrationSettings())
    print(table(found))
    if arguments.json is not None:
        arguments.json.write_text(as_json(found), encoding="utf-8")
    return 0
