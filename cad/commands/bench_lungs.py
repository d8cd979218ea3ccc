"""`lungcad bench-lungs`: how well lungs are found in real scans that were changed as hospitals vary."""

from __future__ import annotations

import argparse
from pathlib import Path

from cad.case.folders import check_file
from cad.commands.options import Commands, Whole, add_device, existing, say


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    command = commands.add_parser("bench-lungs", help="the lungs of real scans that were changed as hospitals vary")
    command.add_argument("series", type=existing, nargs="+", metavar="SERIES", help="folders of one chest CT each")
    command.add_argument("--copies", type=Whole(1, 100), default=1, metavar="N", help="of each scan and change (1)")
    command.add_argument("--alone", action="store_true", help="without the network's second opinion")
    command.add_argument("--json", type=Path, metavar="FILE", help="also write every reading there")
    add_device(command, "the network runs")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    if arguments.json is not None:
        check_file(arguments.json)
    from cad.commands.lungs_bench import LungsBenchOrder, as_json, lungs_bench, table

    order = LungsBenchOrder(tuple(arguments.series), arguments.copies, arguments.alone, arguments.device)
    found = lungs_bench(order, say)
    print(table(found))
    if arguments.json is not None:
        arguments.json.write_text(as_json(found), encoding="utf-8")
    return 0
