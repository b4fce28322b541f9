"""Final grades: from a class that was really graded and marked, to the files that Canvas and Moodle import."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcourse import cli
from dlcourse.staff import StaffError, course_folder, final, gradebook, grading, ledger, lms, pages, policy, tables
from dlcourse.staff.sandbox import Limits, sandbox_problem
from tests.staff.small_class import hand_in, make_source, put

needs_sandbox = pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
DUE = datetime(2027, 3, 5, 23, 59, tzinfo=UTC)
END = datetime(2027, 7, 1, tzinfo=UTC)
TOML = """
[course]
name = "A course"
timezone = "Europe/Berlin"
[weights]
homework = 0.6
exam = 0.4
[late.homework]
rule = "per_day"
penalty = 0.10
[deductions.homework]
text_in_code = { points = 1 }
[assignments]
ps1 = { kind = "homework", points = 10, due = 2027-03-05T23:59:00Z }
midterm = { kind = "exam", points = 40, scores = "midterm.csv" }
"""


def percents(made):
    return {line.student: None if line.share is None else round(100 * line.share, 4) for line in made.lines}


def states(made, assignment):
    return {line.student: line.marks[assignment].state for line in made.lines}


# ---- a class that was graded


def tree(folder, student, book, hours_late=-1.0):
    place = folder / "in" / student / "ps1"
    put(place, "ps1", book)
    (place / "timestamp.txt").write_text((DUE + timedelta(hours=hours_late)).isoformat())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """ada and alan are a group, alan handed in later; grace is a day late; linus wrote his answer into a code cell."""
    folder = tmp_path_factory.mktemp("final")
    source = make_source(folder)
    tree(folder, "ada", hand_in(squares="def squares(n):\n    return []"))
    tree(folder, "alan", hand_in())
    (folder / "in" / "alan" / "ps1" / "timestamp.txt").write_text((DUE - timedelta(minutes=5)).isoformat())
    tree(folder, "grace", hand_in(), 20)
    in_code = hand_in(why="YOUR ANSWER HERE")
    words = "# It is so because two times a number is that number and that number again"
    in_code["cells"].append({"cell_type": "code", "metadata": {}, "outputs": [], "source": words, "execution_count": 1})
    tree(folder, "linus", in_code)
    course = folder / "course"
    course.mkdir()
    (course / "course.toml").write_text(TOML)
    (course / "students.toml").write_text('[groups.homework]\none = ["ada", "alan", "Mary Ann"]\n')
    grade(folder, source)
    return folder


def grade(folder, source=None, **more):
    source = source or folder / "source" / "ps1" / "ps1.ipynb"
    limits = Limits(cell_seconds=10, memory_mb=1024)
    return grading.grade(str(source), folder / "in", folder / "course", limits=limits, jobs=2, **more)


def give(folder, student, points, extra=None, comment=None):
    """What a person does in formgrader."""
    with course_folder.gradebook(folder / "course", "course") as book:
        found = book.find_grade("why", "ps1", "ps1", student)
        found.manual_score, found.extra_credit, found.needs_manual_grade = points, extra, False
        book.find_comment("why", "ps1", "ps1", student).manual_comment = comment
        book.db.commit()


@needs_sandbox
@pytest.mark.slow
def test_a_class_from_its_hand_ins_to_final_grades(place, capsys):
    outcome = grade(place)
    assert outcome.fresh == outcome.changed == set()
    told = {r["student"]: r for r in outcome.records}
    assert sorted(told) == ["Mary_Ann", "ada", "alan", "grace", "linus"]
    assert {s: r["final_score"] for s, r in told.items()} == {
        "Mary_Ann": 7, "ada": 7, "alan": 7, "grace": 6.3, "linus": 6,
    }  # fmt: skip
    assert {s: r["handed_in_by"] for s, r in told.items() if r["handed_in_by"]} == {"Mary_Ann": "alan", "ada": "alan"}
    assert "two in the group" in told["alan"]["flags"]
    assert "by a partner" in told["ada"]["flags"]
    assert (told["grace"]["late_days"], told["grace"]["late_factor"]) == (0.833, 0.9)
    assert [(d["what"], d["points"]) for d in told["linus"]["deductions"]] == [("text in code", 1)]
    assert told["linus"]["cells"]["why"] == {"score": None, "max_score": 3, "status": "needs marking", "message": ""}
    assert gradebook.feedback_path(outcome, "Mary_Ann").exists()
    page = gradebook.feedback_path(outcome, "linus").read_text()
    assert "1 point taken off: a written answer stands in a code cell" in page
    assert "Final score so far: 6." in page
    done = told["ada"] | {"completion": {"tried": 2, "of": 3, "needed": 0.8}, "final_score": 6.67}
    page = pages.feedback_page(done, outcome.plan, "ps1")
    assert "you tried 2 of 3 questions, all points need 80&nbsp;%, so that share counts" in page
    assert "Final score: 6.67." in page
    with course_folder.gradebook(place / "course", "course") as book:  # the work of a group is marked once
        assert sorted(s.student.id for s in book.assignment_submissions("ps1")) == ["alan", "grace", "linus"]
        penalties = {s.student.id: s.late_submission_penalty for s in book.assignment_submissions("ps1")}
    assert penalties == {"alan": 0, "grace": pytest.approx(0.7), "linus": 1}
    rows = list(csv.DictReader(io.StringIO(gradebook.scores_csv(outcome))))
    assert [r["deductions"] for r in rows] == ["", "", "", "", "text in code 1"]
    listed = json.loads(gradebook.as_json(outcome))
    assert {"late_days", "late_factor", "deductions", "final_score", "due", "handed_in_by"} <= set(listed[0])

    # before the mid-term, before anybody marked
    made = final.final_grades(place / "course", now=END)
    assert not made.settled
    assert set(states(made, "ps1").values()) == {"provisional"}
    assert set(states(made, "midterm").values()) == {"not graded"}
    assert made.notes == [
        "ps1: the work of 5 is to be marked in nbgrader's Formgrader",
        "midterm: not graded yet, it is left out: put midterm.csv into the course folder",
    ]

    # marked in formgrader: once for the group; lateness holds for what was marked later too
    give(place, "alan", 2, comment="Why *always*?")
    give(place, "grace", 3)
    give(place, "linus", 1, extra=0.5)
    (place / "course" / "midterm.csv").write_text("student,score\nada,40\nalan,20\ngrace,30\nlinus,0\n")
    made = final.final_grades(place / "course", now=END)
    assert made.settled
    assert made.problems == made.notes == []
    assert percents(made) == {
        "ada": 60 * 0.9 + 40, "alan": 60 * 0.9 + 20, "grace": 60 * 0.9 + 30,
        "linus": 60 * 0.75, "Mary_Ann": 60 * 0.9,
    }  # fmt: skip
    assert states(made, "midterm")["Mary_Ann"] == "missing"

    # an extension that is granted later
    toml = (place / "course" / "students.toml").read_text()
    (place / "course" / "students.toml").write_text(
        toml + '[extensions]\ngrace.ps1 = { days = 1, reason = "ill" }\n[excused]\nMary_Ann.midterm = "ill"\n'
    )
    made = final.final_grades(place / "course", now=END)
    assert percents(made) | {"grace": 60 + 30, "Mary_Ann": 90} == percents(made)
    outcome = grade(place)
    assert outcome.fresh == set()
    assert outcome.changed == {"Mary_Ann", "ada", "alan", "grace", "linus"}  # all were marked
    assert grade(place).changed == set()
    for student in ("alan", "ada"):
        page = gradebook.feedback_path(outcome, student).read_text()
        assert "Why <em>always</em>?" in page
        assert "<b>9</b> <span>of 10 points" in page
        assert "to be marked" not in page
    rows = {r["student"]: r for r in json.loads(gradebook.as_json(outcome))}
    assert rows["ada"]["comments"] == {"why": "Why *always*?"}
    assert (rows["linus"]["state"], rows["linus"]["score"], rows["linus"]["final_score"]) == ("graded", 8.5, 7.5)
    assert rows["linus"]["cells"]["why"] == {
        "score": 1.5, "max_score": 3, "status": "marked", "message": "", "auto_score": None, "again": False,
    }  # fmt: skip
    with course_folder.gradebook(place / "course", "course") as book:
        assert book.find_grade("why", "ps1", "ps1", "linus").auto_score is None
        assert [s.student.id for s in book.assignment_submissions("ps1") if s.needs_manual_grade] == []
    page = gradebook.feedback_path(outcome, "grace").read_text()
    assert "points are taken off" not in page
    assert "Final score" not in page

    # one student again: the others stay
    alone = grade(place, students=["grace"])
    assert [r["student"] for r in alone.records] == ["grace"]
    assert alone.notes[-1].startswith("4 more students were graded before: for a report on all, grade all")
    assert len(final.final_grades(place / "course", now=END).lines) == 5

    # new work is looked at again
    tree(place, "linus", hand_in(why="again"))
    page = gradebook.feedback_path(grade(place), "linus").read_text()
    assert "These points were given for an earlier version. A person looks at this one, too." in page
    made = final.final_grades(place / "course", now=END)
    assert states(made, "ps1") | {"linus": "provisional"} == states(made, "ps1")
    assert made.lines[-1].marks["ps1"].points == pytest.approx(8.5)

    # the command
    assert cli.main(["grades", "--course", str(place / "course")]) == 1
    said = capsys.readouterr().out
    assert "provisional: ps1" in said
    assert "ps1: the work of 1 is to be marked in nbgrader's Formgrader" in said
    rows = list(csv.DictReader((place / "course" / "reports" / "grades.csv").open()))
    assert [r["student"] for r in rows] == ["Mary_Ann", "ada", "alan", "grace", "linus"]
    assert rows[1] == {
        "student": "ada", "name": "", "ps1 (10)": "9", "midterm (40)": "40", "homework %": "90", "exam %": "100",
        "final %": "94", "missing": "", "provisional": "", "excused": "",
    }  # fmt: skip
    assert rows[0]["midterm (40)"] == "excused"


# ---- without running anything


def kept(score=8.0, of=10.0, when=DUE, problem=None, **more):
    cells = {"a": [score, of]} | more.pop("cells", {})
    return {"submitted": when.isoformat(), "file": "x", "problem": problem, "tried": [1, 1], "flags": [], "faults": [], "digest": "",
            "cells": cells} | more  # fmt: skip


def make(folder, toml=TOML, students="", ps1=None, **files):
    """A course folder with a ledger of ps1: student -> entry."""
    folder.mkdir(exist_ok=True)
    (folder / "course.toml").write_text(toml)
    (folder / "students.toml").write_text(students)
    for name, text in files.items():
        data = text if isinstance(text, bytes) else text.encode()
        (folder / f"{name}.csv").write_bytes(data)
    write_ledger(folder, "ps1", ps1)
    return folder


def write_ledger(folder, label, entries, notebook="ps1", max_score=10):
    if entries is not None:
        (folder / "records" / label).mkdir(parents=True, exist_ok=True)
        held = {"assignment": "ps1", "notebook": notebook, "max_score": max_score, "students": entries, "said": {}}
        (folder / "records" / label / ledger.NAME).write_text(json.dumps(held))


CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,ps1 (4711),Essay (12),Current Score\r\n"
    "    Points Possible,,,,,10,5,(read only)\r\n"
    '"Lovelace, Ada",101,s1,al1,"Deep, 1",,,\r\n'
    '"Núñez, José",102,s2,jn2,"Deep, 1",,,\r\n'
    '"=cmd|calc, Eve",103,s3,ev3,"Deep, 1",,,\r\n'
    '"Student, Test",999,,,,,,\r\n'
)


def test_a_file_for_canvas_has_its_own_columns_ids_and_numbers_of_assignments(tmp_path):
    course = make(
        tmp_path / "c", ps1={"Ada_Lovelace": kept(8.25), "Jose_Nunez": kept(5)}, canvas=CANVAS,
        midterm="SIS Login ID,score\nal1,30\njn2,20\nev3,10\n", students='[excused]\nev3.ps1 = "ill"\n',
    )  # fmt: skip
    made = final.final_grades(course, course / "canvas.csv", now=END)
    assert made.problems == []
    assert final.lms_csv(made, "canvas").splitlines() == [
        "Student,ID,SIS User ID,SIS Login ID,Section,ps1 (4711),midterm,Final percent",
        "    Points Possible,,,,,10,40,100",
        '"Lovelace, Ada",101,s1,al1,"Deep, 1",8.25,30,79.5',
        '"Núñez, José",102,s2,jn2,"Deep, 1",5,20,50',
        '"\'=cmd|calc, Eve",103,s3,ev3,"Deep, 1",EX,10,25',
    ]


MOODLE = "First name;Surname;ID number;Email address;Last downloaded from this course\n" \
    "Ada;Lovelace;7001;ada@uni.example;1\nAlan;Turing;7002;turing@uni.example;1\n"  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_for_moodle_has_id_number_and_email(tmp_path, encoding, separator):
    roster = MOODLE.replace(";", separator).encode(encoding)
    course = make(tmp_path / "c", ps1={"ada": kept(8), "7002": kept(6)}, roster=roster, midterm="email,points\n")
    made = final.final_grades(course, course / "roster.csv", now=END)
    assert final.lms_csv(made, "moodle").splitlines() == [
        "First name,Surname,ID number,Email address,ps1,midterm,Final percent",
        "Ada,Lovelace,7001,ada@uni.example,8,0,48",
        "Alan,Turing,7002,turing@uni.example,6,0,36",
    ]


def test_what_is_not_settled_stays_empty_in_a_file_for_an_lms(tmp_path):
    open_ = kept(5, 7, cells={"why": [None, 3]})
    course = make(tmp_path / "c", ps1={"ada": open_, "7002": kept(None, problem="damaged")}, roster=MOODLE)
    made = final.final_grades(course, course / "roster.csv", now=END)
    assert [line.split(",")[4:] for line in final.lms_csv(made, "moodle").splitlines()[1:]] == [["", "", ""]] * 2
    assert made.problems == ["7002: ps1 could not be run: it gives no points yet"]
    so_far = final.final_grades(course, course / "roster.csv", so_far=True, now=END)
    assert percents(so_far) == {"7001": round(100 * 5 / 7, 4), "7002": None}


def test_whoever_is_not_in_the_roster_is_named_and_gets_no_grade(tmp_path):
    course = make(
        tmp_path / "c", ps1={"Ada_Lovelace": kept(), "Alan_Turin": kept(), "Bob\x1b[31m": kept()},
        roster=MOODLE, midterm="student,score\nzoe,3\n7001,40\n",
        students='[extensions]\n"Alan_Turin".ps1 = { days = 1, reason = "ill" }\n[groups.project]\nx = ["nobody"]\n',
    )  # fmt: skip
    made = final.final_grades(course, course / "roster.csv", now=END)
    file = course / "roster.csv"
    assert made.problems == [
        f"Alan_Turin handed in ps1, but is not in {file} (is it alan turing?): no grade",
        f"Bob?[31m handed in ps1, but is not in {file}: no grade",
        f"zoe has a score in midterm.csv, but is not in {file}: no grade",
        f"nobody (of group x) is not in {file}: no grade",
        "[extensions] alan_turin: nobody of that id has handed in or is listed",
    ]
    assert states(made, "ps1") == {"7001": "graded", "7002": "missing"}


def test_one_student_under_two_ids_is_one_student_of_the_roster(tmp_path):
    work = {"Ada_Lovelace": kept(9, when=DUE), "ada@uni.example": kept(4, when=DUE - timedelta(days=1))}
    course = make(tmp_path / "c", ps1=work, roster=MOODLE, midterm="id,score\n7001,40\n")
    made = final.final_grades(course, course / "roster.csv", now=END)
    assert percents(made) == {"7001": 94, "7002": 0}  # the newer hand-in counts


def test_a_name_that_two_lines_have_is_not_guessed(tmp_path):
    roster = "ID;Student\n1;Ann Lee\n2;Lee, Ann\n"
    course = make(tmp_path / "c", ps1={"Ann_Lee": kept(), "2": kept()}, roster=roster)
    made = final.final_grades(course, course / "roster.csv", now=END)
    assert f"Ann_Lee handed in ps1, but fits 2 lines of {course / 'roster.csv'}: no grade" in made.problems
    assert states(made, "ps1") == {"1": "missing", "2": "graded"}


@pytest.mark.parametrize(
    ("roster", "line"),
    [
        (b"", "is empty: a line with the names of the columns was awaited"),
        (b"PK\x03\x04", "is a spreadsheet or a zip: save it as CSV"),
        (b"\xff\xfe\x00", "is not UTF-8: save the file as CSV in UTF-8"),
        (b"ID,Student\n\xe9,x\n", "byte 11 is not UTF-8: save the file as CSV in UTF-8"),
        (b"a,b\n1,2\n", ":1: columns are a, b: one such as ID, Email address or Student was awaited"),
        (b"ID,Student\n", ": names no student: a line for each was awaited"),
        (b"ID,Student\n1,a\n1,b\n", ":3: 1 stands on line 2 already: one line a student"),
        (b"ID,Student\n1,a,b\n", ":2: 3 values, but 2 columns: one comma more or less"),
        (b'ID,Student\n1,"a\n', "not a CSV file: unexpected end of data"),
    ],
)
def test_a_roster_that_cannot_be_is_one_line(tmp_path, roster, line):
    course = make(tmp_path / "c", roster=roster)
    with pytest.raises(StaffError) as caught:
        final.final_grades(course, course / "roster.csv", now=END)
    assert str(caught.value).startswith(str(course / "roster.csv"))
    assert line in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("scores", "lines"),
    [
        ("who,what\n", [":1: columns are who, what: student and score were awaited"]),
        (
            "student,score\nada,41\nalan,x\ngrace,-1\nlinus,nan\nmary,40\nmary,39\n",
            [
                ":2: the score of ada is 41: write a number from 0 to 40, the points of midterm in course.toml",
                ":3: the score of alan is x: write a number from 0 to 40, the points of midterm in course.toml",
                ":4: the score of grace is -1: write a number from 0 to 40, the points of midterm in course.toml",
                ":5: the score of linus is nan: write a number from 0 to 40, the points of midterm in course.toml",
                ":7: mary stands on line 6 already",
            ],
        ),
    ],
)
def test_every_wrong_line_of_a_file_of_scores_is_named(tmp_path, scores, lines):
    course = make(tmp_path / "c", midterm=scores)
    with pytest.raises(StaffError) as caught:
        final.final_grades(course, now=END)
    assert str(caught.value).splitlines() == [f"{course / 'midterm.csv'}{line}" for line in lines]


def test_a_score_with_a_decimal_comma_is_read_and_an_empty_one_is_missing(tmp_path):
    course = make(tmp_path / "c", midterm='student;score\nada;"30,5"\nalan;\n', ps1={"alan": kept()})
    made = final.final_grades(course, now=END)
    assert made.lines[0].marks["midterm"].points == pytest.approx(30.5)
    assert states(made, "midterm") == {"ada": "graded", "alan": "missing"}


def test_the_notebooks_of_one_assignment_count_together(tmp_path):
    course = make(tmp_path / "c")
    write_ledger(course, "ps1.part1", {"ada": kept(5, 5), "alan": kept(4, 5)}, "part1", 5)
    write_ledger(course, "ps1.part2", {"ada": kept(10, 15, when=DUE + timedelta(hours=1))}, "part2", 15)
    made = final.final_grades(course, now=END)
    marks = {line.student: line.marks["ps1"] for line in made.lines}
    assert marks["ada"].points == pytest.approx(10 * 15 / 20 * 0.9)  # the later of the two decides
    assert marks["alan"].points == pytest.approx(10 * 4 / 20)


def test_an_assignment_that_course_toml_does_not_name_is_named(tmp_path):
    course = make(tmp_path / "c", ps1={"ada": kept()})
    write_ledger(course, "ps2", {"ada": kept()}, "ps2")
    assert final.final_grades(course, now=END).problems == [
        "ps2 was graded, but course.toml does not name it: it counts for nothing"
    ]


def test_work_that_was_graded_with_older_tests_is_named(tmp_path):
    course = make(tmp_path / "c", ps1={"ada": kept(tests="old"), "alan": kept()}, midterm="id,score\n")
    assert final.final_grades(course, now=END).problems == [
        "ps1: 1 graded with an older version of the tests: run `dlcourse grade` with all hand-ins"
    ]


def test_two_ids_that_differ_in_their_capitals_are_one_student_which_is_said(tmp_path):
    work = {"ada_king": kept(9), "Ada_King": kept(4, when=DUE - timedelta(days=1))}
    course = make(tmp_path / "c", ps1=work, midterm="id,score\n")
    made = final.final_grades(course, now=END)
    assert [line.marks["ps1"].points for line in made.lines] == [9]
    assert made.notes == ["ada_king is taken to be Ada_King"]


def test_who_is_excused_and_hands_in_is_told_to_the_instructor(tmp_path):
    course = make(tmp_path / "c", ps1={"ada": kept()}, midterm="id,score\n", students='[excused]\nada.ps1 = "ill"\n')
    made = final.final_grades(course, now=END)
    assert made.notes == ["ps1: ada is excused and has handed it in: it counts for nothing"]


def test_a_group_may_be_changed_after_grading(tmp_path):
    toml = TOML + '[groups]\nhomework = "groups.csv"\n'
    course = make(tmp_path / "c", toml, ps1={"ada": kept(9)}, groups="student,group\nada,1\nalan,1\n")
    assert {line.student: line.marks["ps1"].points for line in final.final_grades(course, now=END).lines} == (
        {"ada": 9, "alan": 9}
    )
    (course / "groups.csv").write_text("student,group\nada,1\ngrace,1\n")
    assert [line.student for line in final.final_grades(course, now=END).lines] == ["ada", "grace"]


students = st.sampled_from(["ada", "alan", "grace", "linus", "mary"])
entries = st.builds(
    lambda score, minutes: kept(score, when=DUE + timedelta(minutes=minutes)),
    st.floats(0, 10) | st.none(),
    st.integers(-5000, 5000),
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(students, entries, min_size=1), st.dictionaries(students, st.integers(1, 2)), st.randoms())
def test_the_order_of_rows_does_not_matter_and_groups_are_equal(tmp_path_factory, held, groups, random):
    folder = tmp_path_factory.mktemp("order")
    toml, found = TOML + '[groups]\nhomework = "groups.csv"\n', []
    for _ in range(2):
        rows, mixed = list(groups.items()), list(held.items())
        random.shuffle(rows)
        random.shuffle(mixed)
        text = "student,group\n" + "".join(f"{student},{group}\n" for student, group in rows)
        course = make(folder, toml, ps1=dict(mixed), groups=text, midterm="id,score\nada,3\n")
        made = final.final_grades(course, now=END)
        found.append((percents(made), final.grades_csv(made)))
        marks = {line.student: line.marks["ps1"] for line in made.lines}
        for group in set(groups.values()):
            assert len({marks[s] for s in groups if groups[s] == group}) == 1
    assert found[0] == found[1]


# ---- what a run of `grade` enters


def record(student, score=8.0, minutes=0, problem=None):
    when = (DUE + timedelta(minutes=minutes)).isoformat()
    cells = {"a": {"score": score, "max_score": 10, "status": "passed", "message": ""}}
    return {"student": student, "assignment": "ps1", "submitted": when, "file": "x", "problem": problem, "score": score,
            "max_score": 10, "state": "graded", "cells": cells, "flags": ["misnamed"], "shown": []}  # fmt: skip


def settle(folder, *records, students=""):
    make(folder, students=students)
    course = policy.with_students(policy.load(folder / "course.toml", policy.PUBLIC), folder)
    plan = SimpleNamespace(cells=[], assignment="ps1", max_score=10, digest="1", asks_who=False)
    return ledger.settle(folder / ledger.NAME, list(records), plan, course, "ps1")


def test_no_record_is_lost_whatever_the_ids_look_like(tmp_path):
    ids = ["ada", "Ada", "ADA ", "ada_king", "Ada King"]
    records, changed = settle(tmp_path, *(record(id) for id in ids))
    assert sorted(r["student"] for r in records) == sorted(changed) == sorted(ids)
    assert settle(tmp_path, *(record(id) for id in ids))[1] == set()


def test_the_newest_of_a_group_counts_even_when_it_came_in_an_earlier_run(tmp_path):
    groups = '[groups.homework]\none = ["ada", "alan", "mary"]\n'
    records, _ = settle(tmp_path, record("alan", 9, minutes=5), students=groups)
    assert {r["student"]: (r["final_score"], r["handed_in_by"]) for r in records} == {
        "ada": (8.1, "alan"), "alan": (8.1, None), "mary": (8.1, "alan"),
    }  # fmt: skip
    assert settle(tmp_path, record("ada", 10, minutes=-5), record("grace"), students=groups)[0][0]["student"] == "grace"
    records, _ = settle(tmp_path, record("ada", 10, minutes=6), students=groups)
    assert {r["student"]: r["handed_in_by"] for r in records} == {"ada": None, "alan": "ada", "mary": "ada"}


def test_without_rules_points_are_those_of_the_tests(tmp_path):
    plan = SimpleNamespace(cells=[], assignment="ps1", max_score=10, digest="1", asks_who=False)
    (found,), _ = ledger.settle(tmp_path / ledger.NAME, [record("ada", minutes=9999)], plan, None, "ps1")
    assert (found["final_score"], found["late_factor"], found["deductions"]) == (8, 1, [])
    assert found["flags"] == ["misnamed"]


def test_a_ledger_that_is_damaged_is_made_again_when_it_is_deleted(tmp_path):
    course = make(tmp_path / "c", ps1={"ada": kept()})
    path = course / "records" / "ps1" / ledger.NAME
    path.write_text("{")
    with pytest.raises(StaffError, match="delete it and run `dlcourse grade` again"):
        final.final_grades(course, now=END)


# ---- the command, and what is wrong with the place


def test_the_command_says_what_it_wrote_and_whether_all_grades_stand(tmp_path, capsys):
    course = make(tmp_path / "c", ps1={"ada": kept()}, midterm="id,score\nada,40\n", canvas=CANVAS)
    assert cli.main(["grades", "--course", str(course)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[:3] == [
        "student  homework   exam  final", "-------  --------  -----  -----", "ada          80.0  100.0   88.0",
    ]  # fmt: skip
    assert (course / "reports" / "grades.csv").is_file()
    out = tmp_path / "mine.csv"
    line = [
        "grades",
        "--course",
        str(course),
        "--lms",
        "canvas",
        "--roster",
        str(course / "canvas.csv"),
        "--out",
        str(out),
    ]
    assert cli.main(line) == 1
    assert "ada handed in ps1, but is not in" in capsys.readouterr().out
    assert out.read_text().startswith("Student,ID,SIS User ID")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--lms", "canvas"], "--lms canvas needs --roster: the file that Canvas exports, with its own ids"),
        (["--roster", "none.csv"], "none.csv: cannot be read: No such file or directory"),
        (["--course", "none"], "none: no such folder: name the course folder that `dlcourse grade` writes to"),
    ],
)
def test_wrong_use_of_the_command_is_one_line(tmp_path, monkeypatch, capsys, arguments, line):
    make(tmp_path / "course")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["grades", *arguments]) == 2
    assert capsys.readouterr().err == line + "\n"


def test_a_roster_of_another_platform_is_refused_with_the_way_to_the_right_one(tmp_path):
    course = make(tmp_path / "c", roster=MOODLE, other="First name,Surname\nAda,Lovelace\n")
    made = final.final_grades(course, course / "roster.csv", now=END)
    with pytest.raises(StaffError, match="Student and ID were awaited: export it in Canvas: Grades, Export"):
        final.lms_csv(made, "canvas")
    made = final.final_grades(course, course / "other.csv", now=END)
    with pytest.raises(StaffError, match="ID number or Email address was awaited: export it in Moodle"):
        final.lms_csv(made, "moodle")


def test_a_course_folder_without_rules_says_where_they_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StaffError, match=r"no course\.toml in it, nor here or above: it says what counts how much"):
        final.final_grades(tmp_path)


def test_a_class_of_500_takes_no_time(tmp_path):
    import time

    toml = TOML + '[groups]\nhomework = "groups.csv"\n'
    held = {f"student_{n}": kept(n % 11) for n in range(500)}
    roster = "ID,Student\n" + "".join(f"student_{n},Name {n}\n" for n in range(500))
    groups = "student,group\n" + "".join(f"student_{n},{n // 2}\n" for n in range(500))
    for n in range(2, 30):
        toml += f'[assignments.ps{n}]\nkind = "homework"\npoints = 10\ndue = 2027-03-05T23:59:00Z\n'
    course = make(tmp_path / "c", toml, ps1=held, roster=roster, groups=groups)
    for n in range(2, 30):
        write_ledger(course, f"ps{n}", held)
    before = time.process_time()
    assert len(final.final_grades(course, course / "roster.csv", now=END).lines) == 500
    assert time.process_time() - before < 10


# ---- text from outside

hostile = st.text(st.sampled_from("=+-@\t\r\n\x1b\u202e＝aé1,;\"'"), max_size=12)


@given(st.lists(hostile, min_size=1, max_size=4))
def test_no_text_in_a_table_starts_a_formula_or_steers_a_terminal(values):
    text = tables.write(["head"] * len(values), [values])
    (row,) = list(csv.reader(io.StringIO(text)))[1:] or [[]]
    for value in row:
        assert value.lstrip()[:1] not in tuple("=+-@＝")
        assert value.isprintable()


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_give_anything_but_a_roster_or_a_staff_error(data):
    said = "roster.csv"
    try:
        lms.roster_of(tables.parse(data, "roster.csv"))
    except StaffError as error:
        said = str(error)
    assert all(line.startswith("roster.csv") for line in said.split("\n"))
    assert said.replace("\n", "").isprintable()


def test_names_are_the_same_whatever_their_order_accents_and_underscores():
    assert lms.name_words("Núñez, José") == lms.name_words("Jose_Nunez") == ("jose", "nunez")
    assert policy.student_key("Ada  Lovelace") == policy.student_key("ada_lovelace")
