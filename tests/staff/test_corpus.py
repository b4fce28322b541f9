"""The corpus: hand-ins of all kinds, graded with the command itself; each gets exactly what its work deserves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from dlcourse.staff import notebooks
from dlcourse.staff.sandbox import sandbox_problem
from tests.staff import small_class, torch_class
from tests.staff.corpus import accidents, attacks, dumps, files, honest, mark, tensors, words

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))]
CLASSES = {"honest": honest, "accidents": accidents, "attacks": attacks, "files": files, "tensors": tensors}
ALL = [
    pytest.param(group, case, id=f"{group}-{case.name}") for group, module in CLASSES.items() for case in module.CASES
]
CANARY = "CANARY_77"  # in the grader's environment: no page may hold it
HIDDEN = ("squares(11)", "BEGIN HIDDEN", "-7331.0", "alert(7261)<", "onerror=alert(7261)>", CANARY)
LEAK = re.compile(r"leak ?(77|\[)?+\d")  # with what was found; without, it is the student's own code
TIMEOUT, MEMORY = 5, 1024


def assignment(group):
    """Cells of the source, right answers, points of its tests."""
    if group != "tensors":
        right = {"squares": small_class.SQUARES, "double": small_class.DOUBLE, "why": "x + x"}
        cells = small_class.CELLS
    else:
        right, cells = torch_class.SOLUTIONS | {"why": "x + x"}, torch_class.TORCH_CELLS
    return cells, right, {name: kind for name, kind, _ in cells if isinstance(kind, int)}


def hand_in(blank, right, case):
    book = json.loads(blank)
    for cell in book["cells"]:
        text = (right | case.answers).get(mark(cell).get("grade_id"))
        cell["source"] = "".join(cell["source"]) if text is None else text
    return case.edit(book) if case.edit else book


def grade(group, folder):
    """Grade a module of cases as one class, through the command; its JSON, and what it printed."""
    cells, right, _ = assignment(group)
    source = small_class.make_source(folder, cells)
    blank = nbformat.writes(notebooks.release_notebook(small_class.source_notebook(cells)))
    place = folder / "in"
    place.mkdir()
    for case in CLASSES[group].CASES:
        made = hand_in(blank, right, case)
        if case.write is not None:
            case.write(place, dumps(made))
        else:
            data = made if isinstance(made, (str, bytes)) else dumps(made)
            path = place / f"{case.name}.ipynb"
            path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    command = [sys.executable, "-m", "dlcourse.cli", "grade", str(source), "--from", str(place), "--course", str(folder / "course"),
               "--json", str(folder / "out.json"), "--timeout", str(TIMEOUT), "--memory", str(MEMORY)]  # fmt: skip
    before = sorted((str(p), p.lstat().st_size) for p in [*place.rglob("*"), *source.parent.rglob("*")])
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=os.environ | {"SECRET": CANARY})
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    after = sorted((str(p), p.lstat().st_size) for p in [*place.rglob("*"), *source.parent.rglob("*")])
    assert before == after  # nothing that was handed in, and no source, was touched
    rows = json.loads((folder / "out.json").read_text())
    return {r["student"]: r for r in rows}, done.stdout, folder


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    done = {}

    def of(group):
        if group not in done:
            done[group] = grade(group, tmp_path_factory.mktemp(group))
        return done[group]

    return of


def faults(case, group, rows, said) -> list[str]:
    """What is not as the case says; empty where the grader is right."""
    if not case.placed:
        lines = [line for line in said.splitlines() if line.startswith("not placed") and Path(case.name).name in line]
        wrong = (
            [] if any(case.problem in line for line in lines) else [f"no line about it with {case.problem!r}: {lines}"]
        )
        return wrong + ([f"graded as {case.name}"] if case.name in rows else [])
    record = rows.get(case.name)
    if record is None:
        return [f"no record; there are {sorted(rows)}"[:600]]
    points = assignment(group)[2]
    found = {k: c["score"] for k, c in record["cells"].items() if k in points}
    if case.state == "could not run":
        wrong = [] if (record["state"], record["score"]) == (case.state, None) else [f"{record['state']}, {found}"]
        return wrong + ([] if case.problem in (record["problem"] or "") else [record["problem"]])
    lost = set(points) if case.loses == "all" else set(case.loses.split())
    assert lost <= set(points)
    wanted = {k: case.partly.get(k, 0 if k in lost else v) for k, v in points.items()}
    wrong = [f"{k}: {found[k]} for {v}: {record['cells'][k]['message']}" for k, v in wanted.items() if found[k] != v]
    if record["state"] != case.state:
        wrong.append(f"state {record['state']} for {case.state}: {record['problem']}")
    flags = set(record["flags"])
    if not case.flag_set <= flags <= case.flag_set | case.may_set:
        wrong.append(f"flags {sorted(flags)} for {sorted(case.flag_set)}")
    if case.message and not any(case.message in c["message"] for c in record["cells"].values()):
        wrong.append(f"no message with {case.message!r}: {[c['message'] for c in record['cells'].values()]}")
    return wrong


@pytest.mark.parametrize(("group", "case"), ALL)
def test_each_gets_what_its_work_deserves(graded, group, case):
    rows, said, _ = graded(group)
    assert faults(case, group, rows, said) == []


@pytest.mark.parametrize("group", CLASSES)
def test_no_page_holds_a_hidden_test_a_secret_or_a_script(graded, group):
    rows, _, folder = graded(group)
    places = [*(folder / "course" / "feedback").rglob("*.html"), *(folder / "course" / "reports").rglob("*.html")]
    assert len(places) >= sum(r["state"] != "could not run" for r in rows.values())
    for page in places:
        text = page.read_text()
        assert not [word for word in HIDDEN if word in text.replace("&lt;", "")], page
        assert not LEAK.search(text), page


def test_every_word_of_the_list_has_a_case():
    covered = {case.covers for module in CLASSES.values() for case in module.CASES}
    assert not set(words.LIST) - covered


def test_each_case_has_its_own_name_and_says_why():
    for group, module in CLASSES.items():
        names = [case.name for case in module.CASES]
        assert sorted(set(names)) == sorted(names), group
        assert all(case.why for case in module.CASES)


if __name__ == "__main__":  # python -m tests.staff.test_corpus [GROUP ...]: cases right of cases tried
    import tempfile
    import time

    right = tried = 0
    for group in sys.argv[1:] or CLASSES:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            rows, said, _ = grade(group, Path(place))
        wrong = {c.name: w for c in CLASSES[group].CASES if (w := faults(c, group, rows, said))}
        for name, what in wrong.items():
            print(f"  {name}:", *what, sep="\n      ")
        n = len(CLASSES[group].CASES)
        print(f"{group}: {n - len(wrong)} of {n} right, {time.monotonic() - began:.0f} s", flush=True)
        right, tried = right + n - len(wrong), tried + n
    print(f"all: {right} of {tried}")
