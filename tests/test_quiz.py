"""Quizzes: the draw is the same for ever and for nobody else; answers are read as people type them; tries are counted."""

import re
import subprocess
import sys
import unicodedata
from types import SimpleNamespace

import pytest
import torch

from dlcourse import checks, quiz, runtime
from dlcourse.checks import Wrong
from dlcourse.staff import format_rules, grading, notebooks
from dlcourse.staff.sandbox import Limits, sandbox_problem

ROOT = notebooks.find_root()
QUIZZES = [id for id in notebooks.assignments(ROOT) if id.startswith("quiz")]
NAMES = [
    f"{first} {last}" for first in ("Ada", "Alan", "Emmy", "Grace", "Zoë") for last in ("Lovelace", "Turing", "Noether")
]
EVERY = [(one, function.__name__) for one in QUIZZES for function in quiz.bank(one).QUESTIONS]


@pytest.fixture
def session(monkeypatch):
    """A quiz that is open in a notebook nobody has answered yet."""
    monkeypatch.setattr(quiz, "_session", quiz._Session())
    monkeypatch.setattr(runtime, "session", SimpleNamespace(assignment="quiz1_basics"))
    monkeypatch.delenv("DLCOURSE_GRADING", raising=False)


def seen(one, name, student):
    """All that a student sees of a question, the picture in words."""
    asked = quiz.question(one, name, student)
    return asked.text, str(asked.drawn), str(asked.options)


# ---- the draw


def test_the_draw_is_pinned_for_ever():
    """A change of these numbers changes the quiz of everybody who has begun one."""
    draw = quiz.Draw("quiz1_basics", "params", quiz.person("Ada Lovelace"))
    assert [draw.integer(0, 999) for _ in range(4)] == GOLDEN_INTEGERS
    assert draw.shuffled("ABCDE") == GOLDEN_ORDER
    assert draw.noise(2) == GOLDEN_NOISE
    for one in QUIZZES:  # a new quiz is pinned here when it is given out
        assert {
            name: quiz.question(one, name, "Ada Lovelace").answer for of, name in EVERY if of == one
        } == GOLDEN_ANSWERS[one]


def test_another_process_draws_the_same():
    code = "from dlcourse import quiz; print([quiz.question('quiz2_losses', 'steps', n).answer for n in ('', 'Zoë N')])"
    said = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env={"PYTHONHASHSEED": seed, "PATH": ""}).stdout for seed in ("1", "2")}  # fmt: skip
    assert said == {str([quiz.question("quiz2_losses", "steps", n).answer for n in ("", "Zoë N")]) + "\n"}


@pytest.mark.parametrize(
    "typed",
    [
        "Zoë Müller",
        "zoë müller",
        "  Zoë \u00a0 Müller ",
        "ZOË_MÜLLER",
        unicodedata.normalize("NFD", "Zoë Müller"),
        "Zoë\u200b Müller",
    ],
)
def test_one_person_gets_one_quiz_however_the_name_is_typed(typed):
    assert [seen(*one, typed) for one in EVERY] == [seen(*one, "Zoë Müller") for one in EVERY]


def test_accents_and_order_of_words_tell_people_apart():
    assert len({quiz.person(name) for name in ("Zoe Muller", "Zoë Muller", "Muller Zoe", "")}) == 4


def test_neighbours_differ():
    pairs = [(one, other) for n, one in enumerate(NAMES) for other in NAMES[:n]]
    for one, name in EVERY:
        asked = {who: quiz.question(one, name, who) for who in NAMES}
        same = sum(asked[a].answer == asked[b].answer for a, b in pairs) / len(pairs)
        most = {"letter": 0.5, "order": 0.2, "letters": 0.25}.get(asked[NAMES[0]].kind, 0.3)
        assert same <= most, f"{name}: {same:.0%} of neighbours have the same answer"
    whole = [[quiz.question(*one, who).answer for one in EVERY] for who in NAMES]
    alike = [
        sum(a == b for a, b in zip(x, y, strict=True)) / len(EVERY) for n, x in enumerate(whole) for y in whole[:n]
    ]
    assert max(alike) < 0.35  # of the answers of two students


def test_draws_are_even():
    draw = quiz.Draw("even")
    counts = torch.tensor([draw.integer(1, 6) for _ in range(6000)]).bincount()[1:]
    assert counts.min() > 900
    assert counts.max() < 1100
    assert abs(sum(draw.noise(4000))) < 120
    assert sorted(draw.some_of(range(9), 9)) == list(range(9))


# ---- the banks


@pytest.mark.parametrize(("one", "name"), EVERY)
def test_every_question_is_sound_for_everybody(one, name):
    """No tempting answer is right (quiz.sound sees to it), and what a wrong one reads fits into a verdict."""
    for n in range(400):
        asked = quiz.question(one, name, f"student {n}")
        assert all(why.strip() for why in asked.tempting.values())
        assert len(quiz.explanation(asked)) < 1000


@pytest.mark.parametrize(("one", "name"), EVERY)
def test_right_and_wrong_answers_of_answers_py_hold_for_other_names(one, name, session, monkeypatch):
    """The reference solutions compute with torch what the bank computes by formula."""
    monkeypatch.setenv("DLCOURSE_GRADING", "1")
    runtime.session.assignment = one
    source = notebooks.read_source(notebooks.source_path(ROOT, one))
    cases = [
        (c.name, c.replaces[name], c.loses)
        for c in notebooks.read_answers(source.path.with_name("answers.py"))
        if name in c.replaces
    ]
    for case, code, loses in [("reference", notebooks.reference_answers(source)[name], set()), *cases]:
        for who in ("", *NAMES):
            space = {"quiz": quiz, "NAME": who}
            exec(code, space)
            lost = {
                test
                for test, judge in ((f"{name}_check", quiz.check), (f"{name}_first", quiz.first))
                if not passes(judge, name, who, space[name])
            }
            assert lost == loses, f"{case} for {who!r}: {space[name]}, right is {quiz.question(one, name, who).answer}"


def passes(judge, *arguments):
    try:
        return judge(*arguments)
    except Wrong:
        return False


@pytest.mark.parametrize("who", NAMES[:6])
def test_only_the_clumps_are_parted_by_a_line(who):
    """By linear programming: is there a line with all points of a class on its side?"""
    optimize = pytest.importorskip("scipy.optimize")
    from dlcourse.quizzes import quiz1_basics

    draw = quiz.Draw("quiz1_basics", "deep", quiz.person(who))
    turn = draw.integer(0, 11) * quiz1_basics.math.pi / 6
    noise = {kind: draw.noise(160) for kind in quiz1_basics.CLOUDS}
    for kind in quiz1_basics.CLOUDS:
        blue, orange = quiz1_basics._cloud(kind, turn, noise[kind])
        rows = [[-x, -y, -1.0] for x, y in blue] + [[x, y, 1.0] for x, y in orange]
        found = optimize.linprog([0, 0, 0], rows, [-1e-3] * len(rows), bounds=[(None, None)] * 3)
        assert found.success == (kind == "clumps"), kind


@pytest.mark.parametrize(("one", "name"), EVERY)
def test_pictures_draw_and_say_what_they_show(one, name):
    from matplotlib import pyplot as plt

    asked = quiz.question(one, name, "Ada Lovelace")
    if asked.picture is not None:
        assert len(asked.picture()) > 20
        assert len(plt.get_fignums()) == 1
        plt.close("all")


# ---- reading answers


def asked(kind):
    options = {letter: (letter, "") for letter in "ABCD"}
    answer = {"number": 1.386, "whole": 2080, "wholes": (32, 10), "letter": "B", "letters": "AC", "order": "CABD"}[kind]
    wrong = {
        "number": (0.5, 0.7),
        "whole": (1, 2),
        "wholes": ((10, 32), (1, 1)),
        "letter": "AC",
        "letters": "BD",
        "order": ("ABCD", "DCBA"),
    }[kind]
    return quiz.Question(
        "?",
        kind,
        answer,
        "so",
        dict.fromkeys(wrong, "why"),
        {},
        options=options if "le" in kind or kind == "order" else {},
        within=0.006,
    )


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        *[("whole", v) for v in (2080, 2080.0, "2080", "2,080", "2 080", "2_080", "2'080", "2\u202f080", " 2080 ", "2.08e3", torch.tensor(2080), [2080])],
        *[("number", v) for v in (1.386, 1.39, "1.386", "1,386", "1,39", torch.tensor(1.3863), 1.3862943611198906)],
        *[("wholes", v) for v in ((32, 10), [32, 10], "(32, 10)", "32 x 10", "32×10", torch.Size([32, 10]), (32.0, "10"), torch.tensor([32, 10]), [(32, 10)])],
        *[("letter", v) for v in ("B", "b", " b ", "(b)", "B.", "b)", ["B"], ("b",), "Ｂ")],
        *[("letters", v) for v in ("AC", "CA", "a, c", "a and c", ["A", "C"], {"c", "a"}, ("c", "A"), "A C", "AAC")],
        *[("order", v) for v in ("CABD", "cabd", "C, A, B, D", ["C", "A", "B", "D"], "C-A-B-D", ("c", "a", "b", "d"))],
    ],
)  # fmt: skip
def test_a_right_answer_is_read_however_it_is_typed(kind, typed):
    one = asked(kind)
    assert [quiz._same(one, found, one.answer) for found in quiz._tries(one, "x", typed)] == [True]


@pytest.mark.parametrize(
    ("kind", "typed", "says"),
    [
        ("whole", "about 2000", "a whole number, such as 2080"),
        ("whole", True, "(bool)"),
        ("whole", float("nan"), "nan (float)"),
        ("whole", {"a": 1}, "(dict)"),
        ("whole", print, "(builtin_function_or_method)"),
        ("whole", (1, 2, 3), "2 tries count; yours are 3"),
        ("whole", [], "is empty"),
        ("number", "1/2", "a number, such as 0.25"),
        ("wholes", 320, "whole numbers in brackets"),
        ("wholes", (32, 10, 3), "2 numbers were awaited; yours are 3"),
        ("letter", 2, "one letter in quotation marks"),
        ("letter", "BD", 'For a second try: "B", "D"'),
        ("letter", "E", "from A to D"),
        ("letter", "", "one letter"),
        ("order", "CAB", "4 letters were awaited, one for each; yours are 3"),
        ("letters", 7, "the letters in quotation marks"),
    ],
)
def test_what_cannot_be_read_is_said_and_is_no_try(kind, typed, says):
    with pytest.raises(Wrong) as error:
        quiz._tries(asked(kind), "x", typed)
    assert says in str(error.value)


def test_two_tries_are_told_from_the_parts_of_one_answer():
    read = {kind: quiz._tries(asked(kind), "x", typed) for kind, typed in
            (("whole", (1, "2,080")), ("wholes", ((10, 32), [32, 10])), ("letter", ["a", "b"]), ("letters", ("ABCD", "AC")),
             ("order", [list("ABCD"), "CABD"]))}  # fmt: skip
    assert read == {
        "whole": [1, 2080],
        "wholes": [(10, 32), (32, 10)],
        "letter": ["A", "B"],
        "letters": ["ABCD", "AC"],
        "order": ["ABCD", "CABD"],
    }


# ---- judging


def wrong(name, answer, who="Ada Lovelace", judge=quiz.check):
    with pytest.raises(Wrong) as error:
        judge(name, who, answer)
    return " ".join(str(error.value).split())


def right(name, who="Ada Lovelace"):
    return quiz.question("quiz1_basics", name, who).answer


def test_an_open_question_fails_as_every_blank_of_the_course_does(session):
    for judge in (quiz.check, quiz.first):
        with pytest.raises(NotImplementedError, match=checks.BLANK) as error:
            judge("params", "", None)
    assert f'raise NotImplementedError("{checks.BLANK}")' == notebooks.STUB
    assert error.value._render_traceback_()[0].startswith("Not answered yet")


def test_a_wrong_try_tells_what_tempted_and_not_what_is_right(session):
    asked = quiz.question("quiz1_basics", "params", "Ada Lovelace")
    said = wrong("params", next(iter(asked.tempting)))
    assert "The weights alone. Each unit has a bias, too." in said
    assert "half the points" in said
    assert f"{asked.answer:,}" not in said


def test_the_second_try_comes_behind_the_first_and_counts_half(session):
    wrong("params", 5)
    said = wrong("params", right("params"))
    assert f"Your first try was 5, and that is how it counts. Write all of them: params = 5, {right('params')}" in said
    assert quiz.check("params", "Ada Lovelace", (5, right("params")))
    assert "The first try was 5." in wrong("params", (5, right("params")), judge=quiz.first)
    assert quiz.first("params", "Ada Lovelace", right("params"))


def test_after_two_wrong_tries_comes_the_explanation_and_no_third(session):
    wrong("params", 5)
    said = wrong("params", (5, 6))
    assert f"Right is {right('params'):,}" in said
    assert "Tempting, and wrong:" in said
    assert "Both tries are used: params = 5, 6" in wrong("params", (5, right("params")))


def test_the_students_own_check_tells_no_more_than_the_notebook(session, monkeypatch):
    monkeypatch.setenv("DLCOURSE_GRADING", "1")
    assert f"Right is {right('params'):,}" in wrong("params", 5)  # on the feedback page
    monkeypatch.setattr(runtime, "has_front_end", lambda: True)  # `dlcourse check` sets the variable in a kernel
    assert f"{right('params'):,}" not in wrong("params", 5)


def test_a_choice_cannot_be_tried_through(session):
    letters = [letter for letter in "ABCD" if letter != right("nested")]
    wrong("nested", letters[0])
    for letter in "ABCD":
        if letter != letters[0]:
            assert "Your first try was" in wrong("nested", letter)
    wrong("nested", (letters[0], letters[1]))
    assert "Both tries are used" in wrong("nested", (letters[0], right("nested")))


def test_a_right_answer_may_be_run_again_and_typed_in_another_way(session):
    for typed in (right("params"), f"{right('params'):,}", (right("params"), 3)):
        assert quiz.check("params", "Ada Lovelace", typed)


def test_who_changes_the_name_is_told(session, capsys):
    quiz.ask("params", "")
    assert "since NAME is still empty" in capsys.readouterr().out
    said = wrong("params", right("params"))
    assert 'NAME was empty when the question was shown, and is "ada lovelace" now' in said
    quiz.ask("params", "Ada Lovelace")
    assert "Drawn for Ada Lovelace." in capsys.readouterr().out
    assert "is right for the quiz without a name" in wrong("params", right("params", ""))
    assert quiz.check("params", "Ada Lovelace", right("params"))  # neither was a try


def test_a_name_that_is_no_text_is_refused(session):
    assert 'NAME is a list: write one text in the name cell, such as NAME = "Ada Lovelace".' in wrong(
        "params", 1, who=["Ada"]
    )


def test_the_card_adds_up(session, capsys):
    quiz.check("shape", "Ada Lovelace", right("shape"))
    wrong("params", 5)
    quiz.check("params", "Ada Lovelace", (5, right("params")))
    wrong("budget", 5000)
    capsys.readouterr()
    quiz.card("Ada Lovelace")
    said = capsys.readouterr().out
    assert "1.5 of 7 points" in said
    assert "✗ budget    0, a second try is left" in said
    assert "– nested    open" in said


def test_what_is_not_there_is_said(session):
    with pytest.raises(ValueError, match="has no question 'parms': there are nested, learning"):
        quiz.ask("parms", "")
    with pytest.raises(ValueError, match="shape has no picture"):
        quiz.picture("shape", "")
    runtime.session.assignment = None
    with pytest.raises(ValueError, match="no quiz is open: run the first cell"):
        quiz.ask("params", "")


def test_a_question_whose_trap_is_right_is_refused():
    with pytest.raises(ValueError, match="the tempting answer 4 is the right one"):
        quiz.whole("2 + 2?", 4, "so", {5: "a", 4: "b"})
    with pytest.raises(ValueError, match="two tempting wrong answers"):
        quiz.whole("2 + 2?", 4, "so", {5: "a"})


def test_the_example_in_contributing_is_right():
    example = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[2]
    space = {"quiz": quiz}
    exec(example, space)
    for n in range(200):
        space["steps"](quiz.Draw(str(n)))


# ---- grading


def hand_in(id, answers, name, drawn_for=None):
    """The notebook with these answers: those of the reference are computed for `drawn_for` and then typed as values."""
    source, course = notebooks.load_checked(ROOT, id)
    released = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    typed = {}
    for question in notebooks.reference_answers(source):
        typed[question] = f"{question} = {quiz.question(id, question, drawn_for or name).answer!r}"
    book = notebooks.with_answers(released, typed | answers)
    for cell in book.cells:
        cell.source = cell.source.replace('NAME = ""', f'NAME = "{name}"')
    return notebooks.dumps(book)


@pytest.mark.slow
@pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
def test_each_student_is_graded_on_their_own_numbers(tmp_path):
    id, inbox = "quiz1_basics", tmp_path / "in"
    inbox.mkdir()
    books = {
        "Ada_Lovelace": hand_in(id, {}, "ada  LOVELACE"),
        "Alan_Turing": hand_in(id, {}, "Alan Turing", drawn_for="Ada Lovelace"),  # copied
        "Emmy_Noether": hand_in(id, {}, "Ada Lovelace"),  # copied, with the name
        "Grace_Hopper": hand_in(id, {"params": "params = print", "nested": "nested = None", "deep": "pass"}, "Grace Hopper"),
        "Kurt_Godel": hand_in(id, {}, "Kurt Gödel"),
        "No_Name": hand_in(id, {}, ""),
    }  # fmt: skip
    for student, text in books.items():
        (inbox / f"{student}_{id}.ipynb").write_text(text)
    outcome = grading.grade(id, inbox, tmp_path / "course", root=ROOT, limits=Limits(cell_seconds=60))
    found = {record["student"]: record for record in outcome.records}
    assert {name: record["score"] for name, record in found.items() if name not in ("Alan_Turing",)} == {
        "Ada_Lovelace": 7, "Emmy_Noether": 7, "Grace_Hopper": 4, "Kurt_Godel": 7, "No_Name": 7,
    }  # fmt: skip
    assert found["Alan_Turing"]["score"] <= 2
    assert {name for name, record in found.items() if "other name" in record["flags"]} == {"Emmy_Noether"}
    cells = found["Grace_Hopper"]["cells"]
    assert cells["nested_check"]["status"] == cells["deep_first"]["status"] == "unanswered"
    assert cells["params_check"]["status"] == "failed"
    assert not [item for item in outcome.plan.tests if item.weak]
    told = found["Alan_Turing"]["cells"]["params_check"]["message"]
    assert f"Right is {right('params', 'Alan Turing'):,}" in told  # the feedback page explains


@pytest.mark.parametrize(
    ("student", "typed", "other"),
    [
        ("Ada_Lovelace", '"Ada Lovelace"', False),
        ("Ada_Lovelace", '"lovelace,  ada"', False),
        ("Ada_Lovelace", '"Ada King Lovelace"', False),
        ("Zoe_Muller", '"Zoë Müller"', False),
        ("Ada_Lovelace", '""', False),
        ("s1234567", '"Ada Lovelace"', False),
        ("Ada_Lovelace", '"Ada Turing"', True),
        ("Ada_Lovelace", '"Emmy Noether"', True),
        ("Ada_Lovelace", '"".join(["Em", "my"])', True),
    ],
)
def test_another_name_than_the_files_is_seen(student, typed, other):
    cells = [{"name": "x", "code": True, "source": f"NAME = {typed}"}]
    assert format_rules.other_name(student, cells) is other


# ---- paper


def test_a_sheet_for_each_name_with_and_without_answers(tmp_path, capsys):
    from dlcourse.quizzes.__main__ import main

    pytest.importorskip("mistune")
    (tmp_path / "class.txt").write_text("Ada Lovelace\nZoë <Müller>\n")
    arguments = ["quiz1_basics", "quiz2_losses", "--names", str(tmp_path / "class.txt"), "--only", "params,rates,risk"]
    assert main(arguments) == 0
    plain = capsys.readouterr().out
    assert main([*arguments, "--answers"]) == 0
    key = capsys.readouterr().out
    assert plain.count('<section class="sheet">') == 2
    assert plain.count("data:image/png;base64,") == 4
    assert "Zoë &lt;Müller&gt;" in plain
    assert "<table>" in plain
    assert "Tempting" not in plain
    assert f"{right('params'):,}" in key
    assert main(["quiz1_basics", "--name", "Ada", "--only", "parms"]) == 2
    assert "no question parms" in capsys.readouterr().err


GOLDEN_INTEGERS = [371, 497, 92, 824]
GOLDEN_ORDER = ["D", "B", "C", "A", "E"]
GOLDEN_NOISE = [0.7973466707000378, 0.8972228070459642]
GOLDEN_ANSWERS = {
    "quiz1_basics": {
        "nested": "D",
        "learning": "ABCD",
        "when": "AC",
        "deep": "D",
        "shape": (32, 19),
        "params": 2730,
        "budget": 25,
    },
    "quiz2_losses": {
        "risk": 2.125,
        "which": "BDCA",
        "cross_entropy": 0.916290731874155,
        "steps": 333,
        "rates": "DBAC",
        "momentum": 2.904,
        "early": 10,
        "cure": "B",
    },
    "quiz3_shapes": {
        "words": (189, 27, 27, 27),
        "size": (6, 5, 3),
        "weights": 25120,
        "pool": (1, -3, 0, -6),
        "maps": "A",
        "sees": 24,
        "flatten": 1024,
    },
    "quiz4_transfer": {
        "ways": "CDAB",
        "learns": 65568,
        "contract": 1.1529240517167565,
        "crop": (672, 672),
        "moves": "AE",
        "curves": "ABDC",
        "symptom": "B",
    },
    "quiz5_sequences": {
        "step": 11.96,
        "jobs": "ADCE",
        "params": 4176,
        "lag": "DCBA",
        "perplexity": 3.623898318388477,
        "bits": 2.6689858256445826,
        "temperature": 0.5390835579514824,
        "beam": "A",
    },
    "quiz6_attention": {
        "weights": 0.18181818181818182,
        "shapes": (13, 8, 6, 59),
        "masks": "BACD",
        "positions": "AC",
        "block": 10624,
        "cost": 108864,
        "beam": 0.187,
    },
}
