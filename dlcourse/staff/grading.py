"""Grade a class: many submissions in parallel, each once, every result a record that no crash loses.

A record is a file, written beside its final name, synced and renamed. It is named by what decides the result: the
bytes of the hand-in, the cells of the assignment, the environment. Running again reads records and grades only what
has none. The gradebook and every page are made from records, by this one process, at the end.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from dlcourse.staff import StaffError, ledger, marks, notebooks, policy, similar
from dlcourse.staff.plan import Plan, lines_of_imports, make_plan, read_cells, slow_imports
from dlcourse.staff.run import Cancelled, Grader
from dlcourse.staff.sandbox import Limits, require_sandbox
from dlcourse.staff.submissions import Cell, Submission, Unplaced, collect

VERSION = 2  # of what grading does; a new one makes old records count no more
LEFT_SECONDS = 3600  # a half-written record of that age has no writer any more, on this machine or another
SHIPPED = (".ipynb", ".db", ".pyc")  # beside a source notebook, but not given to a submission


@dataclass
class Assignment:
    """One assignment as the grader knows it, from a source of ours or from any nbgrader source notebook."""

    id: str
    notebook: str  # name without ending
    instructor: object  # nbformat notebook with solutions and hidden tests
    released: object
    assets: Path | None  # folder whose files stand beside the notebook
    course: policy.Course | None
    root: Path | None

    @property
    def label(self) -> str:
        """Its id, and the notebook's name where an assignment has several."""
        return self.id if self.notebook == self.id else f"{self.id}.{self.notebook}"


@dataclass
class Outcome:
    """What one call of `grade` did."""

    assignment: Assignment
    plan: Plan
    records: list[dict]  # one for each student, sorted
    fresh: set[str]  # students graded in this run; the others had a record
    unplaced: list[Unplaced]
    notes: list[str]  # for the instructor
    folder: Path
    trusted: bool
    changed: set[str] = field(default_factory=set)  # students for whom marks or rules say something else than before
    alike: list[similar.Pair] = field(default_factory=list)  # students whose code is alike

    def with_outputs(self, record: dict) -> dict:
        """The record with what its cells have shown, for its page and its notebook."""
        if "outputs_in" not in record:
            return record
        return record | {"shown": json.loads(Path(record["outputs_in"]).read_text("utf-8"))["shown"]}


# ---------------------------------------------------------------------------------------------------- the assignment


def load_assignment(id_or_path: str, root=None, private=None) -> Assignment:
    """An assignment of this course by id, or any nbgrader source notebook by path.

    Raises StaffError where there is no such assignment, or its source has a mistake.
    """
    path = Path(id_or_path)
    if path.suffix == ".ipynb" or path.is_file():
        return _foreign(path)
    root = Path(root) if root is not None else notebooks.find_root()
    source, course = notebooks.load_checked(root, id_or_path, private)
    instructor = notebooks.instructor_notebook(source, course)
    released = notebooks.release_notebook(instructor)
    return Assignment(source.id, source.id, instructor, released, source.path.parent, course, root)


def _foreign(path: Path) -> Assignment:
    import nbformat
    from nbgrader.nbgraderformat import MetadataValidator

    if not path.is_file():
        raise StaffError(f"{path}: no such notebook: name an assignment's id or a path such as source/ps1/ps1.ipynb")
    try:
        book = nbformat.reads(path.read_text("utf-8-sig"), as_version=4)
        book = MetadataValidator().upgrade_notebook_metadata(book)
    except Exception as err:  # nbformat and nbgrader raise many kinds
        raise StaffError(f"{path}: not a notebook that can be read ({str(err).splitlines()[0]})") from None
    marks = [c.metadata.nbgrader for c in book.cells if "nbgrader" in c.metadata]
    names = [m.get("grade_id") for m in marks]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise StaffError(f"{path}: two cells have the grade id {twice[0]!r}: give each its own")
    if not any(m.get("grade") or m.get("task") for m in marks):
        raise StaffError(f"{path}: no cell gives points: mark test cells in nbgrader's Create Assignment view")
    try:
        released = notebooks.release_notebook(book)
    except Exception as err:
        raise StaffError(f"{path}: nbgrader cannot make the students' version ({str(err).splitlines()[0]})") from None
    _with_ids(book)
    _with_ids(released)
    parent = path.resolve().parent
    return Assignment(parent.name if parent.name else path.stem, path.stem, book, released, parent, None, None)


def _with_ids(book) -> None:
    """Raise an older notebook to nbformat 4.5, where each cell has an id; the same ids at each call."""
    book.nbformat, book.nbformat_minor = 4, 5
    for number, cell in enumerate(book.cells):
        grade_id = (cell.metadata.get("nbgrader") or {}).get("grade_id")
        if not cell.get("id"):
            cell["id"] = re.sub(r"[^\w-]", "-", grade_id or f"cell-{number}", flags=re.ASCII)[:64]


def reference(assignment: Assignment) -> Submission:
    """The instructor's own solutions as a hand-in."""
    cells = [
        Cell(c.cell_type == "code", c.source, (c.metadata.get("nbgrader") or {}).get("grade_id"), c.get("id"))
        for c in assignment.instructor.cells
    ]
    digest = hashlib.sha256("\0".join(c.source for c in cells).encode()).hexdigest()
    return Submission("(reference)", "the source", digest, cells)


# ---------------------------------------------------------------------------------------------------- records


class Records:
    """The results of one assignment, one file each."""

    def __init__(self, folder: Path, environment: str):
        self.folder, self.environment = folder, environment
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.part"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                    left.unlink()

    def path(self, submission: Submission, plan: Plan) -> Path:
        decides = f"{submission.digest} {plan.digest} {sorted(plan.broken)} {self.environment}"
        key = hashlib.sha256(decides.encode()).hexdigest()[:16]
        name = re.sub(r"[^\w.-]", "_", submission.student)[:60]
        name += "" if name == submission.student else "." + hashlib.sha256(submission.student.encode()).hexdigest()[:6]
        return self.folder / f"{name}.{key}.json"

    def read(self, submission: Submission, plan: Plan, limits: Limits) -> dict | None:
        try:
            record = json.loads(self.path(submission, plan).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if record.get("timed_out") and record.get("cell_seconds", 0) < limits.cell_seconds:
            return None  # more time than it had: it may get further
        return _without_outputs(record, self.path(submission, plan))

    def write(self, path: Path, record: dict) -> None:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            with open(part, "w", encoding="utf-8") as file:
                json.dump(record, file, ensure_ascii=True)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            raise


def environment_digest(gpu: bool = False) -> str:
    """What else decides a result: versions of what runs the cells, and whether they have a CUDA device."""
    found = [str(VERSION), platform.python_version(), *(["gpu"] if gpu else [])]
    for name in ("torch", "numpy", "ipython", "matplotlib", "scikit-learn", "torchvision"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:12]


@dataclass
class Batch:
    """The hand-ins of one run, what decides their results, and the results so far."""

    found: list[Submission]
    plan: Plan
    records: Records
    limits: Limits
    assets: Path | None
    trust: bool
    sandbox: str | None = None  # its kind, where one was asked for
    jobs: int | None = None
    progress: object = None  # called with (done, all, record)
    results: dict[str, dict] = field(default_factory=dict)  # student -> record

    @property
    def left(self) -> list[Submission]:
        """Those without a result."""
        return [s for s in self.found if s.student not in self.results]

    def read_kept(self) -> None:
        """Take the results that have a record."""
        for submission in self.left:
            record = self.records.read(submission, self.plan, self.limits)
            if record is not None:
                self.results[submission.student] = _as_submitted(record, submission)

    def land(self, submission: Submission, record: dict) -> None:
        self.results[submission.student] = record
        if self.progress is not None:
            self.progress(len(self.results), len(self.found), record)


@contextlib.contextmanager
def only_grader(folder: Path):
    """Hold the course folder: one grader at a time. The lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".grading.lock"
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            who = file.read(100).strip() or "another process"
            raise StaffError(f"{folder}: {who} is grading into this folder: wait until it is done") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        yield


# ---------------------------------------------------------------------------------------------------- grading


def grade(
    id_or_path: str,
    where,
    folder,
    *,
    root=None,
    private=None,
    jobs: int | None = None,
    limits: Limits | None = None,
    trust: bool = False,
    sandbox: str | None = None,
    students=None,
    progress=None,
    elsewhere=None,
) -> Outcome:
    """Grade every hand-in of an assignment below `where` into the course folder `folder`.

    progress   called with (done, all, None) before the first submission, with (done, all, record) after each
    students   only these ids
    sandbox    one of sandbox.KINDS (default: the first that works)
    elsewhere  called with a Batch, grades as much of it as it can on other machines (cluster.py), and returns notes;
               what then has no record is graded here
    Raises StaffError where the assignment, the place or the sandbox is not there.
    """
    limits = limits or Limits()
    if jobs is not None and jobs < 1:
        raise StaffError(f"--jobs {jobs}: at least 1 submission at a time")
    assignment = load_assignment(id_or_path, root, private)
    beside = assignment.assets.iterdir() if assignment.assets is not None else ()
    given = {path.name for path in beside if path.suffix != ".ipynb"}
    found, unplaced = collect(where, assignment.id, assignment.course, assignment.notebook, given)
    if students:
        found = [s for s in found if s.student in set(students)]
        if not found:
            raise StaffError(f"--student {', '.join(students)}: nobody of that id handed in {assignment.id}")
    if not trust:
        require_sandbox(sandbox, limits.gpu)
    folder = Path(folder)
    rules = rules_for(assignment, folder)
    with only_grader(folder):
        records = Records(folder / "records" / assignment.label, environment_digest(limits.gpu))
        assets = _assets(assignment, folder)
        with _one_grader(limits, assets, trust, sandbox) as grader_of:
            used = slow_imports(lines_of_imports(c.source for s in found for c in s.cells if c.code))
            plan, notes = calibrate(assignment, records, grader_of, used)
            batch = Batch(found, plan, records, limits, assets, trust, sandbox, jobs, progress)
            batch.read_kept()
            fresh = {s.student for s in batch.left}
            if batch.left and progress is not None:
                progress(len(batch.results), len(found), None)
            if batch.left and elsewhere is None:
                _grade_all(batch, grader_of(plan))
        if elsewhere is not None:
            notes = notes + elsewhere(batch)
        if batch.left:
            grade_left(batch)
        own, place = [batch.results[s.student] for s in found], records.folder / ledger.NAME
        by_hand = marks.read(folder)
        given = {s.student: by_hand.get((assignment.id, assignment.notebook, s.student)) for s in found}
        settled, changed = ledger.settle(place, own, plan, rules, assignment.notebook, given, frozenset(fresh))
        fresh = {r["student"] for r in settled if (r["handed_in_by"] or r["student"]) in fresh}
        if others := len(set(ledger.read(place)["said"]) - {r["student"] for r in settled}):
            more = "1 more student was" if others == 1 else f"{others} more students were"
            notes = [
                *notes,
                f"{more} graded before: for a report on all, grade all hand-ins; nothing runs twice",
            ]
        outcome = Outcome(assignment, plan, settled, fresh, unplaced, notes, folder, trust, changed)
        outcome.alike = similar.similar_pairs(own, plan)
        from dlcourse.staff import gradebook

        gradebook.publish(outcome)
    return outcome


@contextlib.contextmanager
def _one_grader(limits, assets, trust, sandbox):
    """Gives a function plan -> Grader, one for all plans: its sandboxes import torch once, which takes seconds."""
    made: list[Grader] = []

    def grader_of(plan: Plan) -> Grader:
        if not made:
            made.append(Grader(plan, limits, assets=assets, trust=trust, sandbox=sandbox))
        made[0].plan = plan
        return made[0]

    try:
        yield grader_of
    finally:
        for grader in made:
            grader.close()


def grade_left(batch: Batch) -> None:
    """Grade here what has no result."""
    with _one_grader(batch.limits, batch.assets, batch.trust, batch.sandbox) as grader_of:
        _grade_all(batch, grader_of(batch.plan))


def _grade_all(batch: Batch, grader: Grader) -> None:
    todo = batch.left
    pool = ThreadPoolExecutor(min(batch.jobs or os.cpu_count() or 1, len(todo)))
    try:
        waiting = {pool.submit(_grade_one, grader, s, batch.records, batch.limits): s for s in todo}
        for future in as_completed(waiting):
            batch.land(waiting[future], future.result())
    except BaseException:
        grader.cancel()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _grade_one(grader: Grader, submission: Submission, records: Records, limits: Limits) -> dict:
    read = submission.problem is None
    try:
        record = grader.grade(submission)
    except Cancelled:
        raise
    except Exception as err:  # a fault of ours must not cost the others theirs; not recorded, so it is tried again
        submission.problem = f"the grader failed on this file ({type(err).__name__}: {err})"[:300]
        record = grader.grade(submission)
    if read and submission.problem:  # the sandbox did not start: to be tried again at the next run
        return record
    timed_out = (
        any(c["status"] in ("timeout", "not run") for c in record["cells"].values()) or "timeout" in record["flags"]
    )
    record |= {
        "digest": submission.digest, "tests": grader.plan.digest, "environment": records.environment,
        "cell_seconds": limits.cell_seconds, "timed_out": timed_out, "trusted": grader.trust,
    }  # fmt: skip
    path = records.path(submission, grader.plan)
    records.write(path, record)
    return _without_outputs(record, path)


def _without_outputs(record: dict, path: Path) -> dict:
    """Pictures and prints stay in the record's file until a page is made: a class of them would fill the memory."""
    record["shown"] = [{k: v for k, v in cell.items() if k != "outputs"} for cell in record["shown"]]
    return record | {"outputs_in": str(path)}


def _as_submitted(record: dict, submission: Submission) -> dict:
    """A record of the same bytes: when and under which name they came is taken from the files as they are now."""
    record["file"] = submission.file
    record["submitted"] = submission.submitted.isoformat() if submission.submitted else None
    for word in ("misnamed", "two files"):
        record["flags"] = [f for f in record["flags"] if f != word] + ([word] if word in submission.flags else [])
    return record


def rules_for(assignment: Assignment, folder: Path) -> policy.Course | None:
    """The course's rules with what the course folder says of single students; None where there are none.

    For a notebook that does not belong to this course they stand in a course.toml in the course folder.
    """
    course, path = assignment.course, folder / "course.toml"
    if course is None and path.is_file():
        course = policy.load(path, without=policy.PUBLIC)
    return None if course is None else policy.with_students(course, folder)


def _assets(assignment: Assignment, folder: Path) -> Path | None:
    """A copy of what stands beside the source (helper modules, data), without notebooks, sources and answers."""
    import shutil

    if assignment.assets is None:
        return None
    target = folder / "records" / assignment.label / "assets"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    ours = {f"{assignment.id}.py", "answers.py"} if assignment.root is not None else set()
    for path in sorted(assignment.assets.iterdir()):
        if path.name.startswith((".", "__")) or path.name in ours or path.suffix in SHIPPED or path.is_symlink():
            continue
        if path.is_dir():
            shutil.copytree(
                path, target / path.name, symlinks=False, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.ipynb")
            )
        else:
            shutil.copyfile(path, target / path.name)
    return target.resolve() if any(target.iterdir()) else None


def calibrate(assignment, records, grader_of, used=()) -> tuple[Plan, list[str]]:
    """Grade the instructor's own solutions first: every test must give them all its points.

    A test that does not pass when it is split between judge and box, but does beside the student's code, is run there
    ("weak"). One that passes in neither way is the author's mistake, and is named. The answer is kept as a record, with
    the modules that this run imported, which the sandboxes then import once for all.

    used  what the hand-ins import that takes seconds: imported once for all, and not in the time of a student's cell
    """
    cells = read_cells(assignment.instructor, assignment.released)
    plan = make_plan(assignment.id, cells)
    plan.imports = imports = sorted({*plan.imports, *used})
    model = reference(assignment)
    path = records.folder / f".reference.{plan.digest[:12]}.{records.environment}.json"
    try:
        kept = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        kept = None
    if kept is None or kept["broken"]:  # what failed may have failed for want of time: look again
        kept = _calibrate(plan, cells, model, grader_of)
        records.write(path, kept)
    plan = make_plan(assignment.id, cells, frozenset(kept["weak"]))
    plan.imports = [*imports, *(m for m in kept.get("imports", ()) if m not in imports)]
    plan.broken, plan.changing = frozenset(kept["broken"]), frozenset(kept["changing"])
    return plan, kept["notes"]


def _calibrate(plan, cells, model, grader_of) -> dict:
    grader = grader_of(plan)
    grader.learned = []
    changing: set[str] = set()

    def short_of(plan):
        plan.changing = frozenset(i.name for i in plan.tests)  # whatever the instructor's solution changes is right
        record = grader_of(plan).grade(Submission(model.student, model.file, model.digest, model.cells))
        if record["problem"]:
            raise StaffError(f"{plan.assignment}: the instructor's own solution: {record['problem']}")
        done = record["cells"]
        changing.clear()
        changing.update(record["changing"])
        return {i.name: done[i.name] for i in plan.tests if done[i.name]["score"] != i.points}

    missing = short_of(plan)
    weak: frozenset = frozenset()
    for _ in range(3):  # what a weak test hands on must be weak too
        if not set(missing) - weak:
            break
        weak |= set(missing)
        missing = short_of(make_plan(plan.assignment, cells, weak))
    # what fails in both ways is the author's mistake, and stays where nothing can be forged
    broken = sorted(set(missing))
    weak = sorted(({i.name for i in plan.tests if i.weak} | weak) - set(broken))
    notes = [f"{n} does not pass with the instructor's own solution: {missing[n]['message']}" for n in broken]
    if weak:
        count = "1 test is" if len(weak) == 1 else f"{len(weak)} tests are"
        notes.append(
            f"{count} weak: {', '.join(weak)}. A weak test runs beside the student's code, since it looks at more than "
            "values; it counts, and it is tried without the student's work too, but whoever means to could fool it"
        )
    imports, grader.learned = grader.learned, None
    grader.prepare(imports)
    return {"weak": weak, "broken": broken, "changing": sorted(changing), "notes": notes, "imports": imports}
