"""`lungcad bench`: the detector's speed and memory beside a peer's, on one volume."""

from __future__ import annotations

import argparse
from pathlib import Path

from cad.case.folders import check_file
from cad.commands.options import Commands, Whole, add_device, existing


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("bench", help="the detector's speed and memory beside a peer's, on one volume")
    command.add_argument("series", type=existing, nargs="*", metavar="SERIES", help="default: a simulated study")
    command.add_argument("--runs", type=Whole(1, 100), default=3, metavar="N", help="runs after the first (default 3)")
    add_device(command)
    command.add_argument("--skip-peer", action="store_true", help="without MONAI's RetinaNet, which takes minutes")
    command.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    if arguments.json is not None:
        check_file(arguments.json)
    from cad.commands.detector_bench import BenchOrder, as_json, bench, table

    order = BenchOrder(tuple(arguments.series), arguments.device, arguments.runs, not arguments.skip_peer)
    found = bench(order)
    print(table(found))
    if arguments.json is not None:
        arguments.json.write_text(as_json(found), encoding="utf-8")
    return 0
