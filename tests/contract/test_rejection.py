"""The note that results are replaced, in the hands of validators."""

from __future__ import annotations

from pathlib import Path

from dicom_io.write.rejection import Replaced, rejection_note
from tests.contract.tools import complaints, dciodvfy, run, save
from tests.made.subjects import Subject


def test_the_note_is_valid_and_of_the_same_patient_and_study(plain: Subject, tmp_path: Path) -> None:
    old = [Replaced(f"2.25.{n}", f"2.25.{n}0", item.Modality) for n, item in enumerate(plain.objects.all(), start=1)]
    note = rejection_note(plain.objects.sr, old)
    assert note is not None
    path = save(note, tmp_path, "note")
    assert dciodvfy(path) == []
    assert complaints(run("dcentvfy", path, save(plain.objects.sr, tmp_path, "sr"))) == []
    dump = run("dcmdump", path).stdout
    assert all(f"[{one.sop_uid}]" in dump for one in old)
    assert note.SeriesNumber == plain.objects.sr.SeriesNumber + 7


def test_there_is_no_note_of_nothing_or_of_the_report_itself(plain: Subject) -> None:
    sr = plain.objects.sr
    assert rejection_note(sr, []) is None
    assert rejection_note(sr, [Replaced(str(sr.SOPInstanceUID), str(sr.SeriesInstanceUID), "SR")]) is None


def test_the_same_replacement_has_the_same_name_and_another_has_another(plain: Subject) -> None:
    def name(*uids: str) -> str:
        note = rejection_note(plain.objects.sr, [Replaced(uid, "2.25.9", "SEG") for uid in uids])
        assert note is not None
        return str(note.SOPInstanceUID)

    assert name("2.25.1", "2.25.2") == name("2.25.2", "2.25.1") != name("2.25.1")
