"""The competition: what the grader measures is what counts, ranks say what is sure, and the class sees aliases only."""

import copy
import csv
import io

import pytest

from dlcourse import checks, cli, tuning
from dlcourse.staff import StaffError, grading, leaderboard, ledger, notebooks
from dlcourse.staff.leaderboard import Row, ranked
from dlcourse.staff.sandbox import Limits, sandbox_problem

ROOT = notebooks.find_root()
ID = "competition1_tuning"
SMALL = {"width": 6, "optimizer": "sgd", "lr": 0.5, "schedule": "one_cycle", "epochs": 2}


# ---- ranks


def row(student, right, of=2000, **told):
    return Row(student, right, of, checks.wilson(right, of), {"alias": student.lower(), "valid": [80, 100]} | told)


def test_a_rank_counts_those_who_are_surely_better_so_that_ties_are_ties():
    found = ranked([row("Low", 1200), row("Best", 1700), row("Second", 1690), row("Third", 1500), row("Last", 1190)])
    assert [(r.student, r.rank, r.tied) for r in found] == [
        ("Best", 1, True),
        ("Second", 1, True),
        ("Third", 3, False),
        ("Low", 4, True),
        ("Last", 4, True),
    ]


def test_tables_show_no_code_of_a_student_and_no_formula():
    evil = row("Eve", 1000, alias="<script>alert(1)</script>", recipe={"optimizer": "=1+1", "lr": 0.1})
    page = leaderboard.pages.leaderboard_page(ID, ranked([evil]), leaderboard.SHOWN)
    assert "<script>alert" not in page
    assert "Eve" not in page
    sheet = list(csv.reader(io.StringIO(leaderboard.as_csv([evil]))))
    assert "'=1+1" in sheet[1]


def test_training_again_tells_a_checkpoint_that_its_recipe_does_not_lead_to(monkeypatch):
    told = {"A": '{"right": 50, "of": 100, "agrees": true}', "B": '{"right": 50, "of": 100, "agrees": false}', "C": ""}
    rows = [row(name, 1000, recipe={"seed": i}, valid=[50, 100]) for i, name in enumerate("ABCD")]

    class Done:
        def __init__(self, command, **_):
            self.stdout, self.stderr = told["ABC"[eval(command[3])["seed"]]], "no such recipe"
            assert command[4:] == ["50", "100"]

    monkeypatch.setattr(leaderboard.subprocess, "run", Done)
    leaderboard.retrain(rows, 3)
    assert [r.again.get("agrees") for r in rows] == [True, False, False, None]
    assert "does NOT agree" in leaderboard.table(rows)
    assert "no such recipe" in leaderboard.table(rows)


def test_wrong_use_is_one_sentence(tmp_path, capsys):
    with pytest.raises(StaffError, match="run `dlcourse grade competition1_tuning` first"):
        leaderboard.entries(tmp_path, ID)
    assert cli.main(["leaderboard", ID, "--course", str(tmp_path)]) == 2
    assert cli.main(["leaderboard", ID, "--course", str(tmp_path), "--retrain", "-1"]) == 2
    place = tmp_path / "records" / ID
    place.mkdir(parents=True)
    place.joinpath(ledger.NAME).write_text('{"students": {"A": {"problem": null, "submitted": null}}, "said": {}}')
    with pytest.raises(StaffError, match="no hand-in has been measured"):
        leaderboard.entries(tmp_path, ID)


# ---- a class of entries, through the grader

BOAST = """
from dlcourse import checks
tuning.score = lambda *a: (2000, 2000)
tuning.told = lambda *a: {"alias": "winner", "recipe": {}, "work": 0, "valid": [797, 797]}
checks.measured("accuracy", 2000, 2000, alias="winner")
ACCURACY = 1.0
"""
BOMB = """
import base64, pickle
class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('boom')",))
ENTRY = tuning._START + base64.b85encode(pickle.dumps(Bomb())).decode()
"""
OBJECT = """
class Entry(str):
    def startswith(self, *a): return True
    def __len__(self): return 10
ENTRY = Entry("0.999")
"""
FILE = 'ENTRY = open("checkpoint.pt", "rb").read().decode()'
PEEK = """
import os
SEEN = [place for place in PLACES if os.path.exists(place)]
ENTRY = tuning.pack(tuning.build({"width": 2}), {"width": 2}, alias=f"saw {len(SEEN)}")
"""


@pytest.fixture(scope="module")
def packed():
    train, valid = tuning.examples()
    model, run = tuning.train(SMALL, train, valid)
    return {
        "good": f'ENTRY = "{tuning.pack(model, run["recipe"], alias="two at night")}"',
        "untrained": f'ENTRY = "{tuning.pack(tuning.build(SMALL), SMALL, alias="early")}"',
        "run": run,
    }


def hand_in(folder, released, student, answer):
    """The notebook without the cells that an entry does not need, but all tests."""
    book = copy.deepcopy(released)
    for cell in book.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "entry":
            cell.source = answer
    book.cells = [
        c for c in book.cells if c.metadata.get("nbgrader") or "import" in c.source or "ENTRY = None" in c.source
    ]
    (folder / f"{student}_{ID}.ipynb").write_text(notebooks.dumps(book))


@pytest.fixture(scope="module")
def graded(tmp_path_factory, packed):
    folder = tmp_path_factory.mktemp("competition")
    source, course = notebooks.load_checked(ROOT, ID)
    released = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    places = folder / "in"
    places.mkdir()
    work = {
        "Ann_Good": packed["good"],
        "Bob_Boast": packed["untrained"] + BOAST,
        "Cleo_Bomb": BOMB,
        "Dan_Object": OBJECT,
        "Eve_File": FILE,
        "Finn_Late": packed["untrained"],
        "Gus_Blank": 'raise NotImplementedError("your code goes here: replace this line")',
        "Hal_Peek": f"PLACES = {[str(ROOT / 'homework'), str(ROOT / 'labs'), str(folder), str(places)]!r}" + PEEK,
    }
    for student, answer in work.items():
        hand_in(places, released, student, answer)
    limits = Limits(cell_seconds=60)
    first = grading.grade(ID, places, folder / "course", root=ROOT, limits=limits)
    board = leaderboard.entries(folder / "course", ID)
    hand_in(places, released, "Finn_Late", packed["good"])
    second = grading.grade(ID, places, folder / "course", root=ROOT, limits=limits)
    return first, board, second, folder / "course"


needs_sandbox = [pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem())), pytest.mark.slow]


class TestClass:
    pytestmark = needs_sandbox

    def cells(self, graded, student):
        return {r["student"]: r["cells"] for r in graded[0].records}[student]

    def test_an_honest_entry_is_measured_by_the_grader(self, graded, packed):
        cell = self.cells(graded, "Ann_Good")["entry_bronze"]
        found = cell["measured"]["accuracy"]
        entry = packed["good"].split('"')[1]
        assert [found["right"], found["of"]] == list(tuning.score(entry, tuning.unseen(2000, seed=2027)))
        assert found["told"]["alias"] == "two at night"
        assert (
            found["told"]["valid"] == [packed["run"]["right"], packed["run"]["of"]]
            or abs(found["told"]["valid"][0] - packed["run"]["right"]) <= 3
        )  # 16 bits a weight
        assert cell["status"] == ("passed" if found["right"] >= 1100 else "failed")

    def test_a_score_that_a_student_reports_has_no_effect(self, graded):
        cell = self.cells(graded, "Bob_Boast")["entry_bronze"]
        assert cell["status"] == "failed"
        assert cell["measured"]["accuracy"]["right"] < 600
        assert cell["measured"]["accuracy"]["told"]["alias"] == "early"

    @pytest.mark.parametrize("student", ["Cleo_Bomb", "Dan_Object", "Eve_File"])
    def test_what_is_no_entry_does_no_harm_gets_no_points_and_no_rank(self, graded, student):
        cells = self.cells(graded, student)
        assert {name: cells[name]["score"] for name in cells if name.startswith("entry")} == dict.fromkeys(
            ("entry_visible", "entry_bronze", "entry_silver", "entry_gold"), 0
        )
        assert "measured" not in cells["entry_bronze"]
        assert student not in {r.student for r in graded[1]}
        assert "died" not in str(cells)

    def test_a_missing_entry_is_told_as_one(self, graded):
        assert self.cells(graded, "Gus_Blank")["entry_visible"]["status"] == "unanswered"

    def test_neither_sources_nor_records_can_be_seen_from_an_entry(self, graded):
        assert {r.student: r.alias for r in graded[1]}["Hal_Peek"] == "saw 0"

    def test_handing_in_again_replaces_the_older_entry(self, graded):
        _, board, second, course = graded
        assert second.fresh == {"Finn_Late"}
        now = leaderboard.entries(course, ID)
        assert len(now) == len(board)
        before, after = ({r.student: r for r in rows} for rows in (board, now))
        assert after["Finn_Late"].right == after["Ann_Good"].right > before["Finn_Late"].right
        assert after["Finn_Late"].rank == after["Ann_Good"].rank == 1
        assert after["Finn_Late"].tied

    def test_the_command_writes_a_page_with_aliases_and_a_table_with_ids(self, graded, capsys):
        assert cli.main(["leaderboard", ID, "--course", str(graded[3])]) == 0
        out = capsys.readouterr().out
        assert "two at night" in out
        assert "1=" in out
        page = (graded[3] / "reports" / f"{ID}_leaderboard.html").read_text()
        assert "two at night" in page
        assert "Ann" not in page
        sheet = list(csv.DictReader((graded[3] / "reports" / f"{ID}_leaderboard.csv").read_text().splitlines()))
        assert {line["student"] for line in sheet} >= {"Ann_Good", "Finn_Late", "Bob_Boast"}
        assert sheet[0]["optimizer"] == "sgd"

    def test_the_recipe_of_an_honest_entry_leads_to_its_checkpoint_again(self, graded, capsys):
        rows = leaderboard.entries(graded[3], ID)
        leaderboard.retrain(rows, 1)
        assert rows[0].again["agrees"], leaderboard.said_again(rows[0])
