"""Look over a project's repository as the grader of the course does, each finding in plain words.

    dlcourse project check PATH          # reads, runs nothing of the repository
    dlcourse project check PATH --run    # also runs its short version twice, in a sandbox

A look at form only: whether the work is good a person decides, with project/rubric.md. Nothing of the repository is
executed unless `run` is asked for: git is asked with its hooks, pagers and helpers switched off.
"""

import ast
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dlcourse.staff import StaffError, sandbox, tables
from dlcourse.staff.view import Limits

OK, MISS, NOTE, SKIP = "ok", "miss", "note", "skip"
BIG, ALL, READ = 10 << 20, 100 << 20, 2 << 20  # bytes: of one file, of all, of one that is read as text
RUN_SECONDS = 300
LIMITS = Limits(memory_mb=8192, disk_mb=1024)  # of a run; it may be a whole training
COMMAND = ("run.py", "--quick")
RESULTS = "results/results.json"
WORDS = 120  # that a README has at least
SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:RSA |EC |OPENSSH |DSA |PGP )?PRIVATE KEY"),
    "a key of Amazon": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a token of GitHub": re.compile(r"\b(?:ghp|gho|ghs|ghu|github_pat)_[A-Za-z0-9_]{22,}"),
    "a token of Hugging Face": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a key that begins with sk-": re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"),
    "a key of Google": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "a password in the code": re.compile(
        r"""(?i)\b(?:password|passwd|secret|api_?key|access_?token|auth_?token)["']?\s*[:=]\s*["'][^"'\s<>{}$]{8,}["']"""
    ),
}
SECRET_FILES = {".env", "kaggle.json", "id_rsa", "id_ed25519", "credentials.json", ".netrc", ".pypirc"}
OWN_PLACES = re.compile(r"""["'(\s](?:/home/\w+|/Users/\w+|[A-Z]:\\\\?Users\\|/content/drive)""")
SEEDS = re.compile(r"manual_seed\(|seed_everything\(|default_rng\(|\.seed\(|random_state\s*=")
PLACEHOLDER = re.compile(r"<(?:[A-Za-z][^<>]{0,80})?\.\.\.>|\bTODO\b|\bFIXME\b|Lorem ipsum")
SKIPPED = {".git", ".venv", "venv", "__pycache__", ".ipynb_checkpoints", "node_modules", ".pytest_cache"}
TEXTS = {".py", ".ipynb", ".md", ".txt", ".toml", ".yml", ".yaml", ".json", ".cfg", ".ini", ".sh", ".env", ""}


@dataclass(frozen=True)
class Finding:
    state: str  # ok, miss (mend it), note (think about it), skip (not looked at)
    what: str
    say: str


ok, miss, note, skip = (partial(Finding, state) for state in (OK, MISS, NOTE, SKIP))


@dataclass
class Repository:
    path: Path
    files: dict[str, int] = field(default_factory=dict)  # name -> bytes, as they would be handed in
    git: bool = False

    def text(self, name: str) -> str:
        path = self.path / name
        if name not in self.files or path.is_symlink() or self.files[name] > READ:
            return ""
        try:
            return path.read_text("utf-8", "replace")
        except OSError:
            return ""

    def named(self, *patterns: str) -> list[str]:
        return [name for name in self.files if any(re.fullmatch(p, name, re.IGNORECASE) for p in patterns)]

    def code(self) -> dict[str, str]:
        """Python of the repository by file; of a notebook its code cells."""
        found = {name: self.text(name) for name in self.named(r".*\.py")}
        return found | {name: _code_of(self.text(name)) for name in self.named(r".*\.ipynb")}


def check(path, run: bool = False, trust: bool = False) -> list[Finding]:
    """All findings about the repository at `path`.

    run    run the short version twice in a sandbox; with `trust` without one where none works here
    Raises StaffError where there is no such folder, or no sandbox.
    """
    repository = read(path)
    findings = []
    for look in LOOKS:
        try:
            findings += look(repository)
        except Exception as error:  # an odd repository must not keep its other findings from its owner
            findings.append(note(look.__name__.strip("_"), f"could not be looked at ({type(error).__name__})"))
    return findings + (_runs(repository, trust) if run else [skip("Run", "add --run to run it twice, quickly")])


def read(path) -> Repository:
    path = Path(path)
    if not path.is_dir():
        raise StaffError(f"{path}: no such folder: name the folder of your project's repository")
    found = Repository(path)
    listed = _git(path, "ls-files", "-z")
    if (path / ".git").exists() and listed is not None:
        found.git, names = True, [name for name in listed.split("\0") if name]
    else:
        names = []
        for folder, folders, files in os.walk(path):
            folders[:] = [f for f in folders if f not in SKIPPED]
            names += [os.path.relpath(os.path.join(folder, file), path) for file in files]
    for name in sorted(names)[:20_000]:
        place = path / name
        if place.is_file() and not place.is_symlink():
            found.files[name.replace(os.sep, "/")] = place.stat().st_size
    return found


def exit_status(findings: list[Finding]) -> int:
    return int(any(one.state == MISS for one in findings))


def table(findings: list[Finding]) -> str:
    lines = [f"{one.state:>5}  {one.what:<15}{tables.visible(one.say)}" for one in findings]
    misses = sum(one.state == MISS for one in findings)
    told = "Nothing to mend." if not misses else f"Mend what says `miss` ({misses}), then run this again."
    return "\n".join([*lines, "", told])


def _git(path: Path, *words: str, given: str = "") -> str | None:
    """What git says, with everything off by which a foreign repository could make it run something; None: it fails."""
    quiet = (
        "core.fsmonitor=false",
        "core.hooksPath=/dev/null",
        "log.showSignature=false",
        "core.pager=cat",
        "core.untrackedCache=false",
    )
    options = [word for setting in quiet for word in ("-c", setting)]
    environment = {
        "PATH": os.environ.get("PATH", ""), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none",
        "GIT_CEILING_DIRECTORIES": str(path.resolve().parent),
    }  # fmt: skip
    # the folder may belong to somebody else: what git fears of that is switched off above
    environment |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    try:
        done = subprocess.run(
            ["git", *options, "-C", str(path), *words],
            capture_output=True,
            env=environment,
            timeout=60,
            input=given.encode(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _code_of(text: str) -> str:
    try:
        cells = json.loads(text)["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "\n".join("\n".join(line for line in cell.split("\n") if not line.startswith(("%", "!"))) for cell in code)


# ---- one function for each thing that is looked at


def _readme(it: Repository) -> list[Finding]:
    names = it.named(r"readme(\.md|\.rst|\.txt)?")
    if not names:
        return [miss("README", "there is none: write README.md (project/template has one)")]
    text, found = it.text(names[0]), []
    if len(text.split()) < WORDS:
        found.append(f"has {len(text.split())} words: say what, why, how to run it and what came out")
    for word, wanted in (
        (r"python +run\.py|make +\w+", "the command that runs it, such as `python run.py`"),
        (r"(?m)^#+ .*\bresult", "a heading for the results"),
        (r"(?m)^#+ .*\bdata", "a heading for the data"),
    ):
        if not re.search(word, text, re.IGNORECASE):
            found.append(f"lacks {wanted}")
    if left := PLACEHOLDER.search(text):
        found.append(f"still holds {left[0]!r} of the template")
    return [miss("README", f"{names[0]} {said}") for said in found] or [ok("README", f"{len(text.split())} words")]


def _environment(it: Repository) -> list[Finding]:
    names = it.named(r"requirements\.txt", r"pyproject\.toml", r"environment\.ya?ml", r"uv\.lock", r"poetry\.lock")
    if not names:
        return [miss("Environment", "no requirements.txt, pyproject.toml or environment.yml: name what it needs")]
    wanted = _requirements(it, names)
    loose = sorted(name for name, version in wanted.items() if not version)
    if not wanted:
        return [miss("Environment", f"{names[0]} names no package")]
    if loose and not it.named(r".*\.lock"):
        few = ", ".join(loose[:4]) + (" and more" if len(loose) > 4 else "")
        return [
            miss(
                "Environment", f"{names[0]}: no version for {few}: write such as torch==2.14.1, or next year it breaks"
            )
        ]
    return [ok("Environment", f"{names[0]}: {len(wanted)} packages, all with versions")]


def _requirements(it: Repository, names: list[str]) -> dict[str, str]:
    lines: list[str] = []
    for name in names:
        text = it.text(name)
        if name.endswith(".txt"):
            lines += [line.split("#")[0] for line in text.splitlines() if not line.lstrip().startswith("-")]
        elif name.endswith(".toml"):
            try:
                lines += tomllib.loads(text).get("project", {}).get("dependencies", [])
            except (tomllib.TOMLDecodeError, AttributeError):
                continue
        elif name.endswith((".yml", ".yaml")):
            lines += re.findall(r"(?m)^\s*-\s*([\w.\[\]-]+\s*[=<>~!]*[^#\s]*)", text.partition("dependencies")[2])
    found = [
        re.match(r"\s*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(.*)", line) for line in lines if isinstance(line, str)
    ]
    return {
        one[1].lower(): one[2].strip().rstrip(":")
        for one in found
        if one and one[1].lower() not in ("pip", "defaults", "conda-forge")
    }


def _entry_point(it: Repository) -> list[Finding]:
    if COMMAND[0] not in it.files:
        return [miss("Entry point", "no run.py at the top: one command should make every number of the README")]
    text, found = it.text(COMMAND[0]), []
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        return [miss("Entry point", f"run.py is not valid Python (line {getattr(error, 'lineno', '?')})")]
    if COMMAND[1] not in text:
        found.append(
            miss("Entry point", "run.py knows no --quick: a version of 2 minutes on a CPU, for whoever checks it")
        )
    return found or [ok("Entry point", "python run.py, python run.py --quick")]


def _code(it: Repository) -> list[Finding]:
    found, code = [], it.code()
    for name, text in code.items():
        if name.endswith(".py"):
            try:
                ast.parse(text)
            except (SyntaxError, ValueError, RecursionError) as error:
                found.append(miss("Code", f"{name} is not valid Python (line {getattr(error, 'lineno', '?')})"))
        if own := OWN_PLACES.search(text):
            found.append(
                miss(
                    "Code", f"{name} names a place of your own machine, {own[0][1:]!r}: write paths from the repository"
                )
            )
    if not code:
        return [miss("Code", "there is no Python file and no notebook")]
    return found or [ok("Code", f"{len(code)} files of Python")]


def _seeds(it: Repository) -> list[Finding]:
    seeded = [name for name, text in it.code().items() if SEEDS.search(text)]
    if not seeded:
        return [
            miss("Seeds", "nothing is seeded: call torch.manual_seed once at the start, and say which seeds you ran")
        ]
    return [ok("Seeds", f"set in {seeded[0]}" + (f" and {len(seeded) - 1} more" if len(seeded) > 1 else ""))]


def _data(it: Repository) -> list[Finding]:
    texts = [it.text(name) for name in it.named(r"readme.*", r"data/readme.*", r"data\.md")]
    about = PLACEHOLDER.sub("", "\n".join(texts))
    if not re.search(r"licen[cs]e|public domain|CC[- ]?(?:BY|0)|permission", about, re.IGNORECASE):
        return [
            miss("Data", "README or data/README.md should name the licence of the data, and whether you may use it")
        ]
    if not re.search(r"https?://|doi\.org|10\.\d{4,}/", about):
        return [miss("Data", "README or data/README.md should say where the data come from: an address or a DOI")]
    return [ok("Data", "source and licence are named")]


def _licence(it: Repository) -> list[Finding]:
    if not it.named(r"licen[cs]e(\.md|\.txt)?", r"copying"):
        return [note("Licence", "no LICENSE: without one nobody else may use your code")]
    return [ok("Licence", "the code has one")]


def _results(it: Repository) -> list[Finding]:
    if RESULTS not in it.files:
        return [miss("Results", f"no {RESULTS}: run.py should write the numbers that the README states there")]
    numbers = _numbers(it.text(RESULTS))
    if numbers is None:
        return [miss("Results", f"{RESULTS} is not valid JSON")]
    if not numbers:
        return [miss("Results", f"{RESULTS} holds no number")]
    readme = "\n".join(it.text(name) for name in it.named(r"readme.*"))
    stated = {float(word) for word in re.findall(r"(?<![\w.])\d+\.\d+", readme)}
    if not any(_states(stated, value) for value in numbers.values()):
        return [miss("Results", f"the README states none of the {len(numbers)} numbers of {RESULTS}")]
    return [ok("Results", f"{len(numbers)} numbers in {RESULTS}, and the README states some of them")]


def _states(stated: set[float], value: float) -> bool:
    """Whether a number stands in the README, rounded, as a share or in percent."""
    near = (value, 100 * value)
    return any(math.isclose(s, v, rel_tol=0.006, abs_tol=0.0006) for s in stated for v in near)


def _numbers(text: str) -> dict[str, float] | None:
    """All numbers of a JSON text by their path; None where it is none."""
    found: dict[str, float] = {}

    def walk(value, path):
        if isinstance(value, dict):
            for key, one in value.items():
                walk(one, f"{path}.{key}".lstrip("."))
        elif isinstance(value, list):
            for i, one in enumerate(value):
                walk(one, f"{path}[{i}]")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found[path] = float(value)

    try:
        walk(json.loads(text), "")
    except (ValueError, RecursionError):
        return None
    return found


def _tests(it: Repository) -> list[Finding]:
    names = it.named(r"(.*/)?test_\w+\.py", r"(.*/)?\w+_test\.py")
    count = 0
    for name in names:
        try:
            tree = ast.parse(it.text(name))
        except (SyntaxError, ValueError, RecursionError):
            continue
        count += sum(
            isinstance(n, ast.FunctionDef) and n.name.startswith("test") and _asserts(n) for n in ast.walk(tree)
        )
    if not count:
        return [
            miss(
                "Tests",
                "no test that asserts something: begin with shapes, one batch that is learned by heart, the split",
            )
        ]
    return [ok("Tests", f"{count} that assert something")]


def _asserts(function) -> bool:
    return any(
        isinstance(n, ast.Assert) or (isinstance(n, ast.Attribute) and n.attr == "raises") for n in ast.walk(function)
    )


def _notebooks(it: Repository) -> list[Finding]:
    found, names = [], it.named(r".*\.ipynb")
    for name in names:
        if it.files[name] > READ:
            found.append(
                miss(
                    "Notebooks",
                    f"{name} has {it.files[name] / 1e6:.0f} MB of outputs: clear them, run it, show fewer pictures",
                )
            )
            continue
        try:
            cells = [
                c
                for c in json.loads(it.text(name))["cells"]
                if c.get("cell_type") == "code" and "".join(c["source"]).strip()
            ]
            counts = [cell.get("execution_count") for cell in cells]
            kinds = [out.get("output_type") for cell in cells for out in cell.get("outputs", [])]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found.append(miss("Notebooks", f"{name} cannot be read as a notebook"))
            continue
        if "error" in kinds:
            found.append(miss("Notebooks", f"{name} shows an error: mend it, restart, run all"))
        elif None in counts:
            found.append(
                miss("Notebooks", f"{name}: some cells were not run: readers see outputs before they install anything")
            )
        elif counts != list(range(1, len(counts) + 1)):
            found.append(miss("Notebooks", f"{name} was run in another order than it is read: restart, run all, save"))
    return found or [ok("Notebooks", f"{len(names)}, each run from top to bottom" if names else "none")]


def _size(it: Repository) -> list[Finding]:
    found = [
        miss("Size", f"{name} has {size / 1e6:.0f} MB: leave it out, and say in the README where to get it")
        for name, size in it.files.items()
        if size > BIG
    ]
    total = sum(it.files.values())
    if total > ALL:
        found.append(miss("Size", f"all files together have {total / 1e6:.0f} MB, {ALL / 1e6:.0f} are allowed"))
    if it.git and not found:
        for size, name in _history(it.path):
            if size > BIG and name not in it.files:
                found.append(
                    note(
                        "Size", f"{name}, {size / 1e6:.0f} MB, is gone but still in the history: everybody downloads it"
                    )
                )
                break
    return found or [ok("Size", f"{total / 1e6:.1f} MB, no file above {BIG / 1e6:.0f} MB")]


def _history(path: Path) -> list[tuple[int, str]]:
    """Largest first: bytes and name of every file that any commit has held."""
    listed = _git(path, "rev-list", "--objects", "--all", "--max-count=5000") or ""
    names = dict(line.split(" ", 1) for line in listed.splitlines() if " " in line)
    asked = (
        _git(path, "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", given="\n".join(names)) or ""
    )
    parts = (line.split(" ") for line in asked.splitlines())
    return sorted(
        ((int(p[2]), names[p[0]]) for p in parts if len(p) == 3 and p[1] == "blob" and p[0] in names), reverse=True
    )


def _secrets(it: Repository) -> list[Finding]:
    found = [
        miss("Secrets", f"{name} is a file that others must not see: take it out, and make its keys invalid")
        for name in it.files
        if Path(name).name in SECRET_FILES
    ]
    for name in it.files:
        if Path(name).suffix.lower() in TEXTS:
            text = it.text(name)
            for what, pattern in SECRETS.items():
                if pattern.search(text):
                    found.append(
                        miss(
                            "Secrets", f"{name} seems to hold {what}: take it out and make it invalid; git remembers it"
                        )
                    )
                    break
    return found or [ok("Secrets", "no keys or passwords were seen")]


def _commits(it: Repository) -> list[Finding]:
    if not it.git:
        return [miss("History", "this is no git repository: git init, and commit as you go")]
    authors = [line for line in (_git(it.path, "log", "--format=%ae", "--max-count=5000") or "").splitlines() if line]
    if len(authors) < 5:
        return [miss("History", f"{len(authors)} commits: the history shows how the work grew; commit after each step")]
    return [
        ok(
            "History",
            f"{len(authors)} commits by {len(set(authors))} {'person' if len(set(authors)) == 1 else 'people'}",
        )
    ]


LOOKS: tuple[Callable, ...] = (
    _readme, _environment, _entry_point, _code, _seeds, _data, _licence, _results, _tests, _notebooks, _size, _secrets,
    _commits,
)  # fmt: skip


# ---- running it


def _runs(it: Repository, trust: bool) -> list[Finding]:
    """Run the short version twice; whether it ends well, and gives the same numbers both times."""
    kind = sandbox.NONE if trust else sandbox.require_sandbox("bubblewrap")
    if COMMAND[0] not in it.files:
        return [skip("Run", "there is no run.py")]
    seen = []
    for _ in range(2):
        code, said, numbers = _run_once(it, kind)
        if code is None:
            return [miss("Run", f"python {' '.join(COMMAND)} was stopped: {said}")]
        if code:
            return [miss("Run", f"python {' '.join(COMMAND)} ended with status {code}: {said}")]
        if not numbers:
            return [miss("Run", f"python {' '.join(COMMAND)} ended well, but wrote no numbers to {RESULTS}")]
        seen.append(numbers)
    first, second = seen
    apart = [k for k in first if k not in second or not math.isclose(first[k], second[k], rel_tol=1e-3, abs_tol=1e-6)]
    apart = [k for k in apart if not re.search(r"second|time|minute|duration", k, re.IGNORECASE)]
    if apart or set(first) != set(second):
        k = (apart or sorted(set(first) ^ set(second)))[0]
        told = f"{k} was {first.get(k, float('nan')):.6g}, then {second.get(k, float('nan')):.6g}"
        return [miss("Run", f"two runs give different numbers ({told}): seed everything, or say by how much they vary")]
    return [ok("Run", f"python {' '.join(COMMAND)} runs, and twice gives the same {len(first)} numbers")]


def _run_once(it: Repository, kind: str) -> tuple[int | None, str, dict | None]:
    """Exit status (None: it was stopped), the last line that it said or why, the numbers that it wrote."""
    with tempfile.TemporaryDirectory(prefix="dlcourse-project-") as temporary:
        copy = Path(temporary, "given")
        for name in it.files:
            if name == RESULTS:
                continue  # only what this run writes counts
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(it.path / name, target)
        mark = "dlcourse-results-follow"
        begin = f"MPLBACKEND=Agg {sys.executable} {' '.join(COMMAND)} >out 2>err </dev/null; s=$?; tail -c 2000 err"
        script = f'cp -r "$0" ./project && cd project && {begin}; echo; echo {mark}; '
        script += f"head -c 200000 {RESULTS} 2>/dev/null; exit $s"
        place, command, rules = str(copy), [], []
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        if kind != sandbox.NONE:
            rules = sandbox.seccomp_pipe()
            command = sandbox.bwrap_command(LIMITS, copy, rules)
            place = "/assets"
        running = _Running([*command, "/bin/sh", "-c", script, place], rules, cwd=temporary, env=environment)
        code, printed = running.to_its_end()
        if running.why:
            stopped = {
                "memory": f"it took more than {LIMITS.memory_mb} MB of memory",
                "too many processes": f"it started more than {LIMITS.processes} processes",
            }
            return None, stopped.get(running.why, running.why), None
        said, _, results = printed.decode("utf-8", "replace").partition(mark)
        lines = [line for line in said.splitlines() if line.strip()] or ["it said nothing"]
        return code, lines[-1][:200], _numbers(results)


class _Running:
    """A program whose memory and processes are watched, and its time; `why` tells what it was stopped for."""

    root = None  # what sandbox.Watch asks for, as of a box
    inside = sandbox.Box.inside

    def __init__(self, command: list[str], rules: list[int], **settings):
        self.limits, self.why = LIMITS, None
        try:
            self.process = subprocess.Popen(
                command, pass_fds=rules, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True, **settings,
            )  # fmt: skip
        finally:
            for reader in rules:
                os.close(reader)

    def stop(self, why: str) -> None:
        self.why = self.why or why
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def to_its_end(self) -> tuple[int, bytes]:
        """Exit status, and what it printed."""
        watch, clock = sandbox.Watch(), threading.Timer(RUN_SECONDS, self.stop, [f"it took more than {RUN_SECONDS} s"])
        watch.add(self)
        clock.start()
        try:
            printed = self.process.stdout.read(READ)
            if len(printed) == READ:
                self.stop("it printed without end")
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            clock.cancel()
            watch.close()
            with suppress(ProcessLookupError):  # what it left behind, while its number is still taken
                os.killpg(self.process.pid, signal.SIGKILL)
            code = self.process.wait()
            self.process.stdout.close()
        return code, printed
