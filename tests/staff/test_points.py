"""What work counts: both founding courses' rules to the digit, and what must hold for any rule and any class."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcourse.staff import points, policy
from dlcourse.staff.points import Deducted, Mark, Work, final_share, mark, mark_or_state, owners, share_of_kind
from dlcourse.staff.policy import Deduction, Extension, Groups, LateRule

DUE = datetime(2027, 3, 5, 23, 59, tzinfo=UTC)
RULES = """
[course]
name = "A course"
timezone = "America/New_York"
"""
# professionalism 20, assignments 20, labs 10 for completion, quizzes 20, project 30 in groups of two
FIRST = (
    RULES
    + """
[weights]
participation = 0.20
homework = 0.20
lab = 0.10
quiz = 0.20
project = 0.30
[late.homework]
rule = "per_day"
penalty = 0.10
[late.lab]
rule = "half_then_zero"
days = 7
[completion]
lab = 0.8
[drop_lowest]
quiz = 1
[deductions.homework]
misnamed = { points = 1 }
no_name = { share = 0.05 }
text_in_code = { share = 0.10 }
[groups.project]
one = ["ada", "alan"]
[excused]
alan.lab1 = "ill"
[extensions]
alan.hw1 = { days = 2, reason = "ill" }
[assignments]
lab1 = { kind = "lab", points = 4, due = 2027-02-05T23:59:00Z }
lab2 = { kind = "lab", points = 6, due = 2027-02-12T23:59:00Z }
hw1 = { kind = "homework", points = 20, due = 2027-03-05T23:59:00Z }
hw2 = { kind = "homework", points = 20, due = 2027-04-05T23:59:00Z }
quiz1 = { kind = "quiz", points = 10, scores = "quiz1.csv" }
quiz2 = { kind = "quiz", points = 10, scores = "quiz2.csv" }
description = { kind = "project", points = 10, scores = "description.csv" }
presentation = { kind = "project", points = 20, scores = "presentation.csv" }
attendance = { kind = "participation", points = 14, scores = "attendance.csv" }
"""
)
# homework 30 in groups of two, mid-term 40, project 30; half credit within a week, then nothing
SECOND = (
    RULES
    + """
[weights]
homework = 0.30
exam = 0.40
project = 0.30
[late.homework]
rule = "half_then_zero"
days = 7
[groups.homework]
one = ["ada", "alan"]
[assignments]
hw1 = { kind = "homework", points = 10, due = 2027-03-05T23:59:00Z }
hw2 = { kind = "homework", points = 30, due = 2027-04-05T23:59:00Z }
midterm = { kind = "exam", points = 40, scores = "midterm.csv" }
project = { kind = "project", points = 100, scores = "project.csv" }
"""
)
END = datetime(2027, 7, 1, tzinfo=UTC)


def rules(text):
    return policy.parse(tomllib.loads(text), without=policy.PUBLIC)


def final(course, works, student="ada", now=END, so_far=False):
    """(share of the course, marks) of a student with these works: assignment -> Work."""
    marks = {}
    for a in course.assignments.values():
        excused = policy.excuse_for(course, a, [student]) is not None
        members = course.groups_of(a).members(student)
        marks[a.id] = mark_or_state(
            course, a, members, works.get(a.id), excused=excused, graded=True, now=now, so_far=so_far
        )
    shares = {}
    for kind in course.weights:
        of_kind = [(a.weight or a.points, marks[a.id]) for a in course.assignments.values() if a.kind == kind]
        shares[kind] = share_of_kind(of_kind, course.drop_lowest.get(kind, 0), so_far)
    return final_share(course.weights, shares), marks


def on(day, share, **more):
    return Work(share, submitted=datetime.fromisoformat(f"2027-{day}T12:00:00+00:00"), **more)


WORKS = {
    "lab1": on("02-05", 0.25, tried=0.9),  # enough was tried: full points
    "lab2": on("02-14", 0.5, tried=0.5),  # half was tried, within a week: 6 x 0.5 x 0.5
    "hw1": on("03-07", 0.9, flags=("misnamed", "no name")),  # (18 - 1 - 1) x 0.8, two days begun
    "hw2": on("04-01", 0.5, flags=("text in code",)),  # 10 - 2
    "quiz1": Work(0.3),  # the lowest: left out
    "quiz2": Work(0.8),
    "description": Work(1.0),
    "presentation": Work(0.7),
    "attendance": Work(13 / 14),
}


def test_the_first_founding_scheme_to_the_digit():
    share, marks = final(rules(FIRST), WORKS)
    assert {id: round(m.points, 9) for id, m in marks.items()} == {
        "lab1": 4, "lab2": 1.5, "hw1": 12.8, "hw2": 8, "quiz1": 3, "quiz2": 8,
        "description": 10, "presentation": 14, "attendance": 13,
    }  # fmt: skip
    assert marks["hw1"].deductions == (Deducted("misnamed", 1), Deducted("no name", 1))
    kinds = 0.20 * 13 / 14 + 0.20 * 20.8 / 40 + 0.10 * 5.5 / 10 + 0.20 * 8 / 10 + 0.30 * 24 / 30
    assert share == pytest.approx(kinds)


def test_an_extension_and_an_excuse_of_one_student_change_that_students_grade_only():
    share, marks = final(rules(FIRST), WORKS, student="alan")
    assert marks["hw1"].points == pytest.approx(16)  # two days more
    assert marks["lab1"].state == "excused"
    kinds = 0.20 * 13 / 14 + 0.20 * 24 / 40 + 0.10 * 1.5 / 6 + 0.20 * 8 / 10 + 0.30 * 24 / 30
    assert share == pytest.approx(kinds)


def test_the_second_founding_scheme_to_the_digit():
    works = {"hw1": on("03-06", 0.8), "hw2": on("04-13", 1.0), "midterm": Work(0.75), "project": Work(0.9)}
    share, marks = final(rules(SECOND), works)
    assert marks["hw1"].points == pytest.approx(4)  # half within a week
    assert marks["hw2"].points == 0  # later than that
    assert share == pytest.approx(0.30 * 4 / 40 + 0.40 * 0.75 + 0.30 * 0.9)


def test_what_was_not_handed_in_counts_0_and_what_is_not_due_yet_only_in_the_end():
    course, works = rules(SECOND), {"hw1": on("03-05", 0.8), "midterm": Work(0.75)}
    share, marks = final(course, works, now=DUE + timedelta(days=1), so_far=True)
    assert marks["hw2"].state == "not due"
    assert marks["project"].state == "missing"  # its file is there, and the student not in it
    assert share == pytest.approx(0.30 * 0.8 + 0.40 * 0.75)
    share, marks = final(course, works)
    assert marks["hw2"].state == "missing"
    assert share == pytest.approx(0.30 * 8 / 40 + 0.40 * 0.75)


def test_a_kind_that_nobody_has_yet_leaves_its_weight_to_the_others():
    assert final_share({"homework": 0.3, "exam": 0.4, "project": 0.3}, {"homework": 0.5, "exam": None, "project": 0.8}) == (
        pytest.approx((0.3 * 0.5 + 0.3 * 0.8) / 0.6)
    )  # fmt: skip
    assert final_share({"homework": 1}, {"homework": None}) is None


def test_points_that_a_person_has_still_to_give_are_left_out_of_the_grade_so_far():
    course, works = rules(SECOND), {"hw1": on("03-05", 0.6, open=0.2), "midterm": Work(1.0), "project": Work(1.0)}
    now = DUE + timedelta(days=1)
    share, marks = final(course, works, now=now, so_far=True)
    assert marks["hw1"].state == "provisional"
    assert (marks["hw1"].points, marks["hw1"].open) == (pytest.approx(6), pytest.approx(2))
    assert share == pytest.approx(0.3 * 6 / 8 + 0.7)


def test_a_lab_for_completion_waits_for_no_marking_and_a_homework_does():
    course = rules(FIRST)
    work = on("02-01", 0.1, open=0.5, tried=0.8, remark=True)
    assert mark(course, course.assignments["lab1"], ["ada"], work).state == "graded"
    assert mark(course, course.assignments["hw1"], ["ada"], work).state == "provisional"


def test_work_that_was_marked_in_an_older_version_is_provisional():
    course = rules(FIRST)
    assert mark(course, course.assignments["hw1"], ["ada"], on("03-01", 0.9, remark=True)).state == "provisional"


def test_work_that_could_not_be_run_counts_0_and_is_no_settled_grade():
    course = rules(FIRST)
    found = mark(course, course.assignments["hw1"], ["ada"], on("03-01", None))
    assert (found.state, found.points, found.open) == ("could not run", 0, 20)


def test_an_assignments_own_late_rule_and_weight_replace_those_of_its_kind():
    text = SECOND.replace(
        "due = 2027-03-05T23:59:00Z }", 'due = 2027-03-05T23:59:00Z, weight = 30, late.rule = "none" }'
    )
    works = {"hw1": on("06-06", 0.8), "hw2": on("04-01", 0.4), "midterm": Work(1.0), "project": Work(1.0)}
    share, _ = final(rules(text), works)
    assert share == pytest.approx(0.3 * (0.8 + 0.4) / 2 + 0.7)


def test_of_two_hand_ins_of_a_group_the_newest_that_could_be_run_counts():
    groups = Groups({"ada": "one", "alan": "one"}, {})
    early, late = DUE - timedelta(days=1), DUE
    assert owners(groups, {"ada": (True, early), "alan": (True, late)}) == {"ada": "alan", "alan": "alan"}
    assert owners(groups, {"ada": (True, early), "alan": (False, late)}) == {"ada": "ada", "alan": "ada"}
    assert owners(groups, {"ada": (True, early), "grace": (True, late)}) == {"ada": "ada", "grace": "grace"}


def test_the_lowest_are_those_without_which_the_share_is_highest():
    """40 of 100 has the higher share, but weighs more than 4 of 12: without it the rest is better."""
    big, small, full = (Mark("graded", p, of) for p, of in ((40, 100), (4, 12), (100, 100)))
    marks = [(m.of, m) for m in (big, small, full)]
    assert share_of_kind(marks, 1) == pytest.approx(104 / 112)
    assert share_of_kind(marks[:1], 1) == 0.4  # one always stays


# ---- what must hold for any rule

unit = st.floats(0, 1)
kinds = st.sampled_from(["lab", "homework"])
late_rules = st.one_of(
    st.just(LateRule("none")),
    st.builds(lambda p, g: LateRule("per_day", penalty=p, grace_minutes=g), unit, st.floats(0, 1440)),
    st.builds(lambda d: LateRule("half_then_zero", days=d), st.floats(0, 30)),
    st.builds(lambda p, c: LateRule("per_day", penalty=p, cutoff_days=c), unit, st.floats(0, 30)),
)
costs = st.one_of(
    st.builds(lambda p: Deduction(points=p), st.floats(0, 30)), st.builds(lambda s: Deduction(share=s), unit)
)
times = st.integers(-10_000, 60_000).map(lambda minutes: DUE + timedelta(minutes=minutes))
works = st.builds(
    Work,
    share=st.floats(-1, 2) | st.none(),
    open=unit,
    submitted=times,
    tried=unit,
    flags=st.lists(st.sampled_from(["misnamed", "no name", "text in code", "late"]), unique=True).map(tuple),
)
PLAIN = rules(SECOND)


@st.composite
def courses(draw):
    costs_of = st.dictionaries(st.sampled_from(sorted(policy.FAULTS)), costs)
    return replace(
        PLAIN,
        late={"homework": draw(late_rules)},
        completion=draw(st.dictionaries(st.just("homework"), unit)),
        deductions=draw(st.dictionaries(st.just("homework"), costs_of)),
        drop_lowest=draw(st.dictionaries(st.just("homework"), st.integers(0, 3))),
    )


@given(courses(), works)
def test_points_are_never_below_0_nor_above_what_there_is(course, work):
    a = course.assignments["hw1"]
    found = mark(course, a, ["ada"], work)
    assert 0 <= found.points <= a.points
    assert sum(d.points for d in found.deductions) <= a.points + 1e-9


@given(courses(), works, times, times)
def test_more_late_never_gives_more(course, work, one, other):
    a = course.assignments["hw1"]
    early, late = (mark(course, a, ["ada"], replace(work, submitted=t)).points for t in sorted((one, other)))
    assert late <= early


@given(courses(), works, st.builds(Extension, st.none() | times, st.floats(0, 366), st.just("ill")))
def test_an_extension_never_lowers_the_points_of_anybody_in_the_group(course, work, extension):
    a = course.assignments["hw1"]
    granted = replace(course, extensions={("alan", "hw1"): extension})
    for student in ("ada", "alan", "grace"):
        members = course.groups_of(a).members(student)
        assert mark(granted, a, members, work).points >= mark(course, a, members, work).points


@given(courses(), st.dictionaries(st.sampled_from(["hw1", "hw2", "midterm", "project"]), works), st.booleans())
def test_an_extension_never_lowers_the_final_grade_whatever_is_dropped(course, held, so_far):
    held = {id: replace(work, open=0.0) for id, work in held.items()}
    granted = replace(course, extensions={("ada", "hw1"): Extension(None, 5.0, "ill")})
    before, _ = final(course, held, now=END, so_far=so_far)
    after, _ = final(granted, held, now=END, so_far=so_far)
    assert before is None or after >= before - 1e-9


@given(courses(), st.dictionaries(st.sampled_from(["hw2", "midterm", "project"]), works), st.integers(0, 3))
def test_to_be_excused_from_what_was_not_handed_in_never_lowers_the_final_grade(course, held, drop):
    course = replace(course, drop_lowest={"homework": drop})
    before, _ = final(course, held)
    after, _ = final(replace(course, excused={("ada", "hw1"): "ill"}), held)
    assert after is None or after >= before - 1e-9


marks = st.lists(
    st.tuples(st.floats(0.1, 100), unit, st.sampled_from([*points.COUNTED, "excused", "not due", "not graded"])).map(
        lambda x: (x[0], Mark(x[2], x[1] * 10, 10))
    ),
    max_size=8,
)


@given(marks, st.integers(0, 8))
def test_dropping_never_lowers_and_dropping_more_never_does_either(held, drop):
    none, some, more = (share_of_kind(held, n) for n in (0, drop, drop + 1))
    if none is None:
        assert some is more is None
    else:
        assert 0 <= none <= some + 1e-9 <= more + 2e-9 <= 1 + 2e-9


@given(marks, st.integers(0, 7))
def test_dropping_finds_the_best_choice_that_there_is(held, drop):
    from itertools import combinations

    counted = [(w, m) for w, m in held if m.state in points.COUNTED]
    if counted:
        keep = max(1, len(counted) - drop)
        choices = combinations([(w * m.points / m.of, w) for w, m in counted], keep)
        best = max(sum(r for r, _ in c) / sum(w for _, w in c) for c in choices)
        assert share_of_kind(held, drop) == pytest.approx(best)


@given(marks, st.integers(0, 7), st.integers(0, 7), unit)
def test_a_better_mark_never_lowers_its_kind_whatever_is_dropped(held, drop, at, share):
    if at < len(held):
        weight, one = held[at]
        better = [*held[:at], (weight, replace(one, points=max(one.points, 10 * share))), *held[at + 1 :]]
        before, after = share_of_kind(held, drop), share_of_kind(better, drop)
        assert before is after is None or after >= before - 1e-9


@given(marks.flatmap(lambda held: st.tuples(st.just(held), st.permutations(held))), st.integers(0, 5))
def test_the_order_of_assignments_does_not_matter(both, drop):
    held, other = both
    assert share_of_kind(held, drop) == share_of_kind(other, drop)


weights = st.dictionaries(st.sampled_from(sorted(policy.KINDS)), st.floats(0.01, 1), min_size=1)


@given(weights, st.data())
def test_the_weights_of_the_kinds_that_count_are_taken_to_add_up_to_1(weights, data):
    shares = {kind: data.draw(st.none() | unit) for kind in weights}
    found = final_share(weights, shares)
    counted = {kind: share for kind, share in shares.items() if share is not None}
    assert (found is None) == (not counted)
    if counted:
        assert min(counted.values()) - 1e-9 <= found <= max(counted.values()) + 1e-9
        assert found == pytest.approx(final_share({kind: weights[kind] for kind in counted}, counted))


groups = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["one", "two", "three"]))
hand_ins = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.booleans(), st.none() | times))


@given(groups, hand_ins)
def test_a_group_has_one_owner_who_is_of_it_and_everybody_else_owns_their_own(of, handed_in):
    found = owners(Groups(of, {}), handed_in)
    assert set(found) == set(handed_in)
    for student, owner in found.items():
        assert of.get(student) == of.get(owner)
        assert student in of or owner == student
        assert all(found[other] == owner for other in found if of.get(other, other) == of.get(student, student))
