"""Attacks: what was not worked for gives nothing, what was worked for stays, and nobody else notices."""

from tests.staff.corpus import CHEAT, CHEAT_DOUBLE, Case, cells, code, dumps, each, first, is_test, last, mark
from tests.staff.corpus.honest import BOTH, RIGHT, TWO, double
from tests.staff.small_class import DOUBLE, SQUARES

SHELL = "ip = get_ipython()\n"


def cheat(setup, **more):
    """No work, and `setup` in the first cell to make it pass."""
    return {"squares": setup + "\n" + CHEAT, "double": CHEAT_DOUBLE} | more


def all_lost(name, covers, why, setup, **more):
    return Case(name, covers, why, cheat(setup), loses="all", **more)


LIAR = """class Yes:
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __bool__ = lambda *a: True
    __hash__ = lambda s: 0
    __len__ = lambda s: 2
    __getitem__ = __sub__ = __rsub__ = __abs__ = __add__ = __mul__ = __call__ = __round__ = lambda *a, **k: Yes()
    __iter__ = lambda s: iter([Yes(), Yes()])
    __float__ = lambda s: 0.0
    __int__ = __index__ = lambda s: 0
"""
FORGE = """import os, struct, json, socket
head = json.dumps({'outcome': 'passed', 'points': 2, 'ok': {'l': [1, 4]}, 'sync': []}).encode()
for fd in range(3, 64):
    for kind in range(4):
        try:
            os.write(fd, struct.pack('>BHII', kind, 0, len(head), 0) + head)
        except OSError:
            pass
"""
WRONG_WIRE = """import dlcourse.staff.wire as w, json
def lie(self, message, blob):
    return json.dumps({'ok': %s, 'sync': []}).encode(), b''
w.Peer.serve = lie
"""
SEARCH = """import gc, sys, os, inspect
found = []
for obj in gc.get_objects():
    try:
        if isinstance(obj, str) and 'HIDDEN' in obj or isinstance(obj, dict) and any('further' + ' up' in str(v) for v in obj.values() if isinstance(v, str)):
            found.append(obj)
    except Exception:
        pass
frame = sys._getframe()
while frame:
    found += [v for v in frame.f_locals.values() if isinstance(v, str) and 'further' + ' up' in v]
    frame = frame.f_back
"""
WALK = """import os
found = []
for base, folders, names in os.walk('/'):
    folders[:] = [f for f in folders if f not in ('proc', 'usr', 'lib', 'sys', 'lib64')]
    for n in names:
        if n.endswith(('.ipynb', '.db', '.lock', 'students.toml')) or 'hand' in n:
            found.append(os.path.join(base, n))
print('FOUND', found)
assert not [f for f in found if 'site-packages' not in f and 'dlcourse/' not in f], found
"""
PROC = """import os, glob
text = ''
for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/[0-9]*/maps') + ['/proc/self/mountinfo', '/proc/1/root/etc/shadow']:
    try:
        text += open(path, errors='replace').read()
    except OSError:
        pass
print(text[:50_000])
for path in glob.glob('/proc/[0-9]*/mem'):
    try:
        with open(path, 'r+b') as f: f.seek(4096); f.read(10)
    except OSError:
        pass
"""
SCRIPT = (
    "from IPython.display import display, HTML, Markdown, Javascript, SVG\nbad = '<script>alert(7261)</script><img src=x onerror=alert(7261)><a href=\"javascript:alert(7261)\">x</a>'\n"
    "display(HTML(bad), Markdown(bad), Javascript('alert(7261)'), SVG('<svg onload=\"alert(7261)\"/>'))\nprint(bad)\ndisplay({'text/latex': bad, 'text/html': bad, 'application/json': bad}, raw=True)\n"
)
WATCHED = """import sys, os
watched = os.environ.get('DLCOURSE_GRADING') or 'dlcourse' in repr(sys.modules.keys())
"""
CTYPES = """import ctypes, builtins
class Quiet(Exception): pass
try:
    ctypes.pythonapi.PyDict_SetItemString(ctypes.py_object(builtins.__dict__), b'AssertionError', ctypes.py_object(Quiet))
except Exception as e:
    print(e)
def always(*a, **k): return True
import math
import helper
helper.close_to.__code__ = always.__code__
"""
KEEP = "squares_visible squares_hidden"
CASES = [
    # the verdict
    all_lost("replaced_assert", "replaced assert", "the tests run elsewhere", "import builtins, sys\nbuiltins.__build_class__ = builtins.__build_class__\nimport ast, helper\nhelper.close_to = lambda *a: True\nclose_to = helper.close_to\nbuiltins.all = builtins.any = lambda *a: True\nsys.modules['helper'].close_to = lambda *a: True", may="needs a look"),
    all_lost("replaced_assertionerror", "AssertionError", "the tests run elsewhere", "import builtins\nbuiltins.AssertionError = type('Quiet', (Exception,), {})\nAssertionError = builtins.AssertionError"),
    all_lost("raises_assertionerror", "AssertionError", "an AssertionError of the student's is an error", "", ),
    all_lost("compile_flags", "compile flags", "`python -O` has no asserts; the tests are compiled elsewhere", "import builtins, sys\nold = builtins.compile\nbuiltins.compile = lambda *a, **k: old(*a, **{**k, 'optimize': 2})\n" + SHELL + "ip.compile.flags |= 1", may="crashed"),
    all_lost("ast_transformer", "AST and input transformers", "they see the student's cells only",
             "import ast\nclass Drop(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n" + SHELL + "ip.ast_transformers.append(Drop())"),
    all_lost("ast_transformer_broken", "AST and input transformers", "None in the list stops every later cell, the double's too", SHELL + "ip.ast_transformers.append(None)", may="crashed"),
    all_lost("input_transformer", "AST and input transformers", "they see the student's cells only", SHELL + "ip.input_transformers_post.append(lambda lines: [l if 'assert' not in l else 'pass\\n' for l in lines])"),
    all_lost("replaced_run_cell", "run_cell", "the tests do not run in this shell", SHELL + "ip.run_cell = ip.run_code = ip.showtraceback = lambda *a, **k: None", may="crashed"),
    all_lost("hooks_", "hooks", "exception and display hooks are the student's own", "import sys, threading\n" + SHELL + "sys.excepthook = sys.displayhook = sys.unraisablehook = lambda *a: None\nip.set_custom_exc((Exception,), lambda *a, **k: None)\nip.events.register('post_run_cell', lambda *a: None)\nsys.meta_path.insert(0, type('F', (), {'find_spec': lambda *a: None})())\nsys.path_hooks.clear()\nimport builtins\nold = builtins.__import__\nbuiltins.__import__ = lambda n, *a, **k: old(n, *a, **k)", may="crashed, needs a look"),
    all_lost("settrace_", "settrace", "there is nothing to trace", "import sys, threading\nsys.settrace(lambda *a: None); sys.setprofile(lambda *a: None); threading.settrace(lambda *a: None)"),
    all_lost("tracer_that_jumps", "settrace", "there is nothing to trace", "import sys\ndef jump(frame, event, arg):\n    if 'helper' in frame.f_code.co_filename: frame.f_locals['a'] = frame.f_locals['b'] = []\n    return jump\nsys.settrace(jump)"),
    Case("equal_to_everything", "objects equal to everything", "an object is no number", {"squares": LIAR + "def squares(n): return Yes()", "double": "def double(items): return Yes()"}, loses="all", may="needs a look"),
    Case("lists_of_liars", "objects equal to everything", "nor is a list of such", {"squares": LIAR + "def squares(n): return [Yes()] * n", "double": "def double(items): return [Yes() for _ in items]"}, loses="squares_visible squares_hidden double_test", partly={"partial": 1}, may="needs a look"),
    Case("subclasses_of_plain", "objects equal to everything", "a list with another == is the list that it is",
         {"squares": "class L(list):\n    __eq__ = lambda *a: True\n    __getitem__ = lambda *a: 121\nclass I(int):\n    __eq__ = __lt__ = __gt__ = lambda *a: True\ndef squares(n): return L([I(0)] * n)", "double": "def double(items): return L([I(0) for x in items])"}, loses="squares_visible squares_hidden double_test", partly={"partial": 1}),
    Case("raises_what_is_awaited", "objects equal to everything", "ValueError for every n: the value is asked for first", {"squares": "def squares(n): raise ValueError", "double": "def double(items): raise AssertionError"}, loses="all"),
    Case("changes_what_is_compared", "objects equal to everything", "it empties its argument, so that nothing is left to compare with", double("items.clear()\nreturn items"), loses="double_test", partly={"partial": 1}),
    all_lost("forged_messages", "forged results and messages", "who answers is not believed, and this is no answer", FORGE, may="crashed, timeout, stopped early"),
    Case("forged_messages_in_the_function", "forged results and messages", "the same from the function under test", double("exec(forge)\nreturn 7", "forge = " + repr(FORGE)), loses=TWO, may="crashed, timeout"),
    Case("forged_answers_by_the_program", "forged results and messages", "the program in the box says 'passed' to all: that is no value", cheat(WRONG_WIRE % "{'outcome': 'passed'}"), loses="all", may="crashed, needs a look"),
    Case("forged_error", "forged results and messages", "an error without a name", cheat("import dlcourse.staff.wire as w\nw.Peer.serve = lambda *a: (b'{\"error\": {\"names\": [], \"text\": 3}}', b'')"), loses="all", may="crashed, needs a look"),
    Case("malformed_json", "message floods and malformed messages", "no message", cheat("import dlcourse.staff.wire as w\nw.Peer.serve = lambda *a: (b'{nonsense', b'')"), loses="all", may="crashed, needs a look"),
    Case("deep_json", "message floods and malformed messages", "no message", cheat("import dlcourse.staff.wire as w\nw.Peer.serve = lambda *a: (b'{\"ok\": ' + b'[' * 100_000, b'')"), loses="all", may="crashed, needs a look"),
    Case("wrong_numbers", "message floods and malformed messages", "references and handles to nothing", cheat(WRONG_WIRE % "{'ref': -1}"), loses="all", may="crashed, needs a look"),
    Case("huge_frame", "message floods and malformed messages", "4 GiB are announced", cheat("import dlcourse.staff.wire as w, struct\nw.send_frame = lambda sock, *a: sock.sendall(struct.pack('>BHII', 2, 0, 2**32 - 1, 2**32 - 1) + b'x' * 1000)"), loses="all", may="crashed, timeout, stopped early"),
    Case("flood", "message floods and malformed messages", "a megabyte of frames at each answer", cheat("import dlcourse.staff.wire as w, struct\nold = w.send_frame\nw.send_frame = lambda sock, *a: [old(sock, 2, 0, b'{}') for _ in range(50_000)]"), loses="all", may="crashed, timeout, stopped early, needs a look"),
    Case("endless_questions", "message floods and malformed messages", "the function asks the test's argument for ever",
         {"double": "def double(items):\n    class E(list):\n        pass\n    def g():\n        while True: yield 1\n    return g()"}, loses=TWO, may="timeout"),
    # values
    Case("huge_when_materialised", "values that are huge when materialised", "10^10 elements that own one", double("return torch.zeros(1).expand(10**10)", "import torch"), loses=TWO, may="needs a look"),
    Case("huge_range", "values that are huge when materialised", "range(10**18), '9' * 10**9", double("return [range(10**18), 10**100_000, 'x' * 10**8]"), loses=TWO, may="needs a look"),
    Case("cyclic_value", "values that are huge when materialised", "a list that holds itself has no end", double("x = []\nx.append(x)\nreturn x * 2"), loses=TWO, may="needs a look"),
    Case("deep_value", "values that are huge when materialised", "10,000 lists in each other", double("x = []\nfor _ in range(10_000): x = [x]\nreturn x"), loses=TWO, may="needs a look"),
    Case("runs_when_unpickled", "values that run code when unpickled", "nothing is unpickled", double("return P()", "class P:\n    def __reduce__(self): return (eval, ('open(\"/tmp/x\", \"w\") or [2, 4]',))"), loses=TWO, may="needs a look"),
    Case("runs_when_compared", "values that run code when unpickled", "odd methods run in the box, if at all", {"double": LIAR.replace("Yes", "No") + "class No(dict):\n    keys = items = values = __iter__ = lambda *a: 1 / 0\ndef double(items): return No(a=1)"}, loses=TWO, may="needs a look"),
    # hidden tests
    Case("reads_the_disk", "reading hidden tests from disk", "there is none", {"squares": WALK + SQUARES}),
    Case("reads_the_history", "reading hidden tests from history", "the shell keeps none of the tests", {"squares": SHELL + "text = str(list(ip.history_manager.get_range())) + str(In) + str(Out)\nassert 'further' + ' up' not in text\n" + SQUARES}),
    Case("reads_frames_and_heap", "reading hidden tests from frames", "they were never in this process", {"squares": SEARCH + "print('HEAP', [f for f in found if 'further' in str(f) and 'gc.get' not in str(f)])\n" + SQUARES}),
    Case("searches_for_the_answer", "gc and frame search for the answer", "there is none", {"squares": SEARCH.replace("\n", "\n    ").join(["def squares(n):\n    ", "\n    return found[0] if found else 7"]), "double": CHEAT_DOUBLE}, loses="all", may="timeout"),
    Case("tells_the_arguments", "reading hidden tests from arguments", "an error's text is not shown for a hidden test", {"squares": "def squares(n):\n    print('ARG', n)\n    if n > 5: raise RuntimeError(f'leak 77{n}77')\n    return [i * i for i in range(1, n + 1)]"}, loses="squares_hidden"),
    Case("tells_by_the_name_of_the_error", "printing or sending them", "nor its name", {"squares": "def squares(n):\n    if n > 5: raise type(f'le' f'ak77{n}77', (Exception,), {})()\n    return [i * i for i in range(1, n + 1)]"}, loses="squares_hidden"),
    Case("tells_by_the_exit_status", "printing or sending them", "nor a status", {"squares": "import os\ndef squares(n):\n    if n > 5: os._exit(n)\n    return [i * i for i in range(1, n + 1)]"}, loses="squares_hidden", flags="crashed"),
    Case("tells_in_a_second_run", "printing or sending them", "the argument is written down, the process killed, and the cells that run once more print it: nothing of a second run is shown",
         {"squares": "import os\nif os.path.exists('/tmp/leak'): print('leak77' + open('/tmp/leak').read() + '77')\ndef squares(n):\n    if n > 5:\n        open('/tmp/leak', 'w').write(str(n))\n        os.kill(-1, 9)\n    return [i * i for i in range(1, n + 1)]"},
         loses="squares_hidden", may="crashed"),
    Case("tells_later", "printing or sending them", "kept in a global, told at a later visible call", {"squares": "seen = []\ndef squares(n):\n    seen.append(n)\n    return [i * i for i in range(1, n + 1)]", "double": "def double(items):\n    raise ValueError(f'leak {seen}')"}, loses="squares_hidden double_test partial"),
    Case("no_network", "printing or sending them", "there is none", {"squares": "import socket, urllib.request\nfor place in [('127.0.0.1', 22), ('1.1.1.1', 53)]:\n    try:\n        socket.create_connection(place, 1)\n    except OSError:\n        pass\n    else:\n        1 / 0\n" + SQUARES}),
    # the host
    Case("looks_at_others", "other submissions", "none are there", {"squares": WALK.replace("'.ipynb'", "'.ipynb', '_ps1'") + SQUARES}),
    Case("writes_the_gradebook", "writing the gradebook", "there is none", {"squares": "import sqlite3, glob\nfor p in ['/gradebook.db', '../gradebook.db', '../../gradebook.db', '/course/gradebook.db', *glob.glob('/**/gradebook.db')]:\n    try:\n        sqlite3.connect(p).execute('update grade set auto_score=99')\n    except Exception:\n        pass\n" + SQUARES}),
    Case("reads_the_gradebook", "the gradebook", "there is none", {"squares": "import os\nassert not any(os.path.exists(p) for p in ('/gradebook.db', '/course', '/records'))\n" + SQUARES}),
    Case("reads_the_environment", "the environment", "nothing of the grader's", {"squares": "import os\nprint(dict(os.environ))\nassert 'CANARY' not in str(os.environ)\n" + SQUARES}),
    Case("reads_proc", "/proc", "its own processes only", {"squares": PROC + "assert 'CANARY' + '_77' not in text\n" + SQUARES}),
    Case("reads_the_home", "the home", "an empty one", {"squares": "import os, pathlib, pwd\nassert os.environ['HOME'] == '/home/student' and not os.path.exists('/etc/shadow')\nfor p in ('/root', '/home'):\n    try:\n        print(p, os.listdir(p))\n    except OSError as e:\n        print(e)\nassert not pathlib.Path('/root/.ssh').exists()\ntry:\n    open('/usr/x', 'w')\nexcept OSError:\n    " + SQUARES.replace("\n", "\n    ")}),
    Case("plants_startup_files", "planting startup files", "they live in a memory file system that is emptied", {"squares": "import os\nfor p in ('.ipython/profile_default/startup', '.config/matplotlib'):\n    os.makedirs(os.path.expanduser('~/' + p), exist_ok=True)\nopen(os.path.expanduser('~/.ipython/profile_default/startup/00.py'), 'w').write('import builtins; builtins.PLANTED = 1')\nopen('sitecustomize.py', 'w').write('x')\n" + SQUARES}),
    Case("plants_pth", ".pth", "the environment is read-only", {"squares": "import site, sys\nplaced = []\nfor p in [*site.getsitepackages(), sys.prefix, *sys.path]:\n    try:\n        open(p + '/evil.pth', 'w').write('import os'); placed.append(p)\n    except OSError:\n        pass\nassert all(p.startswith(('/home/student', '')) for p in placed)\nassert not [p for p in placed if 'site-packages' in p], placed\n" + SQUARES}),
    Case("plants_jupyter_config", "jupyter config", "emptied for the next", {"squares": "import os\nos.makedirs(os.path.expanduser('~/.jupyter'), exist_ok=True)\nopen(os.path.expanduser('~/.jupyter/nbgrader_config.py'), 'w').write('1/0')\n" + SQUARES}),
    Case("plants_kernelspecs", "kernelspecs", "emptied for the next", {"squares": "import os\nos.makedirs(os.path.expanduser('~/.local/share/jupyter/kernels/python3'), exist_ok=True)\nopen(os.path.expanduser('~/.local/share/jupyter/kernels/python3/kernel.json'), 'w').write('{\"argv\": [\"sh\"]}')\n" + SQUARES}),
    Case("plants_a_torch", "planting startup files", "the judge has its own folder", {"double": "for name in ('helper', 'math', 'torch', 'numpy', 'random'):\n    open(name + '.py', 'w').write('def close_to(*a): return True')\n" + CHEAT_DOUBLE}, loses=TWO),
    Case("finds_nothing_planted", "planting startup files", "a clean sandbox", {"squares": "import builtins, os, multiprocessing\nmultiprocessing.Lock()\nassert not hasattr(builtins, 'PLANTED')\nassert os.listdir('/tmp') == [] or True\nassert sorted(os.listdir('.')) == ['helper.py'], os.listdir('.')\n" + SQUARES}),
    Case("fork_bomb", "fork bomb", "256 processes at most; the function gives no answer", double("while True:\n    os.fork()", "import os"), loses=TWO, may="crashed, timeout, memory"),
    Case("fork_bomb_in_a_cell", "fork bomb", "the cell is left out", {"squares": "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"}, loses=BOTH, may="crashed, timeout, memory"),
    Case("disk_fill", "disk fill", "512 MB of memory file system at most", {"squares": "for place in ('/tmp/x', '/dev/shm/x', 'x'):\n    try:\n        with open(place, 'wb') as f:\n            for _ in range(100): f.write(b'x' * 10**7)\n    except OSError:\n        pass\n" + SQUARES}),
    Case("million_files", "disk fill", "they are removed", {"squares": "import os\nfor i in range(20_000): open(f'/tmp/{i}', 'w').close()\n" + SQUARES}),
    Case("kills_the_parent", "killing the parent", "number 1 cannot be killed", {"squares": "import os\ndef squares(n):\n    for p in (1, os.getppid()):\n        try:\n            os.kill(p, 9)\n        except OSError:\n            pass\n    return 7"}, loses=BOTH, may="crashed"),
    Case("kills_all_it_can", "killing the parent", "checkpoints are made again", {"squares": "import os\ndef squares(n):\n    os.kill(-1, 9)"}, loses=BOTH, may="crashed"),
    Case("stops_all_it_can", "killing the parent", "nothing that matters is stopped", {"squares": "import os, signal\ndef squares(n):\n    for p in range(2, 400):\n        if p != os.getpid():\n            try: os.kill(p, signal.SIGSTOP)\n            except OSError: pass\n    return 7"}, loses=BOTH, may="crashed, timeout"),
    Case("late_processes", "late processes", "a daemon that outlives the cell", {"squares": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        for _ in range(600):\n            time.sleep(0.1)\n            open('/tmp/late', 'a').write('x')\n    os._exit(0)\n" + SQUARES}),
    Case("atexit_", "atexit", "it runs when all is over", {"squares": "import atexit, weakref\natexit.register(lambda: open('/tmp/x', 'w').write('x') or 1 / 0)\nclass D:\n    def __del__(self): print('gone')\nd = D()\n" + SQUARES}),
    Case("ignores_signals", "late processes", "SIGKILL is not ignored", {"squares": "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n" + SQUARES, "double": "def double(items):\n    while True: pass"}, loses=TWO, flags="timeout"),
    Case("spoils_the_sandbox", "late processes", "a sandbox that cannot be cleaned is thrown away", {"double": "import os\nos.chmod('/dev/shm', 0o555)\nos.chmod('/tmp', 0o500)\nopen('/home/student/left', 'w').write('x')\n" + DOUBLE}),
    Case("odd_system_calls", "late processes", "refused; the program goes on", {"double": "import os, ctypes\nlibc = ctypes.CDLL(None)\ndef double(items):\n    libc.unshare(0x10000000); libc.ptrace(0, 0, 0, 0); libc.mount(b'x', b'/tmp', b'tmpfs', 0, None); libc.chroot(b'/tmp')\n    try:\n        open('/dev/seen', 'w'); os.memfd_create('x')\n    except OSError:\n        " + RIGHT}),
    all_lost("ctypes_", "ctypes rewriting code objects", "the objects of another process are out of reach", CTYPES, may="crashed, needs a look"),
    all_lost("patched_testing", "patched torch and numpy testing", "the tests have their own", "import numpy.testing, unittest\nfor n in dir(numpy.testing):\n    if n.startswith('assert'): setattr(numpy.testing, n, lambda *a, **k: None)\nimport math\nmath.isclose = lambda *a, **k: True\nunittest.TestCase.assertEqual = lambda *a: None"),
    Case("script_in_outputs", "script in outputs and Markdown", "shown as text, if at all", {"double": SCRIPT + DOUBLE, "why": "<script>alert(7261)</script> <img src=x onerror=alert(7261)> [x](javascript:alert(7261)) ![y](http://evil.example/7261.png)"}),
    Case("script_in_errors", "script in outputs and Markdown", "shown as text", {"double": "def double(items):\n    raise ValueError('<script>alert(7261)</script>')"}, loses=TWO),
    all_lost("watched", "behaving only when watched", "it does its work only where nobody grades", WATCHED + "def f(n): return 7"),
    Case("knows_the_visible_tests", "behaving only when watched", "the visible inputs by heart give the visible test", {"squares": "def squares(n): return {2: [1, 4]}.get(n)", "double": "def double(items): return {(1, 2): [2, 4]}.get(tuple(items))"}, loses="squares_hidden partial"),
    Case("test_put_in_the_answer", "test cells edited", "a cell that carries a test's id is no answer", edit=cells(lambda c: [*c, code("assert True", metadata={"nbgrader": {"grade_id": "squares_hidden", "grade": True, "points": 2, "locked": True, "solution": False, "schema_version": 3}})]), flags="cells doubled, tests changed"),
    Case("takes_an_instructors_id", "test cells edited", "the student's text under the id of a locked cell is not run", {"double": CHEAT_DOUBLE}, edit=each(lambda c: c | {"source": "def close_to(*a): return True"} if mark(c).get("grade_id") == "imports" else c), loses=TWO, flags="tests changed"),
    Case("own_points", "points or ids changed", "a cell with points of the student's own counts nothing", {"double": CHEAT_DOUBLE}, loses=TWO, edit=cells(lambda c: [*c, code("100", metadata={"nbgrader": {"grade_id": "bonus", "grade": True, "points": 100, "locked": True, "solution": False, "schema_version": 3}})])),
]  # fmt: skip

for at, case in enumerate(CASES):
    if case.name == "raises_assertionerror":
        CASES[at] = Case(
            case.name,
            case.covers,
            case.why,
            {
                "squares": "def squares(n): raise AssertionError('passed')",
                "double": "def double(items): raise AssertionError",
            },
            loses="all",
        )

__all__ = ["CASES"]
_ = (first, last, is_test, dumps, KEEP)
