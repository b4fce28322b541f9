"""Hand-ins as they come: whose they are, what is mended, what is refused and why."""

import json
import os
import zipfile
from datetime import UTC, datetime

import pytest

from dlcourse.staff import StaffError, policy
from dlcourse.staff.submissions import collect, is_safe_id, name_in_cells, parse_notebook, tidy_name
from tests.staff.small_class import hand_in, put

COURSE = policy.parse(
    {
        "course": {"name": "C", "timezone": "UTC"},
        "publish": {"repository": "https://github.com/a/b", "branch": "main"},
        "file_names": {"pattern": "{first}_{last}_{assignment}.ipynb"},
        "late": {"homework": {"rule": "none"}},
        "weights": {"homework": 1.0},
        "assignments": {
            "ps1": {"kind": "homework", "points": 10, "due": "2027-01-01T00:00:00+00:00"},
            "ps2": {"kind": "homework", "points": 10, "due": "2027-01-01T00:00:00+00:00"},
        },
    }
)


def who(folder, course=COURSE):
    found, unplaced = collect(folder, "ps1", course)
    return {s.student: s.flags for s in found}, {u.file: u.reason for u in unplaced}


def test_a_file_named_by_the_rule_is_that_students(tmp_path):
    put(tmp_path, "Ada_Lovelace_ps1", hand_in())
    put(tmp_path, "Ann_van_der_Berg_ps1", hand_in())
    assert who(tmp_path) == ({"Ada_Lovelace": [], "Ann_van_der_Berg": []}, {})


@pytest.mark.parametrize(
    "name",
    [
        "Copy of Ada_Lovelace_ps1",
        "Ada_Lovelace_ps1 (1)",
        "Ada Lovelace ps1",
        "Ada_Lovelace_ps1 - Copy",
        "ada_lovelace_PS1_final",
    ],
)
def test_what_browsers_and_people_add_to_a_name_is_taken_off_and_said(tmp_path, name):
    put(tmp_path, name, hand_in())
    ((student, flags),) = who(tmp_path)[0].items()
    assert student.lower() == "ada_lovelace"
    assert flags == ["misnamed"]


def test_a_file_without_a_name_is_placed_by_its_name_cell(tmp_path):
    book = hand_in()
    book["cells"].insert(0, {"cell_type": "code", "metadata": {}, "outputs": [], "source": 'NAME = "Emmy Noether"'})
    put(tmp_path, "hw final", book)
    assert who(tmp_path)[0] == {"Emmy_Noether": ["misnamed"]}


def test_a_file_that_says_nothing_about_its_author_is_reported_not_guessed(tmp_path):
    put(tmp_path, "homework", hand_in())
    found, unplaced = who(tmp_path)
    assert not found
    assert "Ada_Lovelace_ps1.ipynb was awaited" in unplaced["homework.ipynb"]


def test_another_assignment_and_other_files_are_reported(tmp_path):
    put(tmp_path, "Ada_Lovelace_ps2", hand_in())
    (tmp_path / "notes.docx").write_text("x")
    found, unplaced = who(tmp_path)
    assert not found
    assert "handed in for ps2" in unplaced["Ada_Lovelace_ps2.ipynb"]
    assert "not a notebook" in unplaced["notes.docx"]


def test_nbgraders_tree_gives_student_and_time(tmp_path):
    put(tmp_path / "submitted" / "ada" / "ps1", "ps1", hand_in())
    (tmp_path / "submitted" / "ada" / "ps1" / "timestamp.txt").write_text("2027-01-02 03:04:05.600 UTC")
    (submission,), _ = collect(tmp_path, "ps1", COURSE)
    assert submission.student == "ada"
    assert submission.submitted == datetime(2027, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)


def test_a_zip_of_a_tree_moodles_folders_and_canvas_names_say_whose_it_is(tmp_path):
    text = json.dumps(hand_in())
    with zipfile.ZipFile(tmp_path / "tree.zip", "w") as archive:
        for student in ("ann", "bob"):
            archive.writestr(f"submitted/{student}/ps1/ps1.ipynb", text)
            archive.writestr(f"submitted/{student}/ps1/other.ipynb", text)
        archive.writestr("submitted/ann/ps1/timestamp.txt", "2027-01-02 03:04:05 UTC")
    found, unplaced = collect(tmp_path / "tree.zip", "ps1", COURSE)
    assert [s.student for s in found] == ["ann", "bob"]
    assert found[0].submitted == datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert not unplaced
    put(tmp_path / "moodle" / "Ann Lee_123_assignsubmission_file_", "ps1", hand_in())
    put(tmp_path / "moodle", "Bob Ray_124_assignsubmission_file_ps1", hand_in())
    put(tmp_path / "moodle", "coxcy_LATE_12345_67890_ps1-1", hand_in())
    put(tmp_path / "moodle" / "dee", "ps1", hand_in())
    assert set(who(tmp_path / "moodle", None)[0]) == {"Ann_Lee", "Bob_Ray", "coxcy", "dee"}


@pytest.mark.parametrize("name", ["..", "a/b", "", "x" * 200, "\ud800", "a\nb", ".hidden"])
def test_an_id_that_could_leave_its_folder_is_none(name):
    assert not is_safe_id(name)


def test_odd_times_and_file_names_stop_nobody(tmp_path):
    put(tmp_path / "submitted" / "ada" / "ps1", "ps1", hand_in())
    (tmp_path / "submitted" / "ada" / "ps1" / "timestamp.txt").write_text("9999-12-31 23:59:59.999999 -1400")
    odd = os.fsencode(tmp_path) + b"/caf\xe9_ps1.ipynb"
    with open(odd, "w") as file:
        json.dump(hand_in(), file)
    put(tmp_path, "..", hand_in())
    found, unplaced = collect(tmp_path, "ps1")
    assert [s.student for s in found] == ["ada"]
    assert len(unplaced) == 2
    assert all(u.file.isprintable() for u in unplaced)


def test_of_two_files_the_newer_counts_and_the_older_is_named(tmp_path):
    old, new = put(tmp_path, "Ada_Lovelace_ps1", hand_in()), put(tmp_path, "Ada_Lovelace_ps1 (1)", hand_in(why="later"))
    os.utime(old, (1e9, 1e9))
    os.utime(new, (2e9, 2e9))
    (submission,), unplaced = collect(tmp_path, "ps1", COURSE)
    assert submission.file == new.name
    assert "two files" in submission.flags
    assert [u.file for u in unplaced] == [old.name]


def test_a_zip_is_read_without_unpacking_and_its_traps_are_named(tmp_path):
    path = tmp_path / "all.zip"
    text = json.dumps(hand_in())
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("Grace_Hopper_ps1.ipynb", text)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sub/Ada_Lovelace_ps1.ipynb", text)
        archive.write(inner, "inner.zip")
        archive.writestr("../../evil_one_ps1.ipynb", text)
        archive.writestr("__MACOSX/._Ada_Lovelace_ps1.ipynb", "x")
        link = zipfile.ZipInfo("Link_Er_ps1.ipynb")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    found, unplaced = who(path)
    assert set(found) == {"Ada_Lovelace", "Grace_Hopper"}
    assert set(unplaced) == {"../../evil_one_ps1.ipynb", "Link_Er_ps1.ipynb"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.zip", "inner.zip"]


def test_a_link_is_not_followed(tmp_path):
    secret = put(tmp_path / "elsewhere", "secret", hand_in())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Ada_Lovelace_ps1.ipynb").symlink_to(secret)
    (submission,), _ = collect(tmp_path / "in", "ps1", COURSE)
    assert "link" in submission.problem


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"), (b"   \n", "empty"), (b"hello", "not a notebook"), (b"[1]", "no cells"),
        (b'{"cells": 3}', "no list of cells"), (b'{"cells": [{"cell_type": "co', "stops in the middle"), (b"\xff\xfe\x00", "decoded"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(tmp_path, data, says):
    with pytest.raises(ValueError, match=says):
        parse_notebook(data)
    (tmp_path / "Ada_Lovelace_ps1.ipynb").write_bytes(data)
    put(tmp_path, "Grace_Hopper_ps1", hand_in())
    found, _ = collect(tmp_path, "ps1", COURSE)
    assert [(s.student, s.problem is None) for s in found] == [("Ada_Lovelace", False), ("Grace_Hopper", True)]


def test_encodings_old_formats_and_damaged_cells_are_mended_and_said():
    book = hand_in()
    text = json.dumps(book, ensure_ascii=False)
    for data in (text.encode("utf-8-sig"), text.encode("utf-16"), text.replace("x + x", "é").encode("latin-1")):
        cells, notes = parse_notebook(data)
        assert len(cells) == len(book["cells"])
        assert notes == ["encoding mended"]
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n", "y = 2"]}]}]}
    cells, notes = parse_notebook(json.dumps(old).encode())
    assert (cells[0].source, notes) == ("x = 1\ny = 2", ["old format"])
    cells, notes = parse_notebook(json.dumps({"cells": [7, {"cell_type": "code", "source": "a \ud800"}]}).encode())
    assert (len(cells), notes) == (1, ["damaged cell"])
    cells[0].source.encode()


def test_nothing_to_read_is_one_clear_line(tmp_path):
    with pytest.raises(StaffError, match="no such file or folder"):
        collect(tmp_path / "nowhere", "ps1")
    with pytest.raises(StaffError, match="no notebook in it"):
        collect(tmp_path, "ps1")
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(StaffError, match="cannot be read as a zip"):
        collect(tmp_path / "x.zip", "ps1")


def test_small_parts():
    assert tidy_name("Kopie von Ada_Lovelace_ps1 (2)") == "Ada_Lovelace_ps1"
    assert name_in_cells([]) is None
