"""Copies in disguise are found in a class of any size; honest work is left alone, above all where it is short."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcourse.staff import notebooks, similar
from dlcourse.staff.plan import SourceCell, make_plan, read_cells
from tests.staff.alike_class import HEADS, disguised, honest


@pytest.fixture(scope="module")
def plan():
    source, course = notebooks.load_checked(notebooks.find_root(), "hw1_mlp")
    instructor = notebooks.instructor_notebook(source, course)
    return make_plan("hw1_mlp", read_cells(instructor, notebooks.release_notebook(instructor)))


def record(plan, student, answers, more=(), shuffle=None, **facts):
    """A hand-in: the release with `answers` filled in, cells added, in another order."""
    shown = [{"name": c.name, "code": c.is_code, "source": answers.get(c.name, c.released)} for c in plan.cells]
    shown += [{"name": None, "code": True, "source": text} for text in more]
    if shuffle is not None:
        shuffle.shuffle(shown)
    return {"student": student, "problem": None, "handed_in_by": None, "shown": shown} | facts


def class_of(plan, n, copies, seed):
    """n students, of whom `copies` have somebody else's work in disguise; the records and the planted pairs."""
    draw, records, planted = random.Random(seed), [], set()
    for i in range(n - copies):
        answers = honest(draw)
        records.append(record(plan, f"a{i:04}", answers))
        if i < copies:
            records.append(record(plan, f"z{i:04}", disguised(answers, draw), shuffle=draw))
            planted.add((f"a{i:04}", f"z{i:04}"))
    return records, planted


def pairs(records, plan):
    return {pair.students for pair in similar.similar_pairs(records, plan)}


def test_the_generated_work_is_python():
    draw = random.Random(0)
    for _ in range(200):
        answers = honest(draw)
        for text in (*answers.values(), *disguised(answers, draw).values()):
            compile(text, "answer", "exec")


def test_names_comments_docstrings_numbers_and_layout_play_no_part():
    one = "def f(items, rate=0.1):\n    total = sum(x ** 2 for x in items)  # squares\n    return {'mean': total / len(items)}"
    other = (
        '%matplotlib inline\ndef mean_of(a, r = 25):\n  """Mine."""\n  # first\n'
        '  t = sum(b**2 for b in a);\n  return { \\\n "m" : t / len(a) }'
    )
    assert [text for text, _ in similar.tokens(one)] == [text for text, _ in similar.tokens(other)]
    assert [text for text, _ in similar.tokens("x.sum(dim=1)")] == ["v", ".", "sum", "(", "v", "=", "0", ")"]
    methods = "class A:\n    def go(self):\n        self.here = self.go().size"
    assert [text for text, _ in similar.tokens(methods)][-7:] == ["v", ".", "v", "(", ")", ".", "size"]


@pytest.mark.parametrize("n", [12, 30, 100])
def test_copies_in_disguise_are_found(plan, n):
    """Renamed, commented, laid out anew, cells in another order, one question of five written anew."""
    caught = planted = others = 0
    for seed in range(4):
        records, wanted = class_of(plan, n, max(2, n // 15), seed)
        found = pairs(records, plan)
        caught, planted, others = caught + len(found & wanted), planted + len(wanted), others + len(found - wanted)
    assert caught >= 0.8 * planted
    assert others <= 2


def test_a_class_of_500_takes_seconds_and_names_few_who_worked_alone(plan):
    records, planted = class_of(plan, 500, 20, 1)
    began = time.process_time()
    found = pairs(records, plan)
    assert time.process_time() - began < 20
    assert len(found & planted) >= 15
    assert len(found - planted) <= 8  # of 124,730 pairs


def test_the_work_grows_with_the_class_and_not_with_its_square(plan, monkeypatch):
    looked_at = []
    kept = similar._candidates
    monkeypatch.setattr(similar, "_candidates", lambda *a: looked_at.append(kept(*a)) or looked_at[-1])
    monkeypatch.setattr(
        similar, "INDEXED", 12
    )  # in place of 60, as these classes are five times smaller than large ones
    for n in (60, 240):
        pairs(class_of(plan, n, 4, 2)[0], plan)
    assert len(looked_at[1]) < 8 * len(looked_at[0])  # four times the students make 16 times the pairs


def test_honest_classes_are_left_alone(plan):
    assert sum(len(pairs(class_of(plan, 30, 0, seed)[0], plan)) for seed in range(6)) <= 1


ONE_LINE = {
    "softmax": "def softmax(scores):\n    return torch.softmax(scores, 1)",
    "step": "def step(parameters, gradients, rate):\n    for p, g in zip(parameters, gradients):\n        p -= rate * g",
}


@pytest.mark.parametrize("n", [2, 5, 12, 60])
def test_short_work_that_all_write_alike_is_no_alarm(plan, n):
    assert pairs([record(plan, f"s{i}", ONE_LINE) for i in range(n)], plan) == set()


def test_the_release_and_the_model_solution_are_nobodys_own(plan):
    model = {c.name: c.source for c in plan.cells if c.kind == "solution"}
    draw = random.Random(5)
    records = [record(plan, f"h{i}", honest(draw)) for i in range(20)]
    records += [record(plan, f"m{i}", model) for i in range(2)] + [record(plan, f"b{i}", {}) for i in range(2)]
    assert not any(name[0] in "mb" for pair in pairs(records, plan) for name in pair)


def test_what_a_third_of_the_class_has_from_one_source_names_nobody(plan):
    draw = random.Random(6)
    helper = "\n".join(
        f"def helper_{i}(a, b):\n    return [a.view(-1, b)[i] for i in range({i}, b)]" for i in range(20)
    )
    records = [record(plan, f"s{i:02}", honest(draw), more=[helper] * (i % 3 == 0)) for i in range(30)]
    assert pairs(records, plan) == set()


def test_four_who_share_are_six_pairs_and_a_group_is_none(plan):
    draw = random.Random(7)
    records = [record(plan, f"h{i:02}", honest(draw)) for i in range(40)]
    answers = honest(draw)
    records += [record(plan, f"x{i}", disguised(answers, draw, again=0), shuffle=draw) for i in range(4)]
    assert pairs(records, plan) == {(f"x{i}", f"x{j}") for i in range(4) for j in range(i + 1, 4)}
    partners = [records[-1] | {"student": "y", "handed_in_by": "x3"}]
    assert "y" not in {name for pair in pairs(records + partners, plan) for name in pair}


def test_a_pair_says_where_and_shows_each_ones_own_text(plan):
    draw = random.Random(8)
    records = [record(plan, f"h{i:02}", honest(draw)) for i in range(20)]
    answers = honest(draw)
    other = answers | {"train": answers["train"].replace("learn(", "learn (")}
    own = "\n".join(f"print({i}, [x.shape for x in batch if x.ndim > {i}], sorted(seen))" for i in range(8))
    records += [record(plan, "one", answers, more=[own]), record(plan, "two", other, more=[own])]
    (pair,) = similar.similar_pairs(records, plan)
    assert pair.students == ("one", "two")
    assert pair.share == 1
    assert {"train", "backward", ""} <= set(pair.places) <= {*HEADS, ""}
    assert pair.passages[0] in (*answers.values(), own)
    assert pair.passages[1] in (*other.values(), own)


@given(st.text(alphabet=st.sampled_from("\"'\\#()[]{}:=.\n\r \tself def class x1%!;é\ud800"), max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_has_tokens(text):
    lines = [line for _, line in similar.tokens(text)]
    assert lines == sorted(lines)
    similar.fragments(text)


@pytest.mark.parametrize(
    "text",
    ['"""x' * 300_000 + "\\", "self.a:" * 200_000, "'\\" * 500_000, " " * 2_000_000, "(" * 500_000, "x=1;" * 500_000,
     "%" * 1_000_000, "\n" * 2_000_000],
    ids=lambda text: repr(text[:5]),
)  # fmt: skip
def test_an_endless_text_is_quick(text):
    cells = [SourceCell("a", "solution", "pass", "pass", True)]
    shown = [{"name": "a", "code": True, "source": text}]
    records = [{"student": s, "problem": None, "handed_in_by": None, "shown": shown} for s in "ab"]
    began = time.process_time()
    similar.similar_pairs(records, make_plan("a", cells))
    assert time.process_time() - began < 5
