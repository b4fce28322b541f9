"""The program that runs the test cells, in a sandbox of its own, where no line of a student's is ever executed.

A fork server imports what the assignment needs once; for each submission it forks a judge. The judge runs the
instructor's own cells and the tests, in notebook order. A name that the student defined is a proxy (wire.py): what is
done with it happens in the student's box, and only values come back. The driver tells it what to run next and passes
its questions on; it knows nothing of files, scores or the gradebook.
"""

import ast
import builtins
import json
import math
import os
import socket
import sys
import time

from dlcourse.staff import wire
from dlcourse.staff.box import (
    import_ahead,
    imported_since_start,
    keep_to_itself,
    limit_resources,
    run_test,
    seed_everything,
    serve_forks,
    to_driver,
)

BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
SHOWN = 1200  # characters of a message


class Sink:
    """Where the tests' own printing goes."""

    encoding, closed = "utf-8", False
    write = staticmethod(lambda text: len(text))
    flush = staticmethod(lambda: None)
    isatty = staticmethod(lambda: False)


class Magics:
    """Stands for IPython where an instructor's cell uses a magic: plots and shell commands have no place here."""

    def run_line_magic(self, name, line, **kwargs):
        return None

    def run_cell_magic(self, name, line, cell):
        return None

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Judge:
    def __init__(self, driver: socket.socket):
        self.driver = driver
        self.items: dict[str, dict] = {}
        self.classes: set[str] = set()
        self.space = {"__name__": "__main__", "__builtins__": builtins}
        self.peers: dict[int, wire.Peer] = {}
        self.heard: set[int] = set()  # sessions in which hidden tests ran: the student's code may remember their inputs

    def loop(self) -> None:
        while True:
            _, _, head, _ = wire.recv_frame(self.driver)
            message = json.loads(bytes(head))
            if "items" in message:
                self.items, self.classes = message["items"], set(message["classes"])
                continue
            if "imported" in message:
                result = {"imported": imported_since_start()}
            else:
                result = self.run(message["run"], message["session"], bool(message.get("keep")))
            wire.send_frame(self.driver, wire.TO_DRIVER, 0, json.dumps(result).encode("utf-8", "backslashreplace"))

    def peer(self, session: int) -> wire.Peer:
        if session not in self.peers:

            def exchange(head, blob):
                wire.send_frame(self.driver, wire.TO_BOX, session, head, blob)
                kind, _, head, blob = wire.recv_frame(self.driver)
                if kind == wire.DEAD:
                    raise wire.BoxDied(bytes(head).decode())
                return head, blob

            self.peers[session] = wire.Peer(exchange, is_judge=True)
        return self.peers[session]

    def run(self, name: str, session: int, keep: bool = False) -> dict:
        """Run one item: an instructor's cell or a test. The verdict on a test, or what went wrong.

        keep  what the student's code changes in values of the test is not taken over
        """
        item = self.items[name]
        if peer := self.peers.get(session):
            peer.changed_arguments, peer.keep_arguments = False, keep
        seed_everything(item["seed"])
        began = time.process_time()
        measured_here()
        try:
            if item.get("weak"):
                peer = self.peer(session)
                peer.request("begin", item["seed"], [])
                value = peer.request("weak", item["source"], item.get("stubs") or [])
            else:
                if item["names"]:
                    peer = self.peer(session)
                    peer.keep_arguments = keep
                    peer.classes = self.classes & set(item["names"])  # classes that this test itself works with
                    peer.request("begin", item["seed"], sorted(self.classes))
                    for wanted in item["names"]:
                        try:
                            self.space[wanted] = peer.request("name", name, wanted)
                        except NameError:
                            self.space.pop(wanted, None)
                value = run_test(item["source"], name, self.space)
            verdict = self.judge_value(item, value)
        except wire.BoxDied as err:
            self.peers.pop(session, None)
            verdict = {"outcome": "died", "message": str(err)}
        except BaseException as err:
            verdict = self.explain(item, name, err, session)
        if BEGIN in item["source"]:
            self.heard.add(session)
        if session in self.peers and self.peers[session].changed_arguments:
            verdict["changes"] = True
        found = measured_here()
        if found and not item.get("weak"):
            verdict["measured"] = found
        verdict["seconds"] = round(time.process_time() - began, 3)
        return verdict

    @staticmethod
    def judge_value(item: dict, value) -> dict:
        """nbgrader's partial credit: a test cell may end in the points it gives."""
        if value is None or item["points"] is None:
            return {"outcome": "passed"}
        if type(value) in (int, float) and math.isfinite(value) and 0 <= value <= item["points"]:
            return {"outcome": "partial", "points": float(value)}
        said = f"{value!r:.60}" if type(value) in (int, float, bool, str) else f"a {type(value).__name__}"
        text = f"this test ends in {said}; a number from 0 to {item['points']:g} was awaited"
        return {"outcome": "author", "message": text}

    def explain(self, item: dict, name: str, err: BaseException, session: int) -> dict:
        """What to tell the student: the author's own words, or what their code did; of a hidden test nothing else."""
        lines = item["source"].split("\n")
        line, deepest = None, None
        trace = err.__traceback__
        while trace is not None:
            deepest = trace.tb_frame.f_code.co_filename
            if deepest == f"<{name}>":
                line = trace.tb_lineno
            trace = trace.tb_next
        if isinstance(err, SyntaxError):
            line = err.lineno
        hidden = line is None or is_hidden(lines, line)
        statement = statement_at(item["source"], line)
        text, theirs = wire._text(err).strip()[:SHOWN], getattr(err, "from_other_side", None)
        authored = isinstance(err, AssertionError) and (
            getattr(err, "for_student", False)
            or (deepest == f"<{name}>" and isinstance(statement, ast.Assert) and statement.msg)
        )
        if authored:
            return {"outcome": "failed", "message": text}
        if item.get("weak") and theirs == "AssertionError":
            return {
                "outcome": "failed",
                "message": text.removeprefix("AssertionError:").strip() or "An assertion fails.",
            }
        if theirs == "NotImplementedError":
            return {
                "outcome": "unanswered",
                "message": "Not attempted yet: your code still raises NotImplementedError.",
            }
        if theirs is None and isinstance(err, NotImplementedError):  # a check that found a blank
            return {"outcome": "unanswered", "message": "Not attempted yet: no answer was given."}
        if theirs is not None:
            quiet = hidden or session in self.heard or any(BEGIN in text for text in lines[:line])
            said = f": {text}" if text and not quiet else ""
            if quiet and not isinstance(getattr(builtins, theirs, None), type):
                theirs = "an error of its own"  # a name could carry the test's input out
            where = " on an input of a hidden test" if hidden else ""
            return {"outcome": "failed", "message": f"Your code raised {theirs}{where}{said}"}
        if isinstance(err, NameError) and getattr(err, "name", None) in item["names"]:
            told = f"`{err.name}` is not defined: the cell that should define it is missing or stopped with an error."
            return {"outcome": "undefined", "message": told}
        if isinstance(err, NameError) and item.get("needs"):
            return {"outcome": "failed", "message": f"NameError: {text}", "undefined": True}
        shaped = theirs is None and isinstance(err, (wire.WireError, TypeError, AttributeError))
        if shaped and hidden:
            return {"outcome": "failed", "message": "A hidden test does not pass.", "shaped": True}
        if isinstance(err, wire.WireError):
            return {
                "outcome": "failed",
                "message": f"This test cannot work with what your code returned: {text}",
                "shaped": True,
            }
        if hidden:
            return {"outcome": "failed", "message": "A hidden test does not pass."}
        if isinstance(err, AssertionError) and not text and statement is not None:
            held = ast.get_source_segment(item["source"], statement.test) if isinstance(statement, ast.Assert) else None
            return {
                "outcome": "failed",
                "message": f"This does not hold: {held[:300]}" if held else "An assertion fails.",
            }
        kind = "" if isinstance(err, AssertionError) else f"{type(err).__name__}: "
        return {"outcome": "failed", "message": f"{kind}{text}", "shaped": shaped}


def measured_here() -> dict:
    """What the test that ran last noted with checks.measured, where it did."""
    checks = sys.modules.get("dlcourse.checks")
    return checks.take_measured() if checks is not None else {}


def is_hidden(lines: list[str], line: int) -> bool:
    inside = False
    for text in lines[:line]:
        if BEGIN in text:
            inside = True
        elif END in text:
            inside = False
    return inside


def statement_at(source: str, line: int | None):
    """The innermost statement of `source` that contains `line`."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    found = None
    for node in ast.walk(tree):
        if line and isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno:
            found = node
    return found


def main() -> None:
    """argv: number or path of the control socket, megabytes of memory, modules to import before the first fork."""
    control = to_driver(sys.argv[1])
    builtins.get_ipython = lambda: Magics()
    builtins.display = lambda *args, **kwargs: None
    assets = os.environ.get("DLCOURSE_ASSETS", "/assets")
    if os.path.isdir(assets):
        os.chdir(assets)
        sys.path.insert(0, assets)
    import_ahead(["IPython.core.inputtransformer2", *sys.argv[3:]])
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)

    def child(driver):
        limit_resources(int(sys.argv[2]))
        sys.stdout = sys.stderr = Sink()
        Judge(driver).loop()

    keep_to_itself()
    serve_forks(control, child)


if __name__ == "__main__":
    main()
