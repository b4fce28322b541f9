"""Honest work: it keeps its points whatever style it is written in, and loses only what is wrong."""

from tests.staff.corpus import Case, cells, code, first, last
from tests.staff.small_class import DOUBLE, SQUARES

BOTH = "squares_visible squares_hidden"
TWO = "double_test partial"
RIGHT = "return [2 * x for x in items]"


def double(body, before=""):
    return {"double": before + "\ndef double(items):\n    " + body.replace("\n", "\n    ")}


CASES = [
    # perfect, partial, blank
    Case("right", "perfect", "all of it is right"),
    Case("blank", "blank", "the notebook as it was given out", {"squares": None, "double": None, "why": None}, loses="all",
         state="graded", message="Not attempted yet"),
    Case("only_text", "blank", "the written answer alone is there", {"squares": None, "double": None}, loses="all"),
    Case("half", "partial", "one of two functions", {"double": None}, loses=TWO),
    Case("partly", "partial", "one of two inputs of the partial test", double("return [x * 2 if x > 0.7 else 0 for x in items]"),
         partly={"partial": 1}, message="Part of"),
    Case("wrong_error", "partial", "ValueError was awaited and IndexError came", loses="squares_hidden", message="raised IndexError",
         answers={"squares": "squares = lambda n: [i * i for i in range(1, n + 1)] if n >= 1 else [][n]"}),
    Case("changes_its_argument", "partial", "one test says that the argument must stay; the other does not",
         double("for i in range(len(items)):\n    items[i] *= 2\nreturn items"), loses="double_test", message="changes its argument"),
    # kinds of values and of callables
    Case("numpy_floats", "kinds of values", "numbers are numbers", double("return list(2 * np.array(items))", "import numpy as np")),
    Case("numpy_array", "kinds of values", "an array is not a list: == gives an array, as in any notebook; its last item is right",
         {"squares": "import numpy as np\ndef squares(n):\n    if n < 1: raise ValueError\n    return np.arange(1, n + 1) ** 2"},
         loses="squares_visible"),
    Case("tuple", "kinds of values", "a tuple is not equal to a list", {"squares": SQUARES.replace("return [", "return tuple([").replace("1)]", "1)])")},
         loses="squares_visible"),
    Case("generator", "kinds of values", "a generator has no last item and equals no list", {"squares": SQUARES.replace("return [", "return (").replace("1)]", "1))")},
         loses=BOTH),
    Case("list_of_0d_tensors", "a list of 0-d tensors", "they calculate like numbers", double("return list(2 * torch.tensor(items))", "import torch")),
    Case("module_where_a_function_was", "an `nn.Module` where a function was expected", "it is called alike",
         {"double": "import torch\nclass Double(torch.nn.Module):\n    def forward(self, items):\n        " + RIGHT + "\ndouble = Double()"}),
    Case("lambda_", "kinds of callables", "a lambda is a function", {"double": "double = lambda items: [2 * x for x in items]"}),
    Case("partial_", "kinds of callables", "functools.partial is called alike",
         {"double": "import functools\ndef times(k, items): return [k * x for x in items]\ndouble = functools.partial(times, 2)"}),
    Case("callable_object", "kinds of callables", "an object with __call__ is called alike",
         {"double": "class D:\n    def __call__(self, items):\n        " + RIGHT + "\ndouble = D()"}),
    Case("bound_method", "kinds of callables", "a method is called alike",
         {"double": "class D:\n    k = 2\n    def go(self, items): return [self.k * x for x in items]\ndouble = D().go"}),
    Case("decorated", "kinds of callables", "a decorator of the student's own",
         double(RIGHT, "import functools\ndef log(f):\n    @functools.wraps(f)\n    def inner(*a, **k):\n        print('called')\n        return f(*a, **k)\n    return inner\n@log")),
    Case("closure", "kinds of callables", "a closure", {"double": "def make(k):\n    def inner(items): return [k * x for x in items]\n    return inner\ndouble = make(2)"}),
    Case("cached", "kinds of callables", "functools.cache around a helper", {"double": "import functools\n@functools.cache\ndef one(x): return 2 * x\n@functools.lru_cache(None)\ndef fact(n): return n\ndouble = lambda items: [one(x) for x in items]"}),
    Case("recursive", "kinds of callables", "recursion", double("return [] if not items else [2 * items[0], *double(items[1:])]")),
    Case("async_inside", "kinds of callables", "a function may run a loop of its own",
         double("async def go():\n    await asyncio.sleep(0)\n    " + RIGHT + "\nreturn asyncio.run(go())", "import asyncio")),
    Case("global_state", "kinds of callables", "state between calls is the student's business", double("global calls\ncalls += 1\n" + RIGHT, "calls = 0")),
    Case("own_exception", "kinds of callables", "a subclass of ValueError is a ValueError",
         {"squares": "class TooSmall(ValueError):\n    pass\n" + SQUARES.replace("ValueError('n is below 1')", "TooSmall(n)")}),
    Case("dataclass_and_match", "kinds of callables", "new syntax",
         double("match items:\n    case []: return []\n    case _: return [b.value for b in map(Box, items)]",
                "from dataclasses import dataclass\n@dataclass(slots=True)\nclass Box:\n    x: float\n    @property\n    def value(self): return 2 * self.x")),
    Case("unicode_names", "kinds of callables", "identifiers in any script", double("π = 2\nreturn [π * x for x in items]  # Ünïcödé 中文 🎓")),
    # printing, drawing, the notebook's own syntax
    Case("prints_to_stderr", "tqdm and warnings on stderr", "it costs nothing",
         double("warnings.warn('x'); print('y', file=sys.stderr); logging.error('z')\n" + RIGHT, "import sys, warnings, logging")),
    Case("tqdm_", "tqdm and warnings on stderr", "a progress bar costs nothing", double("return [2 * x for x in tqdm(items)]", "from tqdm.auto import tqdm\nfor _ in tqdm(range(2000)): pass")),
    Case("twenty_thousand_lines", "20,000 lines of output", "it costs nothing", {"squares": "for i in range(20_000):\n    print(i)\n" + SQUARES}),
    Case("widgets_", "widgets", "a widget is shown to nobody and costs nothing",
         {"double": "import ipywidgets as w\nfrom IPython.display import display, HTML, clear_output\ns = w.IntSlider(3)\ndisplay(s, HTML('<b>x</b>'))\nclear_output()\nw.interact(lambda x: x, x=3)\n" + DOUBLE}),
    Case("plots", "plots", "a plot is kept", {"double": "import matplotlib.pyplot as plt\n%matplotlib inline\nplt.plot([1, 2]); plt.show()\n" + DOUBLE}),
    Case("plots_inside", "plots", "a function that also draws", double("plt.figure(); plt.plot(items); plt.show()\n" + RIGHT, "import matplotlib.pyplot as plt")),
    Case("magics_and_await", "magics", "IPython's syntax is a notebook's syntax",
         {"squares": "%time 1\n!echo hi\nlen?\n%load_ext autoreload\nimport asyncio\nawait asyncio.sleep(0)\n" + SQUARES}),
    Case("pip", "magics", "there is no network, and pip says so", edit=first("%pip install torchmetrics"), may="timeout"),
    Case("cell_magics", "magics", "a cell magic around the answer", {"squares": "%%time\n" + SQUARES, "double": "%%capture out\nprint(1)\n" + DOUBLE}),
    Case("writes_a_module", "magics", "%%writefile, then import", {"double": "from mine import double"}, first("%%writefile mine.py\n" + DOUBLE)),
    Case("shell_magics", "magics", "a shell has no network here", {"double": DOUBLE}, first("%%bash\necho hi", "%%html\n<b>x</b>", "%%javascript\nalert(1)", "%%nosuchmagic\n1")),
    # own seeds, speed
    Case("own_seeds", "own seeds", "they are the student's business",
         double("random.seed(1); np.random.seed(1); torch.manual_seed(1)\n" + RIGHT, "import random, torch, numpy as np")),
    Case("slow", "slow but inside the limit", "2 s in the cell and 1.5 s in the function, of 6", double("time.sleep(1.5)\n" + RIGHT, "import time\ntime.sleep(2)"), loses=""),
    # what a working notebook also holds
    Case("redefines_later", "the notebook around the answer", "each test sees the names as they were at its place", edit=last("squares = double = None", "del squares, double")),
    Case("shadows_builtins", "the notebook around the answer", "the tests have their own builtins", edit=first("list = sum = abs = len = all = max = 3\nprint = None", "del list, sum, abs, len, all, max, print")),
    Case("shadows_builtins_for_good", "the notebook around the answer", "its own functions use none of them",
         {"double": "abs = all = zip = len = list = 3\n" + DOUBLE}),
    Case("names_of_the_tests", "the notebook around the answer", "the tests' names are the tests'",
         {"double": "_points = 99\n_found = _given = close_to = None\n" + DOUBLE}),
    Case("fails_after_the_definition", "the notebook around the answer", "the function stands", {"double": DOUBLE + "\ndouble(3)\nraise RuntimeError('play')"}),
    Case("own_cells_fail", "the notebook around the answer", "cells of one's own cost nothing", edit=first("1 / 0", "import no_such_module", "assert False", "x = = 1", "raise KeyboardInterrupt")),
    Case("helper_cells", "the notebook around the answer", "a helper in a cell of its own", {"double": "def double(items):\n    return [two(x) for x in items]"}, first("def two(x):\n    return 2 * x")),
    Case("reads_what_lies_beside", "the notebook around the answer", "files given with the assignment are there", {"double": "text = open('helper.py').read()\nfrom helper import *\nassert 'close_to' in text\n" + DOUBLE}),
    Case("main_guard_and_argparse", "the notebook around the answer", "a script's habits",
         {"double": "import argparse\nargs = argparse.ArgumentParser().parse_args()\nif __name__ == '__main__':\n    " + DOUBLE.replace("\n", "\n    ")}),
    Case("quiet_and_strict", "the notebook around the answer", "sys.stdout replaced, warnings as errors",
         {"double": "import sys, os, warnings\nsys.stdout = sys.stderr = open(os.devnull, 'w')\nwarnings.simplefilter('error')\n" + DOUBLE}),
    Case("quits_at_the_end", "the notebook around the answer", "all was done before", edit=last("exit()", "quit")),
    Case("tests_of_ones_own", "the notebook around the answer", "unittest and doctest in the notebook", edit=last(
         "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(double([1]), [2])\nunittest.main(argv=[''], exit=False)\nimport doctest; doctest.testmod()")),
    Case("pool_of_processes", "the notebook around the answer", "multiprocessing works", double("with multiprocessing.Pool(2) as pool:\n    return pool.map(two, items)", "import multiprocessing\ndef two(x): return 2 * x")),
    Case("pool_of_threads", "the notebook around the answer", "a pool that was tried before goes on working",
         double("return list(pool.map(lambda x: 2 * x, items))", "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)") | {}, last("double([1])")),
    Case("pool_of_threads_tried", "the notebook around the answer", "the student tried the function in the same cell",
         {"double": double("return list(pool.map(lambda x: 2 * x, items))", "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)")["double"] + "\nprint(double([1, 2, 3]))"}),
    Case("answer_in_two_cells", "the notebook around the answer", "the cell was split",
         {"squares": "import math as m"}, cells(lambda c: [x for cell in c for x in ([cell, code(SQUARES)] if cell["source"] == "import math as m" else [cell])])),
    Case("imports_torch", "the notebook around the answer", "torch, though the assignment does not use it", double("return (2 * torch.tensor(items, dtype=torch.float64)).tolist()", "import torch")),
]  # fmt: skip
