"""What can be known of the place for results is known before the work."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from cad.case.folders import FolderInUse, check_can_write, check_file
from cad.commands.main import main
from cad.errors import Unavailable

as_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
Usage = namedtuple("Usage", "total used free")


def test_a_good_place_is_left_as_it_was(tmp_path: Path) -> None:
    check_can_write(tmp_path / "new" / "deeper" / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").mkdir()
    check_can_write(tmp_path / "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("name", ["n" * 300, "n" * 250, "名" * 90])
def test_a_name_that_the_disk_cannot_hold_is_a_wrong_argument(name: str, tmp_path: Path) -> None:
    with pytest.raises(FolderInUse):
        check_can_write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_is_a_wrong_argument(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(FolderInUse):
            check_can_write(place)


def test_a_full_disk_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - 10**6, 10**6))
    with pytest.raises(Unavailable) as caught:
        check_can_write(tmp_path / "out")
    assert caught.value.what == "disk"
    assert list(tmp_path.iterdir()) == []


@as_user
def test_a_folder_that_may_not_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Unavailable):
        check_can_write(tmp_path / "out")


def test_a_read_only_file_system_is_told_before_the_work() -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc")
    with pytest.raises((Unavailable, FileNotFoundError)):
        check_can_write(Path("/proc/self/out"))


def test_a_file_is_tried_and_not_touched(tmp_path: Path) -> None:
    check_file(tmp_path / "new.json")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.json").write_text("old")
    check_file(tmp_path / "old.json")
    assert (tmp_path / "old.json").read_text() == "old"


def test_a_file_that_cannot_be_is_a_wrong_argument(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent" / "new.json", tmp_path / ("n" * 300)):
        with pytest.raises(FolderInUse):
            check_file(place)


def test_a_command_says_so_before_it_loads_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def load(_: object) -> object:
        raise AssertionError("networks were loaded")

    (tmp_path / "series").mkdir()
    code = main(["analyze", str(tmp_path / "series"), "--out", str(tmp_path / ("n" * 300))], load)  # type: ignore[arg-type]
    assert code == 2
    assert "name" in capsys.readouterr().err
