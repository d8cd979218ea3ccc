"""Bugs, full disks and kills: the exit code, and that the output folder is complete or absent."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cad.case.folders import FolderInUse, complete_folder
from cad.case.networks import CaseTools
from cad.commands.main import main
from cad.domain import Candidate, LungMask, Networks, Volume
from cad.errors import Unavailable
from tests.made.marking import MarkingDetector

FILE_LIMIT_BYTES = 200_000
"""Larger files cannot be written, as on a full disk: report and segmentation can, a key image cannot."""


@dataclass(frozen=True)
class DoingDetector(MarkingDetector):
    """Does something instead of detecting."""

    do: Callable[[], object] = bool

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        self.do()
        return super().__call__(volume, lungs, min_score)


def analyze(series: Path, out: Path, do: Callable[[], object]) -> int:
    tools = CaseTools(Networks(DoingDetector(do=do)), software_version="1")
    return main(["analyze", str(series), "--out", str(out)], lambda _: tools)


@contextmanager
def small_files_only() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_bug_leaves_as_itself_and_leaves_nothing(phantom: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        analyze(phantom, tmp_path / "out", lambda: 1 / 0)
    assert list(tmp_path.iterdir()) == []


def test_a_bug_exits_with_1_and_keeps_its_traceback(phantom: Path, tmp_path: Path) -> None:
    arguments = ["analyze", str(phantom), "--out", str(tmp_path / "out")]
    program = f"import sys; from cad.commands.main import main; sys.exit(main({arguments!r}, lambda device: 1 / 0))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "ZeroDivisionError" in ended.stderr
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_exits_with_4_and_leaves_nothing(
    phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_files_only():
        assert analyze(phantom, tmp_path / "out", bool) == 4
    assert "unavailable (disk)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_sigterm_in_the_middle_leaves_nothing(phantom: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        analyze(phantom, tmp_path / "out", lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert left.value.code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_sigkill_while_writing_leaves_only_the_hidden_folder(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from cad.case.folders import complete_folder
with complete_folder(Path({str(tmp_path / "out")!r})) as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert [path.name.startswith(".out.partial-") for path in tmp_path.iterdir()] == [True]
    with complete_folder(tmp_path / "out") as folder:
        (folder / "whole").write_text("whole")
    assert (tmp_path / "out" / "whole").exists()


def write_into(out: Path, do: Callable[[], object]) -> None:
    """A result folder in whose middle something happens."""
    with complete_folder(out) as folder:
        (folder / "first").write_text("first")
        do()


def test_a_bug_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_into(tmp_path / "out", lambda: 1 / 0)
    assert list(tmp_path.iterdir()) == []


def test_a_bug_that_is_an_os_error_is_not_called_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_into(tmp_path / "out", (tmp_path / "absent").read_text)


def test_a_disk_error_is_unavailable(tmp_path: Path) -> None:
    with small_files_only(), pytest.raises(Unavailable) as caught:
        write_into(tmp_path / "out", lambda: (tmp_path / "large").write_bytes(bytes(2 * FILE_LIMIT_BYTES)))
    assert caught.value.what == "disk"


def test_files_that_appear_meanwhile_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FolderInUse):
        write_into(tmp_path / "out", lambda: (tmp_path / "out" / "theirs").write_text("theirs"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_help_does_not_load_the_networks() -> None:
    program = "import sys, cad.commands.main; print(sorted({'torch', 'highdicom', 'numpy'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
