"""How much faster two workers are than one: a backlog of small series, timed from the first to the last.

python -m tests.endurance.scaling [--jobs 16]
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.endurance.stage import a_stage, quiet
from tests.integration.rigs import a_chest


def seconds(workers: int, jobs: int) -> float:
    """From the release of a backlog to its end."""
    with a_stage(analyses_at_once=workers, reconcile_s=5, confirm_after_s=600) as stage:
        (service,) = stage.services
        service.hold()
        chests = [a_chest(f"scaling/{workers}/{number}") for number in range(jobs)]
        for chest in chests:
            stage.orthanc.send(chest, stage.folder)
        while sum(service.health()["jobs"].values()) < jobs:
            time.sleep(0.2)
        began = time.monotonic()
        service.let_go()
        for chest in chests:
            service.wait_until("done", chest[0].SeriesInstanceUID)
        return time.monotonic() - began


def main() -> int:
    """Measures both and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=16)
    arguments = parser.parse_args()
    quiet()
    one, two = (seconds(workers, arguments.jobs) for workers in (1, 2))
    print(f"{arguments.jobs} jobs: one worker {one:.0f} s, two {two:.0f} s, {one / two:.2f} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
