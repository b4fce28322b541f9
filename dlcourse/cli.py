"""The door: parses a command line, calls one function of staff/, prints. A command imports only what it runs."""

import argparse
import os
import signal
import sys

from dlcourse.staff import StaffError


def main(argv=None) -> int:
    """Run one command; returns its exit status. A problem that a person can mend is a line on stderr and status 2."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.run is None:
        parser.print_help(sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: sandboxes are ended, records kept
    try:
        return args.run(args)
    except StaffError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # `dlcourse build | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt as stopped:
        if str(stopped):
            print(stopped, file=sys.stderr)
        return 130
    return 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="dlcourse",
        description="Run the course: build its notebooks, make nbgrader's course folder, grade a class.",
        epilog="`dlcourse COMMAND --help` says more about a command.",
        formatter_class=_Help,
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (
        _add_build,
        _add_init_course,
        _add_grade,
        _add_grades,
        _add_leaderboard,
        _add_project,
        _add_demo,
        _add_doctor,
        _add_check,
        _add_submit,
    ):
        add(commands)
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog):
        super().__init__(prog, max_help_position=24, width=100)


def _command(commands, name, run, sentence, epilog):
    """A command whose help is one sentence, the options, then `epilog`: what to know, exit status, examples."""
    parser = commands.add_parser(name, help=sentence, description=sentence, epilog=epilog, formatter_class=_Help)
    parser._positionals.title = parser._optionals.title = None  # one list of arguments, without headings
    parser.set_defaults(run=run)
    return parser


# ---- build


def _add_build(commands):
    parser = _command(
        commands,
        "build",
        _build,
        "Build the student's notebook beside each source of labs/ and homework/.",
        "All problems of a source are named with file and line; nothing is written for a source that has one.\n"
        "Exit status: 0 all built, 1 with --check: some notebook is stale (named above), 2 wrong use or source.\n"
        "  dlcourse build lab01_line\n"
        "  dlcourse build --check",
    )
    parser.add_argument("ids", metavar="ID", nargs="*", help="assignments, such as lab01_line (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; name the notebooks that are stale")
    text = "a folder of private tests, <ID>.py: check them with the sources; students' notebooks have none of them"
    parser.add_argument("--private", metavar="DIR", help=text)


def _build(args) -> int:
    from dlcourse.staff import notebooks

    root = notebooks.find_root()
    stale, wrong = [], []
    for id in dict.fromkeys(args.ids or notebooks.assignments(root)):
        try:
            path = notebooks.build(root, id, private=args.private, check_only=args.check)
            print(f"{notebooks.shown(path)}{': fresh' if args.check else ''}", flush=True)
        except notebooks.StaleError as error:
            stale.append(str(error))
        except StaffError as error:
            wrong.append(str(error))
    for line in dict.fromkeys(stale + wrong):
        print(line, file=sys.stderr)
    return 2 if wrong else 1 if stale else 0


# ---- init-course


def _add_init_course(commands):
    parser = _command(
        commands,
        "init-course",
        _init_course,
        "Make nbgrader's course folder DIR from the sources, with gradebook, source/ and release/.",
        "Run it again after a change: scores, submissions and students stay.\n"
        "Exit status: 0 made, 2 wrong use, source or roster (nothing of that assignment is changed).\n"
        "  dlcourse init-course ../course --roster roster.csv\n"
        "  dlcourse init-course ../course --private ../private-tests",
    )
    parser.add_argument("directory", metavar="DIR", help="a new or empty folder, or a course folder made before")
    text = "students: CSV with the columns id, first_name, last_name, email (id alone will do)"
    parser.add_argument("--roster", metavar="FILE", help=text)
    text = "a folder of private tests, <ID>.py: they go into source/ and the gradebook, not to students"
    parser.add_argument("--private", metavar="DIR", help=text)


def _init_course(args) -> int:
    from dlcourse.staff import course_folder, notebooks

    made = course_folder.init_course(notebooks.find_root(), args.directory, args.roster, args.private)
    students = "1 student" if made.students == 1 else f"{made.students} students"
    print(f"{notebooks.shown(made.path)}: {len(made.assignments)} assignments, {students}")
    return 0


# ---- grade


def _add_grade(commands):
    parser = _command(
        commands,
        "grade",
        _grade,
        "Run every submission of ASSIGNMENT in a sandbox and write the scores to the gradebook.",
        "A submission that has not changed is not run again; a run that was killed is taken up where it stopped.\n"
        "Exit status: 0 all graded, 1 some could not be run or placed (named above), 2 wrong use or no sandbox.\n"
        "  dlcourse grade hw1_mlp --from downloads.zip\n"
        "  dlcourse grade source/ps1/ps1.ipynb --from submitted --course . --jobs 8 --json ps1.json",
    )
    text = "a folder of labs/ or homework/, such as hw1_mlp, or the path of any nbgrader source notebook"
    parser.add_argument("assignment", metavar="ASSIGNMENT", help=text)
    text = "what was handed in: a folder of notebooks, nbgrader's submitted/ tree, or a zip"
    parser.add_argument("--from", dest="where", metavar="PLACE", required=True, help=text)
    parser.add_argument("--course", metavar="DIR", default="course", help="the course folder (default: course)")
    parser.add_argument("--jobs", metavar="N", type=int, help="submissions at a time (default: one for each core)")
    text = "seconds for one cell and for one test; a notebook has ten times that, at least 120 (default: 60)"
    parser.add_argument("--timeout", metavar="S", type=float, default=60.0, help=text)
    parser.add_argument(
        "--memory", metavar="MB", type=int, default=4096, help="megabytes for one submission (default: 4096)"
    )
    parser.add_argument("--student", metavar="ID", action="append", help="only this student (may be given again)")
    parser.add_argument("--private", metavar="DIR", help="a folder of private tests, as given to init-course")
    parser.add_argument("--json", metavar="FILE", help="also write the results as JSON, one object a submission")
    text = "the kind of sandbox: bubblewrap, podman or docker (default: the first of them that works here)"
    parser.add_argument("--sandbox", choices=("bubblewrap", "podman", "docker"), help=text)
    parser.add_argument("--gpu", action="store_true", help="give every submission the CUDA devices of this machine")
    parser.add_argument("--trust", action="store_true", help="run submissions without a sandbox; reports say so")
    text = "run them as a Slurm job array of so many elements (default: one for each 30); --jobs is then per element"
    parser.add_argument("--slurm", metavar="ELEMENTS", nargs="?", type=_elements, const=0, help=text)
    text = 'more options for sbatch, such as --sbatch="--partition=NAME --time=1:00:00"'
    parser.add_argument("--sbatch", metavar="OPTIONS", help=text)
    text = "run them on the workers of the Dask scheduler there, such as tcp://host:8786; --jobs is then per slice"
    parser.add_argument("--dask", metavar="ADDRESS", help=text)


def _elements(word: str) -> int:
    if word.isascii() and word.isdigit() and 1 <= int(word) <= 1000:
        return int(word)
    raise argparse.ArgumentTypeError(f"{word!r}: a number of elements from 1 to 1000, or nothing, was awaited here")


def _grade(args) -> int:
    from dlcourse.staff import cluster, cluster_dask, gradebook, grading, notebooks
    from dlcourse.staff.progress import Progress
    from dlcourse.staff.sandbox import Limits

    if not args.timeout > 0:
        raise StaffError(f"--timeout {args.timeout:g}: write a number of seconds above 0, such as 60")
    if args.memory < 256:
        raise StaffError(f"--memory {args.memory}: write at least 256 megabytes; a notebook with torch takes about 600")
    if args.json:
        notebooks.check_writable(args.json)
    if args.sbatch is not None and args.slurm is None:
        raise StaffError("--sbatch goes with --slurm: write both, or neither")
    if args.dask is not None and args.slurm is not None:
        raise StaffError("--slurm and --dask exclude each other: leave one out")
    elsewhere = None
    if args.slurm is not None:
        elsewhere = cluster.Slurm(args.slurm, args.sbatch or "")
    elif args.dask is not None:
        elsewhere = cluster_dask.Dask(args.dask)
    if args.trust and args.sandbox:
        raise StaffError(f"--trust and --sandbox {args.sandbox} exclude each other: leave one out")
    limits = Limits(
        cell_seconds=args.timeout, notebook_seconds=max(120, 10 * args.timeout), memory_mb=args.memory, gpu=args.gpu
    )
    with Progress() as progress:
        outcome = grading.grade(
            args.assignment, args.where, args.course, private=args.private, jobs=args.jobs, limits=limits,
            trust=args.trust, sandbox=args.sandbox, students=args.student, progress=progress, elsewhere=elsewhere,
        )  # fmt: skip
    if args.json:
        notebooks.write(args.json, gradebook.as_json(outcome))
    print(gradebook.table(outcome), gradebook.summary(outcome), sep="\n\n")
    return 1 if outcome.unplaced or any(r["problem"] for r in outcome.records) else 0


# ---- grades


def _add_grades(commands):
    parser = _command(
        commands,
        "grades",
        _grades,
        "Make the table of final grades from what was graded and marked, by the rules of course.toml.",
        "Nothing is run: an extension that is granted, a rule that is changed, a mark that is given counts at once.\n"
        "Exit status: 0 all grades stand, 1 some are provisional or could not be placed (named), 2 wrong use.\n"
        "  dlcourse grades --course ../course --so-far\n"
        "  dlcourse grades --course ../course --lms canvas --roster canvas_export.csv",
    )
    parser.add_argument("--course", metavar="DIR", default="course", help="the course folder (default: course)")
    text = "the students, as CSV: the gradebook or list of participants that the LMS exports; nobody else gets a grade"
    parser.add_argument("--roster", metavar="FILE", help=text)
    text = "write a file for Canvas or Moodle; --roster is then what that exports"
    parser.add_argument("--lms", choices=("canvas", "moodle"), help=text)
    text = "where to write it (default: reports/grades.csv of the course folder, reports/grades_LMS.csv with --lms)"
    parser.add_argument("--out", metavar="FILE", help=text)
    parser.add_argument("--so-far", action="store_true", help="leave out what is not due yet or not marked yet")


def _grades(args) -> int:
    from pathlib import Path

    from dlcourse.staff import final, notebooks

    if args.lms and not args.roster:
        raise StaffError(f"--lms {args.lms} needs --roster: the file that {args.lms.title()} exports, with its own ids")
    name = f"grades_{args.lms}.csv" if args.lms else "grades.csv"
    path = Path(args.out) if args.out else Path(args.course) / "reports" / name
    made = final.final_grades(args.course, args.roster, args.so_far)
    text = final.lms_csv(made, args.lms) if args.lms else final.grades_csv(made)
    if not args.out:
        path.parent.mkdir(exist_ok=True)
    notebooks.write(path, text)
    print(final.table(made), "", *made.problems, *made.notes, f"grades    {notebooks.shown(path)}", sep="\n")
    return 0 if made.settled else 1


# ---- leaderboard


def _add_leaderboard(commands):
    parser = _command(
        commands,
        "leaderboard",
        _leaderboard,
        "Rank the entries of a competition by what its hidden tests have measured, ties shown as ties.",
        "Nothing is run but with --retrain. The page for the class shows aliases, the CSV file students' ids.\n"
        "Exit status: 0 done, 1 with --retrain: some recipe does not lead to its checkpoint, 2 wrong use.\n"
        "  dlcourse leaderboard competition1_tuning --course ../course\n"
        "  dlcourse leaderboard competition1_tuning --course ../course --retrain 3",
    )
    parser.add_argument(
        "assignment", metavar="ASSIGNMENT", help="a competition that was graded, such as competition1_tuning"
    )
    parser.add_argument("--course", metavar="DIR", default="course", help="the course folder (default: course)")
    text = "train the recipes of the first N again, a minute each, and compare with their checkpoints"
    parser.add_argument("--retrain", metavar="N", type=int, default=0, help=text)


def _leaderboard(args) -> int:
    from dlcourse.staff import leaderboard, notebooks

    if args.retrain < 0:
        raise StaffError(f"--retrain {args.retrain}: write how many of the first entries, such as 3")
    rows = leaderboard.entries(args.course, args.assignment)
    leaderboard.retrain(rows, args.retrain)
    page, sheet = leaderboard.publish(args.course, args.assignment, rows)
    print(
        leaderboard.table(rows),
        "",
        f"for the class  {notebooks.shown(page)}",
        f"for you        {notebooks.shown(sheet)}",
        sep="\n",
    )
    return 0 if all(row.again.get("agrees", True) for row in rows) else 1


# ---- project


def _add_project(commands):
    parser = _command(
        commands,
        "project",
        _project,
        "Look over the repository of a final project: what is missing, in plain words.",
        "check reads files and asks git; nothing of the repository is run. With --run its short version,\n"
        "python run.py --quick, runs twice in a sandbox (bubblewrap), and has to give the same numbers.\n"
        "Exit status: 0 nothing to mend (`note` is advice), 1 something is, 2 wrong use or no sandbox.\n"
        "  dlcourse project check ../my-project\n"
        "  dlcourse project check ../my-project --run",
    )
    parser.add_argument("what", metavar="check", choices=("check",), help="check: the one thing it does")
    parser.add_argument("path", metavar="PATH", help="the folder of the repository")
    parser.add_argument("--run", dest="run_it", action="store_true", help="also run its short version twice")
    parser.add_argument("--trust", action="store_true", help="with --run: run it with your rights, without a sandbox")
    parser.add_argument(
        "--json", action="store_true", help="a list of objects: state (ok, miss, note, skip), what, say"
    )


def _project(args) -> int:
    import json
    from dataclasses import asdict

    from dlcourse.staff import project

    if args.trust and not args.run_it:
        raise StaffError("--trust goes with --run: write both, or neither")
    findings = project.check(args.path, args.run_it, args.trust)
    print(json.dumps([asdict(one) for one in findings], indent=1) if args.json else project.table(findings))
    return project.exit_status(findings)


# ---- demo


def _add_demo(commands):
    parser = _command(
        commands,
        "demo",
        _demo,
        "Build homework 1, make a class of ten hand-ins, grade them, show the result.",
        "Exit status: 0 done, 2 something is missing (named above).\n  dlcourse demo\n  dlcourse demo --jobs 1",
    )
    parser.add_argument("--dir", metavar="DIR", default="demo", help="where to put all of it (default: demo)")
    parser.add_argument("--jobs", metavar="N", type=int, help="submissions at a time (default: one for each core)")


def _demo(args) -> int:
    from pathlib import Path

    from dlcourse.staff import demo, gradebook, notebooks
    from dlcourse.staff.progress import Progress

    with Progress() as progress:
        outcome = demo.demo(notebooks.find_root(), Path(args.dir), args.jobs, progress)
    print("", gradebook.table(outcome), "", gradebook.summary(outcome), sep="\n")
    return 0


# ---- doctor


def _add_doctor(commands):
    parser = _command(
        commands,
        "doctor",
        _doctor,
        "Say what is here, what is missing for the labs or for teaching, and how to mend it.",
        "A line that begins with `note` can wait. Nothing is installed, changed or sent; podman and docker\n"
        "are left with an empty image of 10 kB, which sandboxes of theirs start from.\n"
        "Exit status: 0 all well, 1 something that the labs need is missing, 2 wrong use.\n"
        "  dlcourse doctor\n"
        "  srun --gres=gpu:1 dlcourse doctor --json",
    )
    text = "one JSON object: well, and lines of for (labs, teaching), state (ok, note, miss), what, say"
    parser.add_argument("--json", action="store_true", help=text)


def _doctor(args) -> int:
    import json

    groups = {"labs": _lines_for_labs(), "teaching": _lines_for_teaching()}
    well = all(state != "miss" for lines in groups.values() for state, _, _ in lines)
    if args.json:
        rows = [dict(zip(("for", "state", "what", "say"), (g, *x), strict=True)) for g in groups for x in groups[g]]
        print(json.dumps({"well": well, "lines": rows}, indent=1))
        return 0 if well else 1
    for group, lines in groups.items():
        print(f"For {'the labs' if group == 'labs' else 'teaching'}")
        print(*(f"{state:>5}  {what:<14}{say}" for state, what, say in lines), sep="\n", end="\n\n")
    print("All green: you can start." if well else "Mend the lines that say `miss`, then run this again.")
    return 0 if well else 1


def _lines_for_labs():
    """What runtime.doctor() says, in a process of its own: the staff's side loads no torch, and it may be broken."""
    import json
    import subprocess
    from pathlib import Path

    if hiding := [f"{name}.py" for name in ("torch", "numpy", "random") if Path(f"{name}.py").exists()]:
        return [("miss", "This folder", f"{hiding[0]} hides the module of that name: give the file another name")]
    command, broken = [sys.executable, "-m", "dlcourse.runtime"], "install again with pip install --upgrade torch numpy"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        return json.loads(done.stdout.strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        return [("miss", "torch", f"cannot be imported within 5 minutes: {broken}")]
    except ValueError:
        said = (done.stderr.strip().splitlines() or [f"its process ended with status {done.returncode}"])[-1]
        return [("miss", "torch", f"cannot be imported ({said}): {broken}")]


def _lines_for_teaching():
    """(state, what, what to say); nothing here is needed to take the course."""
    import shutil
    from importlib import metadata

    lines = _lines_for_sandboxes()
    for package, todo in _FOR_TEACHING:
        try:
            lines.append(("ok", package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            lines.append(("note", package, f"not found: {todo}"))
    for what, programs, use in _PROGRAMS:
        there = [name for name in programs if shutil.which(name)]
        lines.append(("ok" if there else "note", what, ", ".join(there) or f"not found: only needed {use}"))
    return lines


def _lines_for_sandboxes():
    """Which one `dlcourse grade` would take, then each kind that starts here, tried from inside."""
    from concurrent.futures import ThreadPoolExecutor

    from dlcourse.staff import probe
    from dlcourse.staff.sandbox import KINDS

    with ThreadPoolExecutor(len(KINDS)) as pool:  # each waits for its limits to be noticed
        problems = dict(zip(KINDS, pool.map(_problem_of_sandbox, KINDS), strict=True))
    lines = [
        ("note", k, p) if p else ("ok", k, f"{probe.version(k)}, tried: {probe.PROMISES}") for k, p in problems.items()
    ]
    for kind, problem in problems.items():
        if problem is None:
            return [("ok", "Sandbox", f"`dlcourse grade` uses {kind}"), *lines]
    say = "`dlcourse grade` refuses: mend one of the next three, bubblewrap first, or pass --trust"
    return [("note", "Sandbox", say), *lines]


def _problem_of_sandbox(kind) -> str | None:
    from dlcourse.staff import probe
    from dlcourse.staff.sandbox import problem_with

    problem = problem_with(kind)
    if problem is None and (broken := probe.examine(kind)):
        problem = f"{kind} starts, but " + "; ".join(broken)
    return problem


_FOR_TEACHING = (  # package, what to do
    ("nbgrader", 'pip install "dlcourse[staff]" (for `dlcourse init-course`, `grade` and `demo`)'),
    ("ipython", 'pip install "dlcourse[staff]" (to run what was handed in)'),
    ("jupyterlab", 'pip install "dlcourse[lab]" (to open the notebooks here)'),
)
_PROGRAMS = (  # what, any of these commands, when it is needed
    ("Containers", ("podman", "docker"), "to run the course in a container"),
    ("Slurm", ("sbatch", "srun"), "on a cluster that has it"),
)


# ---- check, submit: for students


def _add_check(commands):
    parser = _command(
        commands,
        "check",
        _check,
        "Run your NOTEBOOK from top to bottom in a fresh kernel and say what the grader will say.",
        "The visible tests are run, the form is looked at (name, file name, cells); the notebook is not changed.\n"
        "Exit status: 0 nothing to mend, 1 something failed or is unanswered (named above), 2 wrong use.\n"
        "  dlcourse check hw1_mlp.ipynb\n"
        "  dlcourse check labs/lab01_line/lab01_line.ipynb --timeout 120",
    )
    parser.add_argument("notebook", metavar="NOTEBOOK", help="the notebook that you work in; save it first")
    text = "seconds for one cell and for one test; a notebook has ten times that, at least 120 (default: 60)"
    parser.add_argument("--timeout", metavar="S", type=float, default=60.0, help=text)


def _check(args) -> int:
    from dlcourse.staff import handin

    looked = handin.look(args.notebook)
    done, text = _rehearse(looked, args.timeout)
    print(text)
    return 0 if done else 1


def _rehearse(looked, timeout) -> tuple[bool, str]:
    """(whether nothing is left to mend, what to print)."""
    from tqdm import tqdm

    from dlcourse.staff import fresh, handin
    from dlcourse.staff.sandbox import Limits

    if not timeout > 0:
        raise StaffError(f"--timeout {timeout:g}: write a number of seconds above 0, such as 60")
    limits = Limits(cell_seconds=timeout, notebook_seconds=max(120, 10 * timeout))
    with tqdm(unit="cell", leave=False, dynamic_ncols=True, disable=None) as bar:  # None: not in a pipe

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        found = fresh.rehearse(looked.plan, looked.merged, looked.path.absolute().parent, limits, progress)
    return handin.is_done(looked, found), handin.report(looked, found)


def _add_submit(commands):
    parser = _command(
        commands,
        "submit",
        _submit,
        "Write your NOTEBOOK under the name that the course asks for, with a receipt; you upload that file.",
        "Your name is taken from the cell NAME = ... of the notebook. Nothing is sent anywhere.\n"
        "Exit status: 0 written, 1 something has to be mended first (named above), 2 wrong use.\n"
        "  dlcourse submit hw1_mlp.ipynb\n"
        "  dlcourse submit hw1_mlp.ipynb --to ~/Desktop --check",
    )
    parser.add_argument("notebook", metavar="NOTEBOOK", help="the notebook that you work in; save it first")
    parser.add_argument("--to", metavar="DIR", help="where to write it (default: beside the notebook)")
    parser.add_argument("--again", action="store_true", help="replace your earlier hand-in there; it is kept")
    parser.add_argument("--check", action="store_true", help="first run the tests and show what `check` says")


def _submit(args) -> int:
    from dlcourse.staff import handin, notebooks

    looked = handin.look(args.notebook)
    if looked.keeps:
        print("Not handed in:", *looked.keeps, sep="\n", file=sys.stderr)
        return 1
    if args.check:
        print(_rehearse(looked, 60.0)[1], end="\n\n")
    receipt = handin.submit(looked, args.to, args.again)
    for text in () if args.check else looked.mend:
        print(f"note: {text}")
    print(receipt.text)
    if receipt.kept:
        print(f"Your earlier hand-in is kept as {notebooks.shown(receipt.kept)}.")
    print(f"Now upload {notebooks.shown(receipt.path)} where your course collects work.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
