"""What an instructor and a student open, in a real browser: nothing runs, nothing is asked for, a phone is wide enough.

And nbgrader's formgrader on a course that was graded here: marks and a comment typed into its page count.
DLCOURSE_SHOTS=folder keeps pictures of every page; look at them after a change of a page.
"""

import os
import random
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from dlcourse.staff import final, gradebook, grading, leaderboard
from dlcourse.staff.sandbox import Limits, sandbox_problem
from tests.browser.real_lab import SWITCHES, find_browser
from tests.staff.alike_class import disguised, honest
from tests.staff.small_class import DOUBLE, SQUARES, hand_in, make_source, put

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem())),
]
LONG = "Very_Long_Surname_With_Many_Parts_von_und_zu_Hohenberg"
WORK = honest(random.Random(1))
OWN, COPY = "\n\n".join(WORK.values()), "\n\n".join(disguised(WORK, random.Random(2), again=0).values())
HOSTILE = (
    "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">![x](https://evil.example/x.png)"
)
CLASS = {
    "Ada_Lovelace": hand_in(),
    "Alan_Turing": hand_in(double="def double(items):\n    return [2 * x for x in items][:-1]"),
    "Grace_Hopper": hand_in(double="def double(items):\n    while True:\n        pass"),
    "Rec_Ursion": hand_in(double="def double(items):\n    return double(items)"),
    "Seg_Fault": hand_in(double="import ctypes\ndef double(items):\n    ctypes.string_at(0)"),
    "Bla_Nk": hand_in(squares="raise NotImplementedError", double="raise NotImplementedError", why="YOUR ANSWER HERE"),
    "Mal_Lory": hand_in(why=HOSTILE, double=f"from IPython.display import HTML, display\ndisplay(HTML({HOSTILE!r}))\n{DOUBLE}"),
    "Plot_Ter": hand_in(double=f"import matplotlib.pyplot as plt\nplt.figure(figsize=(12, 3)); plt.plot([1, 2]); plt.show()\n{DOUBLE}"),
    "Si_Mon": hand_in(squares=f"{SQUARES}\n\n{OWN}"),
    "Gar_Funkel": hand_in(squares=f"{COPY}\n\n{SQUARES}"),
    LONG: hand_in(squares=f"for i in range(3000):\n    print(i, 'a rather long line of output ' * 9)\n{SQUARES}"),
}  # fmt: skip

RULES = """
[course]
name = "A course"
timezone = "Europe/Berlin"
[weights]
homework = 1.0
[late.homework]
rule = "none"
[assignments]
ps1 = { kind = "homework", points = 10, due = 2099-03-05T23:59:00Z }
"""


def grade(place):
    limits = Limits(cell_seconds=4, memory_mb=1024)
    return grading.grade(str(place / "source/ps1/ps1.ipynb"), place / "in", place / "course", limits=limits, jobs=2)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A course folder in which a class with accidents was graded."""
    folder = tmp_path_factory.mktemp("place")
    make_source(folder)
    for student, book in CLASS.items():
        put(folder / "in", f"{student}_ps1", book)
    (folder / "in/Humpty_Dumpty_ps1.ipynb").write_text('{"cells": [')
    (folder / "in/holiday.jpg").write_text("")
    grade(folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    program = find_browser()
    if program is None:
        pytest.skip("no browser here: install chromium (apt-get install chromium) or Google Chrome")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(SWITCHES))
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_runs_nothing_and_asks_for_nothing(place, browser, width, scheme, tmp_path):
    shots = Path(os.environ.get("DLCOURSE_SHOTS") or tmp_path)
    pages = [place / "course/reports/ps1.html", *sorted((place / "course/feedback").glob("*/ps1/ps1.html"))]
    assert len(pages) == len(CLASS) + 2
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for path in pages:
        asked.clear()
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        name = path.stem if path.parent.name == "reports" else path.parent.parent.name
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("document.scripts.length") == 0
        assert page.title() != "ran"
        wide = """width => [...document.querySelectorAll('main *')].filter(e => !e.closest('svg, pre, .wide, .hidden, table')
                  && e.getBoundingClientRect().right > width + 1).map(e => e.outerHTML.slice(0, 80))"""
        assert page.evaluate(wide, width) == [], name
        page.screenshot(path=shots / f"{name}-{width}-{scheme}.png", full_page=True)
    assert said == []
    context.close()


def test_the_report_says_what_stands_in_it(place, browser):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((place / "course/reports/ps1.html").as_uri())
    text = page.locator("main").inner_text()
    assert "holiday.jpg" in text
    assert "Gar Funkel and Si Mon" in text.replace("Si Mon and Gar Funkel", "Gar Funkel and Si Mon")
    assert page.locator(".alike").count() == 1
    page.get_by_role("link", name="Alan Turing").first.click()
    assert "twice 1 and 2: yours [2]" in page.locator("main").inner_text()
    page.close()


@pytest.fixture
def formgrader(place, tmp_path):
    """The address of nbgrader's formgrader on the course folder."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = ("CONFIG", "DATA", "RUNTIME")
    env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    env |= {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in names} | {"IPYTHONDIR": str(tmp_path / "ipython")}
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--IdentityProvider.token=secret"]
    command += ["--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=place / "course", env=env, **quiet)
    address = f"http://127.0.0.1:{port}/formgrader"
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and server.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/api/assignments?token=secret", timeout=30).close()
                break
            time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def test_a_mark_and_a_comment_typed_into_the_formgrader_count(place, browser, formgrader):
    """The page of nbgrader itself: gradebook, assignment, notebook, submission; then final grades and feedback."""
    size, token = {"width": 1280, "height": 1400}, {"Authorization": "token secret"}
    page = browser.new_page(viewport=size, extra_http_headers=token)
    page.goto(f"{formgrader}/gradebook/ps1/ps1")
    link = page.locator("a.name-shown", has_text="Turing, Alan")
    link.wait_for(state="attached", timeout=60_000)  # names are hidden until they are asked for
    page.goto(formgrader.removesuffix("/formgrader") + link.get_attribute("href"))
    page.locator("input#why.needs_manual_grade").wait_for(timeout=60_000)
    page.locator("input#why").fill("2.5")
    page.locator("input#why").press("Tab")
    page.locator("textarea#why-comment").fill("Good, but **why**?")
    page.locator("textarea#why-comment").press("Tab")
    end = time.monotonic() + 60
    while time.monotonic() < end:  # the page saves when a box is left
        outcome = grade(place)
        told = {r["student"]: r for r in outcome.records}["Alan_Turing"]
        if told["comments"] and told["state"] == "graded":
            break
        page.wait_for_timeout(500)
    page.close()
    assert outcome.fresh == set()
    assert told["cells"]["why"]["score"] == 2.5
    assert told["score"] == 4 + 2.5
    page = gradebook.feedback_path(outcome, "Alan_Turing").read_text()
    assert "Good, but <strong>why</strong>?" in page
    assert "to be marked" not in page
    (place / "course/course.toml").write_text(RULES)
    marks = {line.student: line.marks["ps1"] for line in final.final_grades(place / "course").lines}
    assert (marks["Alan_Turing"].points, marks["Alan_Turing"].state) == (6.5, "graded")
    assert marks["Ada_Lovelace"].state == "provisional"


def test_a_leaderboard_is_whole_on_a_phone(browser, tmp_path):
    names = ("two at night", "a long alias of thirty charact", "early")
    recipe = {"optimizer": "adam", "lr": 0.05, "schedule": "one_cycle", "epochs": 5, "network": "cnn", "width": 8}
    rows = [
        leaderboard.Row(
            f"S{k}", right, 2000, (right / 2000 - 0.02, right / 2000 + 0.02), {"alias": name, "recipe": recipe}
        )
        for k, (name, right) in enumerate(zip(names, (1742, 1730, 230), strict=True))
    ]
    path = tmp_path / "board.html"
    path.write_text(
        leaderboard.pages.leaderboard_page("competition1_tuning", leaderboard.ranked(rows), leaderboard.SHOWN)
    )
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(path.as_uri())
    shots = Path(os.environ.get("DLCOURSE_SHOTS") or tmp_path)
    page.screenshot(path=shots / "leaderboard-390.png", full_page=True)
    beyond = "[...document.querySelectorAll('td, th')].filter(e => e.getBoundingClientRect().right > 390).length"
    assert page.evaluate(beyond) == 0  # nothing to scroll for
    below = """[...document.querySelectorAll('tbody tr')].map(row => {
        const top = e => row.querySelector(e).getBoundingClientRect().top
        return [Math.abs(top('td b') - top('th')) < 8, top('.range') > top('th'), top('.set') > top('.range')]})"""
    assert page.evaluate(below) == [[True, True, True]] * 3
    page.close()
