"""`dlcourse build` and `dlcourse init-course`, from the command line to what nbgrader does with the result."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from dlcourse import cli
from dlcourse.staff import StaffError, course_folder, notebooks
from tests.staff.small_course import ID, SOURCE, TOML, line_of, make

NBGRADER = Path(sys.executable).parent / "nbgrader"
FILE = "labs/lab01_line/lab01_line"
ROSTER = "id,first_name,last_name,email\nada,Ada,Lovelace,ada@example.org\ngrace,Grace,Hopper,\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = tmp_path / "repository of a course"
    make(root)
    monkeypatch.chdir(root)
    return root


# ---- the door


def test_help_imports_neither_torch_nor_nbgrader():
    code = (
        "import sys, dlcourse.cli\n"
        "try: dlcourse.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'nbgrader', 'nbformat', 'sqlalchemy', 'IPython'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "options"),
    [("build", ["ID", "--check", "--private DIR"]), ("init-course", ["DIR", "--roster FILE", "--private DIR"])],
)
def test_a_commands_help_has_a_sentence_its_options_the_exit_status_and_two_examples(capsys, command, options):
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: dlcourse {command} ")
    for option in options:
        assert f"\n  {option} " in text
    assert "\nExit status: 0 " in text
    assert text.count(f"\n  dlcourse {command} ") == 2


def test_no_command_and_a_wrong_one_exit_with_2(capsys):
    assert cli.main([]) == 2
    assert "build" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        cli.main(["biuld"])
    assert caught.value.code == 2


# ---- build


def test_build_writes_every_notebook_and_names_it(root, capsys):
    assert cli.main(["build"]) == 0
    assert capsys.readouterr() == (f"{FILE}.ipynb\n", "")
    nbformat.validate(nbformat.read(f"{FILE}.ipynb", 4))


def test_check_exits_with_1_names_what_is_stale_and_writes_nothing(root, capsys):
    assert cli.main(["build", "--check"]) == 1
    assert capsys.readouterr().err == f"{FILE}.ipynb: has not been built: run dlcourse build {ID}\n"
    assert not Path(f"{FILE}.ipynb").exists()
    cli.main(["build", ID])
    assert cli.main(["build", "--check"]) == 0
    Path(f"{FILE}.ipynb").write_text(Path(f"{FILE}.ipynb").read_text() + "\n")
    assert cli.main(["build", "--check", ID]) == 1


def test_a_wrong_source_exits_with_2_and_the_others_are_built(root, capsys):
    other = root / "labs" / "lab02_other" / "lab02_other.py"
    other.parent.mkdir()
    table = TOML[TOML.index("[assignments.lab01_line]") :].replace(ID, "lab02_other")
    (root / "course.toml").write_text(TOML + table)
    other.write_text(SOURCE.replace(ID, "lab02_other"))
    Path(f"{FILE}.py").write_text(SOURCE.replace("points=1", "point=1"))
    assert cli.main(["build"]) == 2
    out, err = capsys.readouterr()
    assert out == "labs/lab02_other/lab02_other.ipynb\n"
    assert err.splitlines()[0].startswith(f"{FILE}.py:1: the points of tests")
    number = line_of('test="double_visible"')
    assert any(line.startswith(f"{FILE}.py:{number}: point: there is no such mark") for line in err.splitlines())


@pytest.mark.parametrize(
    ("prepare", "args", "line"),
    [
        (None, ["build", "lab01"], "no assignment lab01 in labs/ or homework/: did you mean lab01_line?"),
        (None, ["build", "../x"], "no assignment ../x in labs/ or homework/: there are lab01_line"),
        (None, ["build", "--private", "nowhere"], "nowhere: no such folder of private tests"),
        (None, ["init-course", "labs/x"], "holds the course's sources: choose a folder outside, such as ../course"),
        (None, ["init-course", "."], "holds the course's sources: choose a folder outside, such as ../course"),
        (None, ["init-course", "../c", "--roster", "no.csv"], "no.csv: cannot be read: No such file or directory"),
        (("../full/x", "x"), ["init-course", "../full"], "is neither empty nor a course folder: choose a new folder"),
        (("../file", "x"), ["init-course", "../file"], "is a file: choose a new folder"),
        (("course.toml", "[course"), ["build"], "course.toml: not valid TOML: Expected ']' at the end of a table decl"),
        (("course.toml", TOML.replace("lab = 1", 'lab = "1"')), ["build"], 'course.toml: [weights] lab is "1": write'),
    ],
)
def test_bad_input_is_one_line_and_status_2(root, capsys, prepare, args, line):
    if prepare:
        path = root / prepare[0]
        path.parent.mkdir(exist_ok=True)
        path.write_text(prepare[1])
    assert cli.main(args) == 2
    err = capsys.readouterr().err
    assert line in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err


def test_outside_a_course_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["build"]) == 2
    assert "no course.toml here or above" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="/dev/full is a device of Linux")
def test_a_full_disk_or_a_folder_without_rights_is_one_line(root, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), str(root / "none")))
    assert cli.main(["build"]) == 2
    assert capsys.readouterr().err == f"{FILE}.ipynb: cannot be written: No space left on device\n"

    def closed(**_):
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr("tempfile.mkstemp", closed)
    assert cli.main(["build"]) == 2
    assert capsys.readouterr().err == f"{FILE}.ipynb: cannot be written: Permission denied\n"


def test_the_command_itself_runs(root):
    done = subprocess.run(
        [sys.executable, "-m", "dlcourse.cli", "build", "--check"], capture_output=True, text=True, timeout=240
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


# ---- init-course


def rows(folder, query):
    with sqlite3.connect(folder / "gradebook.db") as db:
        return db.execute(query).fetchall()


def test_the_folder_has_sources_release_gradebook_and_students(root, capsys):
    (root / "roster.csv").write_text(ROSTER)
    (root / "labs" / ID / "figure.png").write_bytes(b"png")
    assert cli.main(["init-course", "../course", "--roster", "roster.csv"]) == 0
    folder = root.parent / "course"
    assert capsys.readouterr().out == f"{folder}: 1 assignments, 2 students\n"
    assert (folder / "release" / ID / f"{ID}.ipynb").read_bytes() == notebooks.build(root, ID).read_bytes()
    assert (folder / "release" / ID / "figure.png").read_bytes() == b"png"
    assert "### BEGIN HIDDEN TESTS" in (folder / "source" / ID / f"{ID}.ipynb").read_text()
    assert rows(folder, "select name, duedate from assignment") == [(ID, "2027-02-19 22:59:00.000000")]
    students = rows(folder, "select id, first_name, last_name, email from student order by id")
    assert students == [("ada", "Ada", "Lovelace", "ada@example.org"), ("grace", "Grace", "Hopper", None)]
    (hidden,) = rows(folder, "select source, locked from source_cell where name = 'double_hidden'")
    assert "a number that is not 2" in hidden[0]  # the gradebook keeps what nbgrader puts back before grading
    assert hidden[1] == 1


def test_making_it_again_follows_course_toml_and_the_sources_and_keeps_students(root):
    folder = root.parent / "course"
    (root / "roster.csv").write_text(ROSTER)
    course_folder.init_course(root, folder, roster=root / "roster.csv")
    (root / "course.toml").write_text(TOML.replace("2027-02-19", "2027-02-26"))
    source = SOURCE.replace("double_visible", "double_seen").replace("Twice x.", "x, twice.")
    Path(f"{FILE}.py").write_text(source)
    assert course_folder.init_course(root, folder).students == 2
    assert rows(folder, "select duedate from assignment") == [("2027-02-26 22:59:00.000000",)]
    names = {name for (name,) in rows(folder, "select name from source_cell")}
    assert names == {"double", "double_seen", "double_hidden", "why"}
    assert "x, twice." in (folder / "release" / ID / f"{ID}.ipynb").read_text()


def test_private_tests_reach_the_source_and_the_gradebook_but_not_the_release(root):
    folder, private = root.parent / "course", root.parent / "private"
    private.mkdir()
    (private / f"{ID}.py").write_text('# %% test="double_hidden" points=3\nassert double(77) == 154, "seventy"\n')
    course_folder.init_course(root, folder, private=private)
    assert "double(77)" in (folder / "source" / ID / f"{ID}.ipynb").read_text()
    assert "double(77)" in rows(folder, "select source from source_cell where name = 'double_hidden'")[0][0]
    assert "double(77)" not in (folder / "release" / ID / f"{ID}.ipynb").read_text()


def test_a_wrong_source_stops_everything_before_the_folder_is_made(root):
    Path(f"{FILE}.py").write_text(SOURCE.replace("points=1", "point=1"))
    with pytest.raises(StaffError, match="did you mean points"):
        course_folder.init_course(root, root.parent / "course")
    assert not (root.parent / "course").exists()


def test_path_is_as_it_was_afterwards(root, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")  # no venv activated: nbgrader alone would not find alembic
    course_folder.init_course(root, root.parent / "course")
    assert os.environ["PATH"] == "/usr/bin"


def test_a_gradebook_that_is_none_is_one_line(root, capsys):
    folder = root.parent / "course"
    course_folder.init_course(root, folder)
    (folder / "gradebook.db").write_bytes(b"no database" * 100)
    assert cli.main(["init-course", str(folder)]) == 2
    err = capsys.readouterr().err
    assert "gradebook.db: file is not a database" in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_a_gradebook_that_another_program_writes_to_is_one_line_and_keeps_its_rows(root, capfd):
    folder = root.parent / "course"
    course_folder.init_course(root, folder)
    before = rows(folder, "select name, source from source_cell order by name")
    with sqlite3.connect(folder / "gradebook.db") as other:
        other.execute("begin immediate")
        assert cli.main(["init-course", str(folder)]) == 2
    wanted = f"{folder}/gradebook.db: database is locked: another program writes to it, try again when that is done\n"
    assert capfd.readouterr() == ("", wanted)
    assert rows(folder, "select name, source from source_cell order by name") == before


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ":1: no column id: begin with a line such as id,first_name,last_name,email"),
        ("name\nada\n", ":1: column 'name' is not known: known are id, first_name, last_name, email, lms_user_id"),
        ("id\nada\n\nada\n", ":4: id ada stands on line 2 already"),
        ("id,email\nada\n", ":2: 1 values, but 2 columns: one comma more or less"),
        ("id\n../ada\n", ":2: id is '../ada': write letters, digits and . _ - @, it names a folder"),
        ("id\n*\n", ":2: id is '*': write letters"),
        ("id,email\n,a@b\n", ":2: id is '': write letters"),
    ],
)
def test_a_wrong_roster_is_named_with_its_line(tmp_path, text, line):
    path = tmp_path / "roster.csv"
    path.write_text(text)
    with pytest.raises(StaffError) as caught:
        course_folder.read_roster(path)
    assert any(found.startswith(f"{path}{line}") for found in str(caught.value).splitlines()), caught.value


def test_a_roster_from_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_bytes('id,last_name\r\n"ann.b-1@x.edu","van der Berg, Jr."\r\n'.encode("utf-8-sig"))
    assert course_folder.read_roster(path) == [{"id": "ann.b-1@x.edu", "last_name": "van der Berg, Jr."}]


@pytest.mark.parametrize(("name", "id"), [("Deep learning: an intro", "deep_learning_an_intro"), ("数", "course")])
def test_the_courses_name_gives_nbgraders_id(name, id):
    assert course_folder.slug(name) == id


# ---- nbgrader's own commands on the folder


def nbgrader(folder, *args):
    done = subprocess.run([NBGRADER, *args], cwd=folder, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def hand_in(root, folder, student, **answers):
    """A submission of `student` with the reference answers but for `answers`."""
    nb = nbformat.read(folder / "release" / ID / f"{ID}.ipynb", 4)
    reference = notebooks.reference_answers(notebooks.read_source(root / f"{FILE}.py"))
    nb = notebooks.with_answers(nb, reference | answers)
    nb.cells = [cell for cell in nb.cells if "find_spec" not in cell.source]  # the test needs no torch
    path = folder / "submitted" / student / ID / f"{ID}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebooks.dumps(nb))
    return nb, path


def scores(folder):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", course_folder.slug("Deep learning")) as book:
        return {submission.student_id: submission.score for submission in book.assignment_submissions(ID)}


@pytest.mark.slow
def test_nbgraders_commands_work_on_the_folder_and_scores_survive(root):
    folder = root.parent / "course"
    (root / "roster.csv").write_text(ROSTER)
    course_folder.init_course(root, folder, roster=root / "roster.csv")
    release = folder / "release" / ID / f"{ID}.ipynb"
    query = "select name, source, checksum, locked from source_cell order by name"
    before, cells = release.read_bytes(), rows(folder, query)

    status, said = nbgrader(folder, "generate_assignment", ID, "--force")
    assert status == 0, said
    assert release.read_bytes() == before
    assert rows(folder, query) == cells
    assert rows(folder, "select count(*) from student") == [(2,)]

    nb, path = hand_in(root, folder, "ada")
    nb.cells = [cell for cell in nb.cells if cell.id != "double_visible"]  # a student took a test out
    path.write_text(notebooks.dumps(nb))
    hand_in(root, folder, "grace", double="def double(x):\n    return x + 2")  # right for 2 only
    assert "Success! Your notebook passes all the tests." in nbgrader(folder, "validate", str(path))[1]
    status, said = nbgrader(folder, "autograde", ID)
    assert status == 0, said
    assert scores(folder) == {"ada": 4, "grace": 1}
    status, said = nbgrader(folder, "generate_feedback", ID)
    assert status == 0, said
    assert (folder / "feedback" / "ada" / ID / f"{ID}.html").is_file()
    status, said = nbgrader(folder, "list")
    assert status == 0, said

    # a corrected test: the course is made again, scores stay, a new grading uses it
    source = SOURCE.replace("assert double(3) == 6", "assert double(3) in (5, 6)")
    Path(f"{FILE}.py").write_text(source.replace("for x in (0, -1, 2.5)", "for x in (2, 2.0)"))
    course_folder.init_course(root, folder)
    assert scores(folder) == {"ada": 4, "grace": 1}
    hand_in(root, folder, "grace", double="def double(x):\n    return x + 2")
    status, said = nbgrader(folder, "autograde", ID, "--force")
    assert status == 0, said
    assert scores(folder) == {"ada": 4, "grace": 4}

    # another set of tests cannot be put under work that has been handed in: said, and nothing is changed
    kept = release.read_bytes()
    Path(f"{FILE}.py").write_text(SOURCE.replace("double_visible", "double_seen"))
    with pytest.raises(StaffError, match="its graded cells are not those of the gradebook"):
        course_folder.init_course(root, folder)
    assert scores(folder) == {"ada": 4, "grace": 4}
    assert release.read_bytes() == kept


@pytest.mark.slow
def test_the_formgrader_opens_the_folder(root):
    import socket
    import time
    import urllib.request

    folder = root.parent / "course"
    course_folder.init_course(root, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"),
            "--IdentityProvider.token=secret",
            "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(120):
            time.sleep(0.5)
            try:
                address = f"http://127.0.0.1:{port}/formgrader/api/assignments?token=secret"
                with urllib.request.urlopen(address, timeout=30) as answer:
                    (found,) = json.load(answer)
                    break
            except OSError:
                assert server.poll() is None
        assert (found["name"], found["max_score"], found["max_written_score"]) == (ID, 6, 2)
        assert (found["source_path"], found["release_path"]) == (f"source/{ID}", f"release/{ID}")
    finally:
        server.terminate()
        server.wait(30)
