"""`lungcad register`: where points of one chest CT lie in another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cad.case.folders import check_file
from cad.commands.options import Commands, add_device, add_lungs, existing, existing_file, say

if TYPE_CHECKING:
    from cad.domain import FloatArray


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("register", help="where points of one chest CT lie in another")
    scan = "DICOM folder, zip archive, .mha, .nii.gz or .nrrd"
    command.add_argument("fixed", type=existing, metavar="FIXED", help=scan)
    command.add_argument("moving", type=existing, metavar="MOVING", help=scan)
    command.add_argument("--points", type=_points, required=True, metavar="POINTS.json", help="LPS mm points of FIXED")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="the points in MOVING")
    add_lungs(command)
    add_device(command, "registration runs")
    command.set_defaults(run=run)


def _points(text: str) -> FloatArray:
    from cad.commands.registered_points import parse_points

    try:
        return parse_points(existing_file(text).read_bytes())
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text}: {problem}") from None


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    check_file(arguments.out)
    from cad.commands.registered_points import RegisterOrder, registered_points, write_document
    from cad.policy import Policy
    from models.registration.registrar import TorchRegistrar

    order = RegisterOrder(arguments.fixed, arguments.moving, arguments.fixed_lungs, arguments.moving_lungs)
    document = registered_points(order, arguments.points, TorchRegistrar(arguments.device), Policy())
    write_document(document, arguments.out)
    quality = document["quality"]
    assert isinstance(quality, dict)
    for caution in quality["cautions"]:
        say(caution["text"])
    print(f"{len(arguments.points)} points, {quality['method']}, {document['seconds']:.1f} s; in {arguments.out}")
    return 0
