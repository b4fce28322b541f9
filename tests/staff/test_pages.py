"""What a student or an instructor opens is safe whatever the student wrote, says what happened, and shows no test."""

import base64
import copy
import re
import struct
import subprocess
import sys
import time
import zlib
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcourse.staff import pages
from dlcourse.staff.plan import Plan, SourceCell, make_plan
from dlcourse.staff.similar import Pair

SECRET = "hidden_value_4711"
MODEL = "the_model_answer_0815"
TEST = f"""found = softmax(zeros)
assert visible_check_333(found), "sums to 1"
### BEGIN HIDDEN TESTS
assert softmax({SECRET}) == 1, "other sizes"
### END HIDDEN TESTS"""
VISIBLE = TEST.split("###")[0]


def source(name, kind, text, *, points=None, released=None, is_code=True):
    return SourceCell(name, kind, text, text if released is None else released, is_code, points)


def plan_of(*cells) -> Plan:
    return make_plan("hw1_mlp", list(cells))


PLAN = plan_of(
    source("intro", "text", "# Homework 1: a network", is_code=False),
    source("setup", "locked", "import torch"),
    source("one", "text", "## 1. Softmax (2 points)\nWrite $e^x$.", is_code=False),
    source("softmax", "solution", f"def softmax(x):\n    return {MODEL}", released="def softmax(x):\n    raise"),
    source("softmax_visible", "test", VISIBLE, points=1.0),
    source("softmax_hidden", "test", TEST, points=1.0, released=VISIBLE),
    source("two", "text", "## 2. In words (1 point)\nWhy?", is_code=False),
    source("why", "manual", MODEL, points=1.0, released="YOUR ANSWER HERE", is_code=False),
)


def graded(score, most, status, message=""):
    return {"score": score, "max_score": most, "status": status, "message": message}


def record(student="Ada_Lovelace", **more) -> dict:
    made = {
        "student": student, "assignment": "hw1_mlp", "file": f"{student}_hw1_mlp.ipynb",
        "submitted": "2027-03-04T20:14:00+00:00", "state": "needs marking", "problem": None, "score": 1.0,
        "max_score": 3.0, "flags": [], "seconds": 4.2, "late_days": 0.0, "late_factor": 1.0, "final_score": 1.0,
        "cells": {
            "softmax_visible": graded(1.0, 1.0, "passed"),
            "softmax_hidden": graded(0.0, 1.0, "failed", "the shape should be (2, 3); yours is (3, 2)"),
            "why": graded(None, 1.0, "needs marking"),
        },
        "shown": [
            cell("intro", "# Homework 1: a network", code=False),
            cell("setup", "import torch"),
            cell("softmax", "def softmax(x):\n    return x  # mine"),
            cell("softmax_visible", VISIBLE),
            cell("softmax_hidden", VISIBLE),
            cell("why", "Because **it grows**.", code=False),
        ],
    }  # fmt: skip
    return made | more


def cell(name, text, *outputs, code=True) -> dict:
    return {"name": name, "code": code, "source": text, "outputs": list(outputs)}


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def display(**data):
    return {"output_type": "display_data", "data": {k.replace("_", "/", 1): v for k, v in data.items()}, "metadata": {}}


def page(*shown, **more) -> str:
    return pages.feedback_page(record(shown=list(shown), **more), PLAN, "Homework 1")


def note(text, **more) -> str:
    """The page of a student who wrote this Markdown."""
    return page(cell(None, text, code=False), **more)


def said(html: str) -> str:
    """What a reader sees, without tags."""
    body = html.split("<main>")[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body).replace("&nbsp;", " ").replace("&amp;", "&"))


def png(width=3, height=2) -> str:
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\xff\0\0" * min(width, 3) for _ in range(min(height, 3))))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


def jpeg(width=640, height=480) -> str:
    head = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\3\1\x11\0\2\x11\1\3\x11\1"
    return base64.b64encode(head + frame + b"\xff\xd9").decode()


# ---- safe


VOID = {"meta", "br", "hr", "img"}
TAGS = set(
    "html head meta title style body main header footer section article div p span h1 h2 h3 h4 h5 h6 ul ol li b i bdi "
    "strong em del code pre blockquote a br hr img table thead tbody tr th td details summary time figure desc svg defs "
    "symbol use circle path rect line text".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name class id aria-labelledby aria-hidden focusable href rel src alt width height "
    "style scope rowspan colspan tabindex datetime role viewbox cx cy r d fill stroke stroke-width stroke-dasharray x y "
    "x1 x2 y1 y2 rx text-anchor transform".split()
)


class Audit(HTMLParser):
    """Every tag, attribute and address of a page against what the pages need; counts the tags."""

    def __init__(self, html):
        super().__init__()
        self.open, self.count, self.ids, self.images, self.links = [], 0, [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS, tag
        self.count += 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            assert name in ATTRIBUTES, (tag, name)
            if name == "src":
                assert re.fullmatch(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+", value), value[:80]
                self.images.append(dict(attributes))
            elif name == "href":
                assert re.match(r"#[\w-]+$|https?://\w|\.\./feedback/[\w.%~-]+/[\w.%~-]+/[\w.%~-]+$", value), value
                self.links.append(value)
            elif name == "style":
                assert re.fullmatch(r"((width|left|right):\d+(\.\d+)?%;?)+", value), value
            elif name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError("a comment")


def audited(html: str) -> Audit:
    html.encode("utf-8")  # no lone surrogates
    style = html.split("<style>")[1].split("</style>")[0]
    assert not re.search(r"url\(|@import|@font-face|expression|</", style)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:;" in html
    assert "<meta" not in html.split("<title>")[1]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08\x0b-\x1f\x7f-\x9f]", html)
    found = Audit(html)
    assert len(set(found.ids)) == len(found.ids)
    return found


def test_the_audit_sees_what_it_is_there_for():
    for bad in (
        "<script>",
        "<p onclick=x>",
        '<a href="javascript:x">',
        "<p>",
        "</p>",
        "<img src=//a.b/c>",
        '<p id="know"></p>',
    ):
        with pytest.raises(AssertionError):
            audited(page(flags=["misnamed"]).replace("</main>", f"{bad}</main>"))


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "\"><iframe src='https://evil.example/'></iframe>",
    "' onmouseover='alert(1)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x) [y](//evil.example) [z](file:///etc/passwd)",
    '[x](https://a.b/"onclick="alert(1) "title\\" onclick=alert(1)")',
    "<https://a.b/?<script>>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    f'![x" onerror="alert(1)](data:image/png;base64,{png()})',
    f"[a](https://a.b/![x](data:image/png;base64,{png()}))",
    f"`![x](data:image/png;base64,{png()})`",
    "![x](data:image/png;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "$<script>alert(1)</script>$ $$<img src=x onerror=alert(1)>$$",
    "$$\n<script>alert(1)</script>\n$$",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>\nx\n```',
    "| <script>alert(1)</script> | b |\n|:-:|--:|\n| <b onclick=alert(1)> | ![](javascript:x) |",
    "[x]: javascript:alert(1)\n\n[x] <details open ontoggle=alert(1)>",
    "<!-- --><meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<style>@import 'https://evil.example'</style><link rel=stylesheet href=//evil.example>",
    "<form action=https://evil.example><input name=a><button formaction=javascript:alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "\ue0000\ue001 \ue0009999\ue001",
    "\ud800 \udfff \x00\x07\x1b[31mred\x1b[0m \u202eevil\u202c \u2066x\u2069",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_students_becomes_markup(text):
    outputs = [
        stream(text),
        display(text_plain=text, text_html=text),
        display(text_markdown=text),
        display(text_html=text),
        display(image_png=text),
        {"output_type": "display_data", "data": {"image/svg+xml": text, "application/javascript": text}},
        {"output_type": "error", "ename": text, "evalue": text, "traceback": [text, text]},
        {"output_type": "error", "ename": text, "evalue": text, "traceback": []},
    ]
    cells = copy.deepcopy(record()["cells"])
    cells["softmax_hidden"]["message"] = text
    shown = [cell(None, text, *outputs), cell(None, text, code=False), cell("why", text, code=False), cell(text, text)]
    made = record(text, file=text, submitted=text, flags=["late", "needs a look", text], cells=cells, shown=shown)
    made["comments"] = {"softmax": text, "why": text}
    html = pages.feedback_page(made, PLAN, text)
    found = audited(html)
    assert all(link.startswith(("#", "https://a.b/")) for link in found.links)
    audited(pages.feedback_page(made | {"state": "could not run", "problem": text, "score": None}, PLAN, text))
    alike = [Pair((text, text), 1.0, 40.0, ("softmax", "", text), (text, text))]
    unplaced = [SimpleNamespace(file=text, reason=text)]
    audited(pages.report_page(outcome([made], unplaced=unplaced, notes=[text], alike=alike)))


@given(st.text(alphabet=st.sampled_from("[]()<>!*_`~$|\\#-+>&;:'\"=/ \n\tax1.\ue000\ue001\ud800\u202e"), max_size=120))
@settings(max_examples=150, deadline=None)
def test_no_markdown_leaves_the_known_tags(text):
    audited(note(text))


@pytest.mark.parametrize(
    "outputs",
    [None, "text", 7, [None, 3, "x", []], [{}], [{"output_type": ["stream"]}], [{"output_type": "stream", "text": 5}],
     [{"output_type": "display_data", "data": {"image/png": {"a": 1}, "text/plain": [1, "kept"]}}],
     [{"output_type": "display_data", "data": None}], [{"output_type": "error", "traceback": {"a": 1}}],
     [{"output_type": "error", "traceback": [1, None, "kept"], "ename": 3, "evalue": []}]],
)  # fmt: skip
def test_outputs_of_any_shape_do_no_harm(outputs):
    html = page({"name": None, "code": True, "source": "x", "outputs": outputs})
    audited(html)
    assert "kept" not in str(outputs) or "kept" in html


def test_links_to_other_places_are_kept_and_send_no_referrer():
    html = note("see [the docs](https://pytorch.org/docs) and [this](#there)")
    assert '<a href="https://pytorch.org/docs" rel="noopener noreferrer nofollow">the docs</a>' in html
    assert "and this" in said(html)


# ---- of a bearable size


def seconds_for(make):
    began = time.process_time()
    html = make()
    return time.process_time() - began, html


@pytest.mark.parametrize(
    "text",
    ["word *and* [x](y) " * 300_000, "[" * 5_000_000, "> " * 200_000, "- " * 200_000, "$$a\n" * 500_000,
     "|a" * 30_000 + "\n" + "|-" * 30_000, "a|b\n-|-\n" + "a|b\n" * 100_000, "***a***" * 100_000, "![" * 2_000_000 + "data:image/",
     "\n".join(" " * (2 * i) + "- a" for i in range(2_000)), "\ud800" * 2_000_000],
    ids=lambda text: repr(text[:6]),
)  # fmt: skip
def test_an_endless_text_is_cut_and_quick(text):
    seconds, html = seconds_for(lambda: note(text))
    audited(html)
    assert len(html) < 500_000
    assert "not shown here" in html
    assert seconds < 5


def test_many_hostile_texts_share_one_budget():
    text = "a|b\n-|-\n" + "a|b\n" * 400
    seconds, html = seconds_for(lambda: page(*(cell(None, f"{i}\n\n{text}", code=False) for i in range(300))))
    audited(html)
    assert len(html) < 3_000_000
    assert seconds < 20


def test_a_huge_output_is_folded_and_its_middle_left_out():
    html = page(cell(None, "x", stream("first line\n" + "y" * 3_000_000 + "\nlast line")))
    audited(html)
    assert len(html) < 60_000
    assert "<details><summary>Long output, 3 lines" in html
    assert "first line" in html
    assert "last line" in html
    assert "characters left out here" in html


def test_many_outputs_and_cells_are_cut_with_a_note():
    html = page(*(cell(None, f"x = {i}", *[display(text_plain="o")] * 70) for i in range(500)))
    assert "10 more outputs, not shown here." in html
    assert "100 more cells, not shown here." in html
    html = page(cell(None, "z = 1\n" * 1_000_000))
    assert len(html) < 300_000
    assert "The cell goes on for 5,980,000 characters" in html


def test_many_long_outputs_stop_when_the_page_is_full():
    html = page(*(cell(None, "x", *[display(text_plain="o" * 11_000)] * 50) for _ in range(20)))
    assert len(html) < 3_000_000
    assert "the page is full" in html


def test_a_short_output_is_not_folded_and_a_long_error_says_its_last_line():
    assert "<details>" not in page(cell(None, "x", stream("one\ntwo")))
    trace = [f"line {i}\n" for i in range(60)] + ["ValueError: no such shape"]
    html = page(cell(None, "x", {"output_type": "error", "ename": "E", "evalue": "", "traceback": trace}))
    assert "<summary>Error: ValueError: no such shape</summary>" in html


def test_a_notebook_of_60_cells_is_quick():
    text = (
        "## Part {}\nSome *words* with `code`, a list and $x_{}$:\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    code = "def f{}(x):\n    '''A docstring.'''\n    return x + {}  # why\n" * 6
    shown = []
    for i in range(30):
        shown += [
            cell(None, text.format(i, i), code=False),
            cell(None, code.replace("{}", str(i)), stream("out\n" * 40)),
        ]
    page(*shown)  # imports

    def once():
        pages._rendered.cache_clear()
        return seconds_for(lambda: page(*shown))[0]

    assert min(once() for _ in range(5)) < 0.2


def test_importing_the_module_brings_no_parser():
    code = "import sys, dlcourse.staff.pages; print({'mistune', 'bleach', 'nbconvert', 'pygments', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# ---- pictures


def test_a_png_and_a_jpeg_are_shown_with_size_and_words():
    html = page(
        cell("one", "## 1. Softmax\nhm", code=False),
        cell(None, "x", display(image_png=png(30, 20) + "\n", text_plain="<Figure>")),
        cell(None, "x", display(image_jpeg=jpeg())),
    )
    first, second = audited(html).images
    assert (first["width"], first["height"]) == ("30", "20")
    assert first["alt"] == "Figure 1, drawn by a cell under “1. Softmax”"
    assert (second["width"], second["height"]) == ("640", "480")
    assert second["src"].startswith("data:image/jpeg")
    assert "Figure&gt;" not in html


@pytest.mark.parametrize(
    "data",
    ["", "not base64 !!", base64.b64encode(b"<svg onload=alert(1)>" * 9).decode(), png()[:20], png(0, 5),
     png(60_000, 60_000), base64.b64encode(b"\xff\xd8\xff" + b"\xff" * 400).decode(), "A" * 5_000_000, "é" * 100,
     base64.b64encode(b"GIF89a" + b"\0" * 90).decode(), base64.b64encode(b"\xff\xd8\xff\xc0\0\0").decode()],
    ids=lambda data: data[:8],
)  # fmt: skip
def test_what_is_no_picture_is_not_shown_as_one(data):
    html = page(cell(None, "x", display(image_png=data, text_plain="kept in words")))
    assert audited(html).images == []
    assert "picture is not shown" in html if data else "kept in words" in html


def test_all_pictures_of_a_page_share_one_budget():
    large = base64.b64encode(base64.b64decode(png()) + b"\0" * 2_900_000).decode()
    html = page(*(cell(None, "x", display(image_png=large)) for _ in range(9)))
    assert len(audited(html).images) == 4
    assert len(html) < 17_000_000


def test_a_picture_in_markdown_is_checked_and_named():
    found = audited(note(f"look: ![my plan](data:image/png;base64,{png()}) and ![no](attachment:x.png)"))
    assert [image["alt"] for image in found.images] == ["my plan"]
    assert "[picture: no]" in note("![no](attachment:x.png)")


# ---- no test, no solution


def test_no_text_of_a_test_or_of_the_solution_is_on_a_page():
    made = record()
    made["shown"][1] = cell("setup", "import torch  # changed by the student")
    for html in (pages.feedback_page(made, PLAN, "Homework 1"), pages.report_page(outcome([made]))):
        for text in (SECRET, MODEL, "visible_check_333", "HIDDEN TESTS", "changed by the student"):
            assert text not in html
    html = pages.feedback_page(made, PLAN, "Homework 1")
    assert "the shape should be (2, 3); yours is (3, 2)" in html
    assert "This test also tries cases that are not printed in the notebook." in html


def test_a_mistake_in_a_test_is_told_to_the_instructor_only():
    made = record()
    made["cells"]["softmax_hidden"] = graded(0.0, 1.0, "author error", "KeyError: 'secret_key'")
    html = pages.feedback_page(made, PLAN, "Homework 1")
    assert "secret_key" not in html
    assert "This test has a mistake of its own. It is not yours" in html
    report = pages.report_page(outcome([made]))
    assert "<code>softmax_hidden</code> stopped by a mistake of its own for 1 student: KeyError" in report


# ---- feedback in words


def test_the_head_says_whose_it_is_and_what_came_of_it():
    text = said(pages.feedback_page(record(), PLAN, "Homework 1: `softmax`"))
    assert "Homework 1: softmax" in text
    assert "Ada Lovelace · handed in 4 March 2027, 20:14 UTC" in text
    assert "1 of 3 points + 1 point still to be marked" in text
    assert "1 of 2 tests pass." in text


def test_each_question_has_its_tests_and_a_way_to_the_answer():
    html = pages.feedback_page(record(), PLAN, "Homework 1")
    text = said(html)
    assert "1. Softmax 1 of 2 points Passed softmax visible 1 of 1 Not passed softmax hidden 0 of 1" in text
    assert "2. In words 1 point open To be marked written answer A person reads this answer." in text
    found = audited(html)
    assert {"#cell-2", "#cell-5", "#result-softmax_hidden"} <= set(found.links)
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids) | {
        s for s in pages._SIGNS.split('"')
    }


@pytest.mark.parametrize(
    ("status", "words"),
    [("partial", "Partly"), ("unanswered", "Not attempted yet"), ("timeout", "Stopped, too slow"),
     ("crashed", "Stopped, crashed"), ("not run", "Not reached"), ("something new", "something new")],
)  # fmt: skip
def test_a_status_is_said_in_words(status, words):
    made = record()
    made["cells"]["softmax_hidden"] = graded(0.5, 1.0, status, "what happened")
    html = pages.feedback_page(made, PLAN, "Homework 1")
    assert f"{words} softmax hidden" in said(html)
    assert "what happened" in html


def test_nothing_attempted_and_everything_passed_have_kind_words():
    made = record()
    for name in ("softmax_visible", "softmax_hidden"):
        made["cells"][name] = graded(
            0.0, 1.0, "unanswered", "Not attempted yet: your code still raises NotImplementedError."
        )
    text = said(pages.feedback_page(made, PLAN, "Homework 1"))
    assert "No question with a test was attempted yet." in text
    assert text.count("Not attempted yet") == 4  # in each row, and at each test in the notebook
    for name in ("softmax_visible", "softmax_hidden"):
        made["cells"][name] = graded(1.0, 1.0, "passed")
    assert "Every test passes. Well done." in said(pages.feedback_page(made, PLAN, "Homework 1"))


@pytest.mark.parametrize(
    ("days", "factor", "score", "words"),
    [
        (1.17, 0.8, 7.0, "Final score so far: 5.6. The notebook came 1 day and 4 hours after the due date, "
         "so 80 % of your points count: 7 × 0.8 = 5.6 so far."),
        (0.01, 1.0, 7.0, "Handed in 14 minutes after the due date. No points are taken off for that."),
        (9.0, 0.0, 7.0, "Final score so far: 0. The notebook came 9 days after the due date, and the course’s rule"),
    ],
)  # fmt: skip
def test_lateness_is_explained(days, factor, score, words):
    made = record(late_days=days, late_factor=factor, score=score, final_score=score * factor)
    assert words in said(pages.feedback_page(made, PLAN, "Homework 1"))


def test_work_in_time_has_no_word_on_lateness():
    assert "due date" not in pages.feedback_page(record(), PLAN, "Homework 1")


def test_a_name_in_a_message_is_set_as_code():
    made = record()
    made["cells"]["softmax_hidden"]["message"] = "`soft<b>max` is not defined: the cell stopped"
    html = pages.feedback_page(made, PLAN, "Homework 1")
    assert "<code>soft&lt;b&gt;max</code> is not defined" in html
    assert "also tries cases" not in html


def test_flags_are_said_in_words_and_the_harmless_ones_not_at_all():
    html = page(flags=["late", "timeout", "from Colab", "misnamed", "new word"], cell_seconds=60)
    assert "A cell or a test did not end within 60 s and was stopped." in html
    assert "please name it right next time" in html
    assert "<li>new word</li>" in html
    assert "Colab" not in html
    words = "tests changed, ids mended, cells doubled, cells missing, crashed, memory, stopped early, encoding mended"
    for word in [*words.split(", "), "old format", "damaged cell", "two files", "test replaced"]:
        assert word in pages._FLAGS


def test_a_notebook_that_could_not_run_says_why_and_what_to_do():
    cells = {name: graded(None, c["max_score"], "not run") for name, c in record()["cells"].items()}
    problem = "not a notebook: the file stops in the middle"
    html = page(state="could not run", problem=problem, score=None, final_score=None, cells=cells)
    audited(html)
    text = said(html)
    assert "Not a notebook: the file stops in the middle." in text
    assert "hand in the file that ends in .ipynb again" in text
    assert "Question by question" not in text


# ---- the notebook


def test_the_notebook_shows_what_ran():
    html = pages.feedback_page(record(), PLAN, "Homework 1")
    assert '<i class="k">return</i> x  <i class="c"># mine</i>' in html
    assert "<strong>it grows</strong>" in html
    assert html.count('<p class="over">Your answer</p>') == 2
    assert "<h3>Homework 1: a network</h3>" in html  # below the page's own h1 and h2


def test_highlighting_changes_no_character():
    text = 'x = f"a{b}" + \'c\\\'d\' # é <b>\ndef go(n): return 0x1F, 1_000.5e-3, """un\nclosed'
    plain = re.sub("<[^>]*>", "", pages._highlight(text))
    assert plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_terminal_codes_progress_bars_and_direction_marks_are_gone():
    html = page(
        cell(None, "x", stream("\x1b[1;31mred\x1b[0m\x07 \x1b]0;title\x07end\n 10%\r 50%\r100%\r\nabc\u202edef\u2066"))
    )
    assert "red end\n100%\nabcdef" in html
    assert "50%" not in said(html)


def test_tex_reads_as_text():
    html = note("the loss $L = -\\log p_{by}$ costs \\$5\n\n$$\n\\frac{a_1}{b^{n-1}} < *2*\n$$\n\nand `$x$`")
    assert '<span class="tex">L = −log p<sub>by</sub></span> costs $5' in html
    assert '<span class="tex wide">a<sub>1</sub>/(b<sup>n−1</sup>)\u2009 &lt; *2*</span>' in html
    assert "<code>$x$</code>" in html


@pytest.mark.parametrize(
    ("tex", "shown"),
    [(r"\theta \leftarrow \theta - \eta\,\frac{\partial L}{\partial \theta}", "θ ← θ − η\u2009∂L/∂θ\u2009"),
     (r"\unknown{x} + \begin{cases}", r"\unknown{x} + \begin{cases}"),
     (r"\mathbf{x}_<b>", "x_&lt;b&gt;"), ("{" * 300 + "_{" * 300, "{" * 300 + "_{" * 300)],
)  # fmt: skip
def test_a_formula_keeps_what_it_does_not_know(tex, shown):
    assert pages._formula(tex) == shown


def test_other_headings_and_none_still_make_questions():
    tests = [source(f"t{i}", "test", "assert True", points=1.0) for i in range(3)]
    answers = [source(f"a{i}", "solution", "pass") for i in range(3)]
    same = source("h", "text", "## Backward", is_code=False)
    plan = plan_of(
        same,
        answers[0],
        tests[0],
        answers[1],
        tests[1],
        source("i", "text", "```\n## no\n```", is_code=False),
        tests[2],
    )
    assert [(q.title, [c.name for c in q.cells], q.answers) for q in pages.questions_of(plan)] == [
        ("Backward", ["t0", "t1", "t2"], ["a0", "a1"])
    ]
    plan = plan_of(answers[0], tests[0], tests[1], answers[1], tests[2])
    assert [(q.title, len(q.cells)) for q in pages.questions_of(plan)] == [("Question 1", 2), ("Question 2", 1)]


# ---- the report


def outcome(records, **more):
    due = datetime(2027, 3, 5, 22, 59, tzinfo=UTC)
    course = SimpleNamespace(assignments={"hw1_mlp": SimpleNamespace(due=due)}, timezone=ZoneInfo("Europe/Berlin"))
    assignment = SimpleNamespace(id="hw1_mlp", notebook="hw1_mlp", course=course)
    made = {"assignment": assignment, "plan": PLAN, "records": records, "fresh": set(), "unplaced": [], "notes": []}
    return SimpleNamespace(**(made | {"folder": None, "trusted": False, "alike": []} | more))


def class_of(n):
    records = []
    for i in range(n):
        made = record(f"Student_{i:02}", seconds=float(i), state="graded")
        first, second = float(i % 2), float(i % 2 or i % 3 == 0)
        made["cells"] = {
            "softmax_visible": graded(first, 1.0, "passed" if first else "failed"),
            "softmax_hidden": graded(second, 1.0, "passed" if second else "failed"),
            "why": graded(1.0, 1.0, "passed"),
        }
        made["score"] = made["final_score"] = first + second + 1
        records.append(made)
    return records


def test_the_report_counts_and_lists_everybody():
    records = class_of(8)
    records[1] |= {"flags": ["late", "timeout"], "late_days": 1.2, "late_factor": 0.8, "final_score": 2.4}
    records[2] |= {"state": "could not run", "problem": "it is empty", "score": None, "final_score": None}
    records[3] = record("Student_03", seconds=99.0)
    unplaced = [SimpleNamespace(file="photo.jpg", reason="not a notebook")]
    html = pages.report_page(outcome(records, unplaced=unplaced, notes=["step is weak: look"]))
    found, text = audited(html), said(html)
    assert "7 graded by tests 1 with answers to mark 1 could not run 1 not placed" in text
    assert "3 points · due 5 March 2027, 23:59 (Europe/Berlin)" in text
    assert "photo.jpg Not a notebook." in text
    assert "step is weak: look" in text
    assert "Student 01 3 2.4 1 day and 5 hours, × 0.8 timeout 1.0" in text
    assert "Student 02 Could not run: it is empty" in text
    assert "Student 03 1 + 1 open" in text
    assert "1 to be marked" in text
    assert "Slowest to grade Student 03 , 99.0 s Student 07 , 7.0 s" in text
    assert len([link for link in found.links if link.startswith("../feedback/")]) == 8
    assert "Graded without a sandbox" not in html


def test_the_histogram_has_a_bar_for_each_point_and_says_so_in_words():
    html = pages.report_page(outcome(class_of(12)))
    assert "Points, and how many students reached them: 1: 4, 2: 2, 3: 6." in html
    assert html.count("<rect") == 3
    assert "Median 2.5, mean 2.17 of 3 points." in html


@pytest.mark.parametrize(
    ("scores", "most"), [([0.0], 0.0), ([0.5, 2.75], 3.0), ([7.0, 100.0], 100.0), ([1e6, 3.3], 1e6)]
)
def test_a_histogram_of_any_scale_keeps_every_student(scores, most):
    html = pages._histogram(scores, most)
    assert sum(map(int, re.findall(r": (\d+)", html.split("<desc")[1].split("</desc>")[0].split("them")[1]))) == len(
        scores
    )
    assert html.count("<rect") <= 13


def test_a_question_that_separates_well_is_told_from_one_that_does_not():
    assert pages.separation([0, 0, 1, 1] * 2, [0, 1, 3, 4] * 2) == pytest.approx(0.8944, abs=1e-4)
    assert pages.separation([1, 1, 0, 0] * 2, [1, 1, 2, 2] * 2) == pytest.approx(-1)
    assert pages.separation([1] * 8, [1, 2, 3, 4] * 2) is None
    assert pages.separation([0, 1] * 3, [0, 2] * 3) is None
    text = said(pages.report_page(outcome(class_of(12))))
    assert "1. Softmax softmax visible 1 50 % 0.71 softmax hidden 1 67 % 0.71" in text
    assert "2. In words written answer 1 100 % –" in text
    assert "Separation is the corrected item-total correlation" in text


def test_a_class_of_seven_is_too_small_to_speak_of_separation():
    text = said(pages.report_page(outcome(class_of(7))))
    assert "Separation is not shown: it says nothing for fewer than 8 students." in text
    assert "softmax visible 1 43 % softmax hidden" in text
    assert "quarter" not in text


def test_who_has_to_be_looked_at_is_named_on_top():
    records = class_of(9)
    records[4]["flags"] = ["needs a look"]
    html = pages.report_page(outcome(records))
    assert "needs a look Student 04 : a test failed on the kind of value that came" in said(html)
    assert html.index("needs a look") < html.index("Scores")


def test_similar_students_are_named_without_a_verdict_and_with_what_both_have():
    pair = Pair(("Student_01", "Student_04"), 0.83, 41.0, ("softmax", ""), ("a = 1\nreturn a", "b = 1\nreturn b"))
    html = pages.report_page(outcome(class_of(9), alike=[pair]))
    audited(html)
    text = said(html)
    assert (
        "Student 01 and Student 04 83 % of the own code of the one with less, in 1. Softmax, cells of their own."
        in text
    )
    assert "Working side by side, one source or a shared helper look the same from here." in text
    assert "a = 1 return a" in text
    assert "b = 1 return b" in text
    assert not re.search("cheat|plagiari|copied|suspect|guilty|fraud", text, re.IGNORECASE)
    assert "Similar solutions" not in pages.report_page(outcome(class_of(9)))


def test_what_a_person_gave_stands_on_the_page():
    made = record(state="graded", score=2.5)
    made["cells"]["why"] = graded(1.5, 1.0, "marked") | {"auto_score": None, "again": False}
    made["cells"]["softmax_hidden"] |= {"auto_score": 0.0, "score": 0.5}
    made["comments"] = {"why": "Yes, *and* why?\n\n<script>", "softmax": "neat", "gone": "nobody sees this"}
    html = pages.feedback_page(made, PLAN, "Homework 1")
    audited(html)
    text = said(html)
    assert "2. In words 1.5 of 1 point Marked written answer From your instructor Yes, and why? &lt;script&gt;" in text
    assert "softmax hidden 0.5 of 1 A person looked at this and gave these points. From your instructor neat" in text
    assert "still to be marked" not in text
    made["cells"]["why"]["again"] = True
    assert "given for an earlier version. A person looks at this one, too." in said(
        pages.feedback_page(made, PLAN, "x")
    )


def test_the_time_of_a_hand_in_is_told_in_the_zone_of_the_course():
    html = pages.feedback_page(record(), PLAN, "Homework 1", ZoneInfo("Europe/Berlin"))
    assert "handed in 4 March 2027, 21:14 (Europe/Berlin)" in said(html)


def test_grading_without_a_sandbox_is_said_on_top():
    html = pages.report_page(outcome(class_of(3), trusted=True))
    assert "Graded without a sandbox" in html
    assert html.index("Graded without") < html.index("Scores")


def test_a_report_on_nobody_and_of_a_foreign_notebook_can_be_made():
    empty = outcome([])
    empty.assignment.course = None
    html = pages.report_page(empty)
    audited(html)
    assert "No score yet." in html
    assert "due" not in said(html)


@pytest.mark.parametrize("student", ["Zoë O'Brien", "../../etc", 'a"b<c>', "x\ud800", "فاطمة"])
def test_the_way_to_a_feedback_page_is_one_relative_address(student):
    href = pages.feedback_href(student, SimpleNamespace(id="hw1", notebook="ps 1"))
    assert re.fullmatch(r"\.\./feedback/[\w.%~-]+/hw1/ps%201\.html", href, re.ASCII)
