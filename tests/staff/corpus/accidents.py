"""Accidents: what goes wrong costs its own points and nobody else's, and one flag says so."""

from tests.staff.corpus import Case, cells, code, dumps, each, first, is_test, last, mark, named
from tests.staff.corpus.honest import BOTH, RIGHT, TWO, double
from tests.staff.small_class import DOUBLE, SQUARES

DEAF = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"


def without_metadata(cell):
    return {k: v for k, v in cell.items() if k != "id"} | {"metadata": {}}


def changed(**marks):
    return lambda c: c | {"metadata": {"nbgrader": mark(c) | marks}} if is_test(c) else c


def minor(number):
    def edit(book):
        kept = book["cells"] if number >= 5 else [{k: v for k, v in c.items() if k != "id"} for c in book["cells"]]
        return book | {"nbformat_minor": number, "cells": kept}

    return edit


def third(book):
    """nbformat 3, as IPython 2 wrote it."""
    made = []
    for c in book["cells"]:
        if c["cell_type"] == "code":
            made.append({"cell_type": "code", "input": c["source"], "language": "python", "outputs": [], "prompt_number": 1,
                         "collapsed": False, "metadata": c["metadata"]})  # fmt: skip
        else:
            made.append({"cell_type": "markdown", "source": c["source"], "metadata": c["metadata"]})
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "x"},
        "worksheets": [{"cells": made, "metadata": {}}],
    }


def only_changed(grade_id, **changes):
    return named(grade_id, lambda c: {**c, **changes})


def source_lines(cell):
    return cell | {"source": cell["source"].splitlines(keepends=True)}


def merged_up(found):
    """The solution was merged into the locked cell above it, as JupyterLab does it: the upper cell's metadata stays."""
    kept = []
    for c in found:
        if mark(c).get("grade_id") == "squares":
            kept[-1] = kept[-1] | {"source": kept[-1]["source"] + "\n" + c["source"]}
        else:
            kept.append(c)
    return kept


def merged_down(found):
    """The test was merged into the solution above it."""
    kept = []
    for c in found:
        if mark(c).get("grade_id") == "double_test":
            kept[-1] = kept[-1] | {"source": kept[-1]["source"] + "\n" + c["source"]}
        else:
            kept.append(c)
    return kept


IMAGES = "import matplotlib.pyplot as plt, IPython.display as d\nfig, ax = plt.subplots(figsize=(1, 1)); plt.close(fig)\nimport io; b = io.BytesIO(); fig.savefig(b, format='png')\nfor _ in range(2000): d.display(d.Image(b.getvalue()))\n"
CASES = [
    # endless, dead
    Case("endless_cell", "endless loop in a cell", "the cell is stopped, the rest goes on", {"squares": "while True:\n    pass"}, loses=BOTH, flags="timeout", message="not defined"),
    Case("endless_after_definition", "endless loop in a cell", "what the cell defined before stands", {"squares": SQUARES + "\nwhile True:\n    pass"}, flags="timeout"),
    Case("endless_and_deaf", "endless loop swallowing KeyboardInterrupt", "the notebook goes on without the cell", {"squares": DEAF}, loses=BOTH, flags="timeout", message="not defined"),
    Case("endless_function", "endless loop in the function under test", "its tests are stopped", double("while True: pass"), loses=TWO, flags="timeout", message="did not end"),
    Case("endless_deaf_function", "endless loop swallowing KeyboardInterrupt", "its tests are stopped", double(DEAF), loses=TWO, flags="timeout", message="did not end"),
    Case("sleeps_for_ever", "endless loop in a cell", "a cell that waits, at the end", edit=last("import time\ntime.sleep(9999)"), flags="timeout"),
    Case("waits_for_a_lock", "endless loop in the function under test", "a deadlock", double("lock.acquire(); lock.acquire()", "import threading\nlock = threading.Lock()"), loses=TWO, flags="timeout"),
    Case("endless_generator", "endless loop in the function under test", "len of an endless generator is a TypeError, at once", double("import itertools\nreturn itertools.count()"), loses=TWO),
    Case("recursion_", "recursion", "RecursionError", double("return double(items)"), loses=TWO, message="RecursionError"),
    Case("recursion_without_limit", "recursion", "the C stack ends the process", double("sys.setrecursionlimit(10**8)\nf = lambda x: f([x])\nreturn repr(f(1))", "import sys"), loses=TWO, may="crashed, memory, timeout"),
    Case("segfault_", "segfault", "signal 11 in the function", double("ctypes.string_at(0)", "import ctypes"), loses=TWO, flags="crashed", message="signal 11"),
    Case("segfault_in_a_cell", "segfault", "the rest goes on without the cell", {"squares": "import ctypes\nctypes.string_at(0)"}, loses=BOTH, flags="crashed"),
    Case("abort", "segfault", "SIGABRT", double("os.abort()", "import os"), loses=TWO, flags="crashed", message="signal 6"),
    Case("memory_hog_", "memory hog", "MemoryError", double("return [bytearray(10**8) for _ in range(99)]"), loses=TWO, message="MemoryError"),
    Case("memory_hog_in_a_cell", "memory hog", "the cell fails, what it defined stands", {"double": DOUBLE + "\nx = [bytearray(10**8) for _ in range(99)]"}),
    Case("memory_in_children", "memory hog", "all its processes count together",
         double("for i in range(6):\n    if not os.fork():\n        x = bytearray(b'x') * 4 * 10**8; time.sleep(9)\ntime.sleep(9)", "import os, time"), loses=TWO, flags="memory", may="timeout", message="more than 1024 MB"),
    Case("sys_exit", "`sys.exit`", "the cell ends, what it defined stands", {"squares": SQUARES + "\nimport sys\nsys.exit()"}),
    Case("function_sys_exits", "`sys.exit`", "it gives no answer", double("sys.exit(0)", "import sys"), loses=TWO),
    Case("raises_systemexit_in_hook", "`sys.exit`", "raise SystemExit in a cell of one's own", edit=first("raise SystemExit", "quit()")),
    Case("exits_the_process", "`os._exit`", "the cell is left out at the second try", {"squares": SQUARES + "\nimport os\nos._exit(0)"}, loses=BOTH, flags="crashed"),
    Case("function_exits", "`os._exit`", "no answer", double("os._exit(0)", "import os"), loses=TWO, flags="crashed", message="process ended"),
    Case("signal_9", "signal 9", "no answer", double("os.kill(os.getpid(), 9)", "import os"), loses=TWO, flags="crashed", message="signal 9"),
    Case("signal_9_in_a_cell", "signal 9", "the cell is left out", {"squares": "import os\nos.kill(os.getpid(), 9)"}, loses=BOTH, flags="crashed"),
    Case("stop_iteration", "kinds of errors", "no loop of a test may end by it", double("raise StopIteration"), loses=TWO),
    Case("keyboard_interrupt", "kinds of errors", "raised by the function itself", double("raise KeyboardInterrupt"), loses=TWO),
    Case("error_without_text", "kinds of errors", "an exception whose text fails", double("raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})()"), loses=TWO),
    Case("returns_nothing", "kinds of errors", "None", double("[2 * x for x in items]"), loses=TWO),
    Case("prints_the_answer", "kinds of errors", "printed, not returned", double("print([2 * x for x in items])"), loses=TWO),
    Case("wrong_signature", "kinds of errors", "two arguments where one is given", {"double": "def double(items, k):\n    return [k * x for x in items]"}, loses=TWO),
    Case("misspelt", "kinds of errors", "another name", {"double": "def Double(items):\n    " + RIGHT}, loses=TWO, message="not defined"),
    Case("syntax_error", "kinds of errors", "the cell does not run", {"double": "def double(items)\n    " + RIGHT}, loses=TWO, message="not defined"),
    Case("smart_quotes", "kinds of errors", "pasted quotes are a syntax error in any notebook", {"double": DOUBLE + "\nx = “a”"}, loses=TWO),
    Case("no_break_spaces", "kinds of errors", "so are no-break spaces", {"double": DOUBLE.replace("    ", "\u00a0\u00a0\u00a0\u00a0")}, loses=TWO),
    Case("tabs", "kinds of errors", "tabs are fine where they are all tabs", {"double": DOUBLE.replace("    ", "\t")}),
    Case("carriage_returns", "kinds of errors", "line ends of any system", {"double": DOUBLE.replace("\n", "\r\n"), "squares": SQUARES.replace("\n", "\r")}),
    # talking too much, left running
    Case("input_", "`input()`", "nobody sits there", {"squares": "name = input('name? ')\n" + SQUARES}, loses=BOTH),
    Case("input_after", "`input()`", "what stood before it stands", {"squares": SQUARES + "\nimport getpass\nx = getpass.getpass()\nname = input('name? ')"}),
    Case("leaves_threads_and_children", "threads and children left running", "they are ended",
         {"squares": "import threading, subprocess, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\nsubprocess.Popen(['sleep', '99'])\n" + SQUARES}),
    Case("thread_that_prints", "threads and children left running", "it costs nothing",
         {"squares": "import threading, time\ndef talk():\n    while True: print('x'); time.sleep(0.001)\nthreading.Thread(target=talk, daemon=True).start()\n" + SQUARES}),
    Case("hundred_megabytes", "100 MB of output", "cut", {"squares": "for _ in range(1000): print('x' * 100_000)\n" + SQUARES}),
    Case("hundred_megabytes_in_the_function", "100 MB of output", "dropped", double("for _ in range(1000): print('x' * 100_000)\n" + RIGHT)),
    Case("one_long_line", "one 60 MB line", "cut", {"squares": "print('x' * 60_000_000)\n" + SQUARES}),
    Case("long_value", "one 60 MB line", "a cell whose value is 60 MB of text", {"squares": SQUARES + "\n'x' * 60_000_000"}),
    Case("two_thousand_images", "2,000 images", "the first ones are kept", {"squares": IMAGES + SQUARES}),
    Case("odd_unicode_in_errors", "lone surrogates", "cleaned", double("raise ValueError('\\ud800 \\x1b[31m \\u202e')"), loses=TWO),
    Case("odd_unicode_in_outputs", "lone surrogates", "cleaned", double("print('\\ud800\\x00\\x07'); " + RIGHT, "print('\\ud800\\x1b[2J\\u202e')\n'\\udfff'")),
    Case("odd_unicode_in_source", "lone surrogates", "replaced", edit=last("x = 'a \ud800'"), ),
    Case("odd_unicode_in_answer", "lone surrogates", "the written answer waits for a person", {"why": "because \ud83d \u202e"}),
    Case("unreadable_for_the_planner", "kinds of errors", "cells that no parser takes", edit=last("x = " + "1 + " * 3000 + "1", "x = " + "-" * 20000 + "1", "(" * 500), may="crashed, memory"),
    Case("ten_thousand_cells", "the notebook's cells", "they are run", edit=cells(lambda c: [*c[:2], *[code(f"x = {i}") for i in range(10_000)], *c[2:]])),
    Case("long_cell", "the notebook's cells", "a cell of 200 KB", edit=first("x = '''" + "y\n" * 100_000 + "'''")),
    # cells moved and marks lost
    Case("tests_deleted", "test cells deleted", "they are put back", edit=cells(lambda c: [x for x in c if not is_test(x)]), flags="cells missing"),
    Case("solution_deleted", "test cells deleted", "nothing to test", edit=cells(lambda c: [x for x in c if mark(x).get("grade_id") != "double"]), loses=TWO, flags="cells missing", message="not defined"),
    Case("tests_doubled", "test cells duplicated", "each counts once", edit=cells(lambda c: [*c, *[x for x in c if is_test(x)]]), flags="cells doubled"),
    Case("solution_doubled", "test cells duplicated", "the last one counts, as in the notebook", edit=cells(lambda c: [x for y in c for x in ([y | {"source": "def double(items): return 0"}, y] if mark(y).get("grade_id") == "double" else [y])]), flags="cells doubled"),
    Case("tests_first", "test cells reordered", "each runs after what it tests", edit=cells(lambda c: [x for x in c if is_test(x)] + [x for x in c if not is_test(x)])),
    Case("backwards", "test cells reordered", "the instructor's order holds", edit=cells(lambda c: c[::-1])),
    Case("tests_emptied", "test cells edited", "ours are used", edit=each(lambda c: c | {"source": ""} if is_test(c) else c), flags="tests changed"),
    Case("tests_overwritten", "test cells edited", "ours are used", edit=each(lambda c: c | {"source": "assert True"} if is_test(c) else c), flags="tests changed"),
    Case("tests_reformatted", "test cells edited", "ours are used", edit=each(lambda c: c | {"source": c["source"].replace(", ", ",  ")} if is_test(c) else c), flags="tests changed"),
    Case("imports_overwritten", "test cells edited", "ours are used", edit=only_changed("imports", source="import math, sys"), flags="tests changed"),
    Case("points_changed", "points or ids changed", "ours count", edit=each(changed(points=1000))),
    Case("unlocked", "points or ids changed", "ours count", edit=each(changed(locked=False, grade=False, solution=True))),
    Case("ids_swapped", "points or ids changed", "two tests carry each other's name: they are tests all the same",
         edit=each(lambda c: c | {"metadata": {"nbgrader": mark(c) | {"grade_id": {"double_test": "partial", "partial": "double_test"}.get(mark(c)["grade_id"], mark(c)["grade_id"])}}} if mark(c) else c), flags="tests changed"),
    Case("ids_renamed", "points or ids changed", "found by text or name", edit=each(lambda c: {k: v for k, v in c.items() if k != "id"} | ({"metadata": {"nbgrader": mark(c) | {"grade_id": mark(c)["grade_id"] + "-copy"}}} if mark(c) else {})), flags="ids mended"),
    Case("ids_of_odd_kinds", "points or ids changed", "found by text or name", edit=each(lambda c: c | {"id": 7, "metadata": {"nbgrader": {"grade_id": ["x"], "schema_version": "3"}}}), flags="ids mended"),
    Case("old_schema", "points or ids changed", "schema_version 1 and none", edit=each(lambda c: c | {"metadata": {"nbgrader": {"grade_id": mark(c)["grade_id"], "schema_version": 1}}} if mark(c) else c)),
    Case("metadata_lost", "metadata lost", "found by text, name or place", edit=each(lambda c: c | {"metadata": {}, "id": "x"}), flags="ids mended"),
    Case("metadata_null", "metadata lost", "null where a table was", edit=lambda b: each(lambda c: c | {"metadata": None})(b) | {"metadata": None}),
    Case("metadata_and_ids_lost", "ids lost", "found by text, name or place", edit=each(without_metadata), flags="ids mended"),
    Case("ids_lost_and_magic", "ids lost", "the answer begins with a magic", {"squares": "%%time\n" + SQUARES}, edit=each(without_metadata), flags="ids mended"),
    Case("ids_lost_and_blank", "ids lost", "nothing was answered", {"squares": None, "double": None, "why": None}, edit=each(without_metadata), loses="all", flags="ids mended", state="graded"),
    Case("ids_lost_and_moved", "ids lost", "the answers were moved to the end", edit=cells(lambda c: [without_metadata(x) for x in [*[y for y in c if not mark(y).get("solution")], *[y for y in c if mark(y).get("solution")]]]), flags="ids mended"),
    Case("import_cell_lost", "test cells deleted", "put back", edit=cells(lambda c: [x for x in c if "import math" not in x["source"]])),
    Case("only_answers", "test cells deleted", "all but the answers are gone", edit=cells(lambda c: [x for x in c if mark(x).get("solution")]), flags="cells missing"),
    Case("only_answers_without_ids", "ids lost", "two functions in a new notebook; the written answer cannot be told from other text",
         edit=cells(lambda c: [code(SQUARES), code(DOUBLE)]), flags="cells missing, ids mended", state="graded"),
    Case("all_in_one_cell", "ids lost", "both functions in one cell of a new notebook", edit=cells(lambda c: [code(SQUARES + "\n\n" + DOUBLE)]), flags="cells missing, ids mended", state="graded"),
    Case("merged_with_the_imports", "test cells edited", "the answer stands in the locked cell above: it is still the answer", edit=cells(merged_up), flags="ids mended"),
    Case("merged_with_the_test", "test cells edited", "the test was put back", edit=cells(merged_down), flags="cells missing"),
    Case("solution_as_markdown", "the notebook's cells", "the kind of the cell was changed; nbgrader too changes it back", edit=only_changed("double", cell_type="markdown"), flags="cell type mended"),
    Case("solution_as_raw", "the notebook's cells", "the same", edit=only_changed("double", cell_type="raw"), flags="cell type mended"),
    Case("answer_as_code", "the notebook's cells", "a written answer in a code cell is still an answer", {"why": "x + x because of that"}, edit=only_changed("why", cell_type="code", outputs=[], execution_count=None), flags="cell type mended"),
    Case("sources_as_lists", "the notebook's cells", "both forms are in the format", edit=each(source_lines)),
    Case("cells_of_no_kind", "the notebook's cells", "damaged cells are left out", edit=cells(lambda c: [7, None, {"cell_type": "code"}, {"source": 3, "cell_type": "code"}, {"cell_type": "code", "source": None, "metadata": {}}, *c]), flags="damaged cell"),
    Case("attachments_and_widgets", "the notebook's cells", "what else a notebook may hold",
         edit=lambda b: cells(lambda c: [c[0] | {"attachments": {"a.png": {"image/png": "iVBORw0KGgo="}}}, *c[1:]])(b) | {"metadata": {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"x": {"model_name": "IntSlider"}}}}}}),
    # formats, from elsewhere
    *(Case(f"format_4_{n}", "nbformat 4.0 to 4.5", "read as it is", edit=minor(n)) for n in range(6)),
    Case("format_3", "nbformat 3", "read", edit=third, flags="old format"),
    Case("format_3_without_ids", "nbformat 3", "read, found by text", edit=lambda b: third(each(without_metadata)(b)), flags="old format, ids mended"),
    Case("format_5", "nbformat 5", "read as far as it is known", edit=lambda b: b | {"nbformat": 5, "nbformat_minor": 0, "new": [1]}),
    Case("format_of_odd_kind", "nbformat 5", "the number is not needed", edit=lambda b: b | {"nbformat": "4", "nbformat_minor": None, "metadata": []}),
    Case("from_colab", "from Colab", "drive and pip do nothing here",
         edit=lambda b: first("from google.colab import drive, files\ndrive.mount('/content/drive')\n%cd /content/drive/MyDrive\nimport numpy as np\nok = 1")(each(lambda c: {k: v for k, v in c.items() if k != "id"})(b)) | {"metadata": {"colab": {"provenance": []}, "accelerator": "GPU"}}, flags="from Colab"),
    Case("colab_import_and_answer", "from Colab", "the answer's cell begins with Colab's imports", {"double": "from google.colab import drive, userdata\nfrom google.colab.patches import cv2_imshow\ndrive.mount('/content/drive', force_remount=True)\n" + DOUBLE}),
    Case("colab_or_not", "from Colab", "a notebook that asks where it runs is told that this is not Colab",
         {"double": "import sys, os\nif 'google.colab' in sys.modules:\n    os.chdir('/content')\ntry:\n    import google.colab\n    here = True\nexcept ImportError:\n    here = False\nif here:\n    os.chdir('/content')\n" + DOUBLE}),
    Case("from_kaggle", "from Colab", "its paths are not here; its cells cost nothing", edit=lambda b: first("import os\nfor d, _, names in os.walk('/kaggle/input'):\n    print(d)\nfrom kaggle_secrets import UserSecretsClient")(b) | {"metadata": {"kaggle": {"accelerator": "none"}}}),
    Case("from_vs_code", "from Colab", "languageId and interpreter in the metadata", edit=lambda b: each(lambda c: c | {"metadata": {**c["metadata"], "vscode": {"languageId": "python"}}})(b) | {"metadata": {"kernelspec": {"name": "python3", "display_name": ".venv"}, "vscode": {"interpreter": {"hash": "x"}}}}),
    Case("other_kernel", "other kernel name", "one kernel for all", edit=lambda b: b | {"metadata": {"kernelspec": {"name": "my-env-37", "display_name": "x"}}}),
    Case("kernel_of_another_language", "other kernel name", "the cells decide", edit=lambda b: b | {"metadata": {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}}),
    Case("no_metadata_at_all", "other kernel name", "not needed", edit=lambda b: {"cells": b["cells"]}),
    Case("nan_in_json", "not JSON", "Python reads it", edit=lambda b: dumps(last("x = 1")(b) | {"metadata": {"loss": float("nan"), "best": float("inf")}})),
    Case("duplicate_keys", "not JSON", "the last one counts", edit=lambda b: '{"cells": [], "nbformat": 3, ' + dumps(b)[1:]),
    Case("nested_metadata", "not JSON", "500 levels deep in an output", edit=lambda b: dumps(b).replace('"nbformat":', '"deep": ' + "[" * 500 + "]" * 500 + ', "nbformat":')),
    Case("text_after_the_end", "not JSON", "what follows the notebook is left out", edit=lambda b: dumps(b) + "\n\x00\x00\x00", flags="damaged file"),
    Case("five_megabytes_of_markdown", "5 MB of Markdown", "read", edit=cells(lambda c: [*c, {"cell_type": "markdown", "metadata": {}, "source": "# x\n" * 1_250_000}])),
    Case("outputs_of_seventy_megabytes", "the notebook's cells", "what it showed at home does not count", edit=last("x = 1")) ,
]  # fmt: skip


def _with_outputs(book):
    shown = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 70_000_000}}
    return cells(lambda found: [*found, code("1", outputs=[shown])])(book)


CASES[-1] = Case(CASES[-1].name, CASES[-1].covers, CASES[-1].why, edit=_with_outputs)
