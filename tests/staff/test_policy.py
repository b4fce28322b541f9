"""course.toml is read strictly, and its rules are fair."""

import copy
import re
import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcourse.staff import policy
from dlcourse.staff.policy import LateRule, PolicyError, late_factor, lateness_days

ROOT = Path(__file__).parents[2]
DUE = datetime.fromisoformat("2027-03-05T23:59:00+01:00")
TOML = """
[course]
name = "Deep learning"
timezone = "Europe/Berlin"
[publish]
repository = "https://github.com/dlcourse/dlcourse"
branch = "main"
[file_names]
pattern = "{first}_{last}_{assignment}.ipynb"
[late.homework]
rule = "per_day"
penalty = 0.10
grace_minutes = 15
[late.lab]
rule = "half_then_zero"
days = 7
[weights]
homework = 0.7
lab = 0.3
[assignments.lab01_line]
kind = "lab"
points = 6
due = "2027-02-19T23:59:00+01:00"
[assignments.hw1_mlp]
kind = "homework"
points = 10
due = "2027-03-05T23:59:00+01:00"
"""


@pytest.fixture
def course():
    return policy.parse(tomllib.loads(TOML))


def test_the_courses_own_file_is_right():
    course = policy.load(ROOT / "course.toml")
    assert sum(course.weights.values()) == pytest.approx(1)
    assert all(a.due.utcoffset() is not None for a in course.assignments.values())


def test_values_come_out_as_they_stand(course):
    assert course.late["homework"] == LateRule("per_day", penalty=0.1, grace_minutes=15)
    assert course.late["lab"] == LateRule("half_then_zero", days=7)
    assert course.assignments["hw1_mlp"] == policy.Assignment("hw1_mlp", "homework", 10, DUE)
    assert course.publish.repository == "https://github.com/dlcourse/dlcourse"
    assert str(course.timezone) == "Europe/Berlin"


def test_a_due_date_may_be_written_as_tomls_own_date():
    data = tomllib.loads(TOML.replace('"2027-03-05T23:59:00+01:00"', "2027-03-05T23:59:00+01:00"))
    assert policy.parse(data).assignments["hw1_mlp"].due == DUE


SHARE = "write a share between 0 and 1, such as 0.10"
WRONG = [  # what stands in the file, what stands there instead, the one line that comes
    ("penalty = 0.10", 'penalty = "10%"', f'[late.homework] penalty is "10%": {SHARE}'),
    ("penalty = 0.10", "penalty = 10", f"[late.homework] penalty is 10: {SHARE}"),
    ("penalty = 0.10", "penalty = -0.1", f"[late.homework] penalty is -0.1: {SHARE}"),
    ("penalty = 0.10", "penalty = nan", f"[late.homework] penalty is nan: {SHARE}"),
    ("penalty = 0.10", "penalty = true", f"[late.homework] penalty is true: {SHARE}"),
    ("penalty = 0.10", "penalty = [1]", f"[late.homework] penalty is [1]: {SHARE}"),
    ("penalty = 0.10", "", f"[late.homework] penalty is missing: {SHARE}"),
    ('rule = "per_day"', 'rule = "per_week"', '[late.homework] rule is "per_week": write "none" or "per_day" or'),
    ('rule = "per_day"', "rule = [1]", '[late.homework] rule is [1]: write "none" or "per_day" or "half_then_zero"'),
    ("grace_minutes = 15", "grace_minutes = -1", "[late.homework] grace_minutes is -1: write minutes between 0"),
    ("grace_minutes", "grace_minute", "[late.homework] grace_minute is not a known key with rule "),
    ("days = 7", "days = 7\npenalty = 0.5", '[late.lab] penalty is not a known key with rule "half_then_zero"'),
    ("days = 7", 'days = "week"', '[late.lab] days is "week": write days between 0 and 366, such as 7'),
    ("[late.lab]", "[late.labs]", "[late] labs is not a known key: did you mean lab?"),
    ("[weights]", "[weigths]", "weigths is not a known key: did you mean weights?"),
    ("lab = 0.3", "lab = 0.2", "[weights] the shares add up to 0.9: they are to add up to 1"),
    ("lab = 0.3", "labs = 0.3", "[weights] labs is not a known key: did you mean lab?"),
    ("lab = 0.3", "lab = inf", "[weights] lab is inf: write a share between 0 and 1, such as 0.3"),
    ("+01:00", "", '[assignments.lab01_line] due is "2027-02-19T23:59:00": write a date and time with its offset'),
    ("2027-02-19T23:59:00+01:00", "19.2.2027", '[assignments.lab01_line] due is "19.2.2027": write a date and time'),
    ("points = 6", "points = 0", "[assignments.lab01_line] points is 0: write a number above 0, such as 10"),
    ("points = 6", 'points = "6"', '[assignments.lab01_line] points is "6": write a number above 0, such as 10'),
    (
        'kind = "lab"',
        'kind = "labs"',
        '[assignments.lab01_line] kind is "labs": write "lab" or "homework" or "quiz" or',
    ),
    ('kind = "lab"', "kind = [1]", '[assignments.lab01_line] kind is [1]: write "lab" or "homework" or "quiz" or'),
    ("days = 7", "days = 7\ncutoff_days = 9", '[late.lab] cutoff_days is not a known key with rule "half_then_zero"'),
    ("penalty = 0.10", "penalty = 0.1\ncutoff_days = -1", "[late.homework] cutoff_days is -1: write days between 0"),
    (
        "points = 6",
        'points = 6\nlate = "none"',
        '[assignments.lab01_line.late] is "none": write a table that begins with',
    ),
    (
        "points = 6",
        'points = 6\nlate.rule = "x"',
        '[assignments.lab01_line.late] rule is "x": write "none" or "per_day"',
    ),
    ("points = 6", "points = 6\nweight = 0", "[assignments.lab01_line] weight is 0: write a number above 0, such as 1"),
    ("points = 6", 'points = 6\nscores = "/x.csv"', '[assignments.lab01_line] scores is "/x.csv": write a CSV file in'),
    ("points = 6", 'points = 6\nscores = "../x.csv"', '[assignments.lab01_line] scores is "../x.csv": write a CSV'),
    (
        "points = 6",
        'points = 6\nscores = "x.csv"\nlate.rule = "none"',
        "[assignments.lab01_line] has both scores and late: scores from a file are never late",
    ),
    ("kind = ", "knd = ", "[assignments.lab01_line] knd is not a known key: did you mean kind?"),
    ("[assignments.hw1_mlp]", "[assignments.HW-1]", "[assignments.HW-1] is not a name for an assignment: write small"),
    ("Europe/Berlin", "Europe/Brelin", '[course] timezone is "Europe/Brelin": write a time zone such as "'),
    ("Europe/Berlin", "../etc/passwd", '[course] timezone is "../etc/passwd": write a time zone'),
    ('"Deep learning"', '""', '[course] name is "": write the course\'s name in quotes'),
    ("/dlcourse/dlcourse", "/dlcourse/dlcourse.git", "[publish] repository is "),
    ("https:", "http:", '[publish] repository is "http://github.com/dlcourse/dlcourse": write an address such as'),
    ('branch = "main"', "branch = 1", '[publish] branch is 1: write a branch such as "main"'),
    ("{first}_", "", '[file_names] pattern is "{last}_{assignment}.ipynb": write a name with each field once'),
    ("{first}_{last}", "{first}{last}", "[file_names] pattern is "),
    ("{first}", "{first!r}", "[file_names] pattern is "),
    ("{first}", "{first", "[file_names] pattern is "),
    ('.ipynb"', '.py"', "[file_names] pattern is "),
]


@pytest.mark.parametrize(("old", "new", "line"), WRONG)
def test_every_wrong_value_has_a_line_that_says_what_to_write(old, new, line):
    assert old in TOML
    with pytest.raises(PolicyError) as caught:
        policy.parse(tomllib.loads(TOML.replace(old, new, 1)))
    assert any(found.startswith(f"course.toml: {line}") for found in str(caught.value).splitlines()), caught.value


MORE = [  # a table that may be left out, the one line that comes
    ("[completion]\nlab = 80", "[completion] lab is 80: write a share between 0 and 1, such as 0.8"),
    ("[completion]\nlabs = 0.8", "[completion] labs is not a known key: did you mean lab?"),
    ("[drop_lowest]\nlab = 0.5", "[drop_lowest] lab is 0.5: write how many are left out: 0, 1, 2 or so"),
    ("[drop_lowest]\nlab = -1", "[drop_lowest] lab is -1: write how many are left out: 0, 1, 2 or so"),
    ("[deductions]\nlab = 1", "[deductions.lab] is 1: write a table that begins with [deductions.lab]"),
    ("[deductions.lab]\nmisname = {points=1}", "[deductions.lab] misname is not a known key: did you mean misnamed?"),
    ("[deductions.lab]\nno_name = 1", "[deductions.lab] no_name is 1: write { points = 1 } or { share = 0.05 }"),
    ("[deductions.lab]\nno_name = {share = 5}", "[deductions.lab] no_name is {'share': 5}: write { points = 1 } or"),
    (
        "[deductions.lab]\nno_name = {share = 0.1, points = 1}",
        "[deductions.lab] no_name is {'share': 0.1, 'points': 1}: w",
    ),
    ("[extensions]\nada = 1", "[extensions.ada] is 1: write a table that begins with [extensions.ada]"),
    (
        "[extensions]\nada.hw1 = { days = 1, reason = 'ill' }",
        "[extensions.ada] hw1 is not a known key: did you mean hw1_mlp?",
    ),
    (
        "[extensions]\nada.hw1_mlp = { days = 1 }",
        "[extensions.ada] hw1_mlp is {'days': 1}: write { days = 3, reason = \"ill\" } or { due = ",
    ),
    ("[extensions]\nada.hw1_mlp = { due = '2027', reason = 'ill' }", "[extensions.ada] hw1_mlp is {'due': '2027', 're"),
    (
        "[extensions]\nada.hw1_mlp = { days = 1, reason = 'x' }\n'Ada'.hw1_mlp = { days = 2, reason = 'x' }",
        "[extensions.Ada] hw1_mlp is said twice for this student: take one of the two out",
    ),
    ("[excused]\nada.hw1_mlp = true", '[excused.ada] hw1_mlp is true: write the reason, such as "ill"'),
    ("[groups]\nhomewrk = 'g.csv'", "[groups] homewrk is neither a kind nor an assignment: did you mean homework?"),
    ("[groups]\nhomework = 'g.txt'", '[groups] homework is "g.txt": write a CSV file in the course folder, such as'),
    ("[groups.homework]\na = 'ada'", '[groups.homework] a is "ada": write a list of students, such as ["Ada_Love'),
    ("[groups.homework]\na = ['Ada']\nb = ['ada']", "[groups.homework] ada is in a and in b: write the student once"),
    ("[groups.homework]\na = ['../x']", "[groups.homework] '../x' cannot be a student's id: it names a folder"),
]


@pytest.mark.parametrize(("text", "line"), MORE)
def test_every_wrong_value_in_a_table_that_may_be_left_out_has_a_line_too(text, line):
    with pytest.raises(PolicyError) as caught:
        policy.parse(tomllib.loads(TOML + text))
    assert str(caught.value).startswith(f"course.toml: {line}"), caught.value
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("table", ["course", "publish", "file_names", "late", "weights", "assignments"])
def test_a_missing_table_is_one_line_not_one_for_each_key(table):
    data = tomllib.loads(TOML)
    del data[table]
    with pytest.raises(PolicyError) as caught:
        policy.parse(data)
    assert str(caught.value) == f"course.toml: [{table}] is missing: write a table that begins with [{table}]"


def test_every_key_that_is_taken_out_is_missed():
    whole = tomllib.loads(TOML)

    def leaves(table, path=()):
        for key, value in table.items():
            yield from leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]

    for *path, last in leaves(whole):
        if last == "grace_minutes":
            continue  # may be left out
        data = copy.deepcopy(whole)
        table = data
        for key in path:
            table = table[key]
        del table[last]
        with pytest.raises(PolicyError, match=f"{last} is missing"):
            policy.parse(data)


def test_all_problems_come_at_once():
    text = TOML.replace("points = 6", "points = -6").replace("penalty = 0.10", "penalty = 2").replace("main", "")
    with pytest.raises(PolicyError) as caught:
        policy.parse(tomllib.loads(text))
    assert len(str(caught.value).splitlines()) == 3


def test_a_kind_that_has_assignments_needs_a_late_rule_and_a_weight():
    data = tomllib.loads(TOML)
    del data["late"]["lab"], data["weights"]["lab"]
    data["weights"]["homework"] = 1
    with pytest.raises(PolicyError) as caught:
        policy.parse(data)
    assert str(caught.value).splitlines() == [
        'course.toml: [late.lab] is missing, but some assignment is a lab: write it, for example rule = "none"',
        "course.toml: [weights] lab is missing: write its share of the final grade, such as 0.3",
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[course\n", "course.toml: not valid TOML: "),
        (b"a = 1\na = 2\n", "course.toml: not valid TOML: "),
        (b"\xff", "course.toml: byte 0 is not UTF-8: save the file as UTF-8"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, content, line):
    path = tmp_path / "course.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PolicyError) as caught:
        policy.load(path)
    assert line in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "course.toml").write_text(TOML, encoding="utf-8-sig")
    assert policy.load(tmp_path / "course.toml").name == "Deep learning"


def test_a_kind_whose_scores_all_come_from_files_needs_no_late_rule_and_no_due_date():
    text = TOML.replace("homework = 0.7", "homework = 0.3\nexam = 0.4")
    text += '[assignments.midterm]\nkind = "exam"\npoints = 40\nscores = "midterm.csv"'
    midterm = policy.parse(tomllib.loads(text)).assignments["midterm"]
    assert midterm == policy.Assignment("midterm", "exam", 40, None, "midterm.csv")


def test_the_tables_for_our_own_notebooks_may_be_missing_where_a_course_has_others():
    data = tomllib.loads(TOML)
    del data["publish"], data["file_names"]
    course = policy.parse(data, without=policy.PUBLIC)
    assert course.file_pattern is None
    assert course.assignments["hw1_mlp"].points == 10


# ---- students.toml and groups


def put(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


def test_students_toml_adds_to_course_toml(tmp_path, course):
    put(tmp_path, students_toml="[extensions]\nAda_Lovelace.hw1_mlp = { days = 3, reason = 'ill' }\n"
        "[excused]\n'Alan Turing'.lab01_line = 'away'\n[groups]\nhomework = 'groups.csv'\n",
        groups_csv="\ufeffGroup;Student\n7;Ada Lovelace\n7;alan_turing\n;Grace Hopper\n")  # fmt: skip
    course = policy.with_students(course, tmp_path)
    hw1, lab = course.assignments["hw1_mlp"], course.assignments["lab01_line"]
    assert policy.due_for(course, hw1, ["ada lovelace"]) == DUE + timedelta(days=3)
    assert policy.due_for(course, hw1, ["Grace_Hopper"]) == DUE
    assert policy.excuse_for(course, lab, ["Alan_Turing"]) == "away"
    assert policy.excuse_for(course, hw1, ["Alan_Turing"]) is None
    assert course.groups_of(hw1).members("Alan Turing") == ("ada_lovelace", "alan_turing")
    assert course.groups_of(hw1).members("Grace_Hopper") == ("grace_hopper",)
    assert course.groups_of(lab).members("Alan Turing") == ("alan_turing",)
    assert course.groups_of(hw1).written["ada_lovelace"] == "Ada_Lovelace"


@pytest.mark.parametrize(
    ("toml", "csv", "line"),
    [
        ("[extension]\n", "", "students.toml: extension is not a known key: did you mean extensions?"),
        ("[excused]\nada.hw1 = 'x'", "", "students.toml: [excused.ada] hw1 is not a known key: did you mean hw1_mlp?"),
        ("[groups]\nlab = 'groups.csv'", "a,b\n", "groups.csv:1: columns are a, b: student and group were awaited"),
        ("[groups]\nlab = 'groups.csv'", "student,group\na,1\nA,2\n", "groups.csv:3: A is in 1 and in 2: write the st"),
        ("[groups]\nlab = 'groups.csv'", "student,group\n../a,1\n", "groups.csv:2: '../a' cannot be a student's id"),
        ("[groups]\nlab = 'other.csv'", "", "other.csv: cannot be read: No such file or directory"),
        ("[groups", "", "students.toml: not valid TOML: "),
    ],
)
def test_what_is_wrong_with_the_students_files_is_one_line(tmp_path, course, toml, csv, line):
    put(tmp_path, students_toml=toml, groups_csv=csv)
    with pytest.raises(PolicyError) as caught:
        policy.with_students(course, tmp_path)
    assert line in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_what_stands_in_both_files_is_named(tmp_path):
    line = "[excused]\nada.hw1_mlp = 'ill'\n[groups]\nlab = 'g.csv'"
    put(tmp_path, students_toml=line, g_csv="student,group\n")
    with pytest.raises(PolicyError) as caught:
        policy.with_students(policy.parse(tomllib.loads(TOML + line)), tmp_path)
    assert str(caught.value).splitlines() == [
        "students.toml: [excused.ada] hw1_mlp is said twice for this student: take one of the two out",
        "students.toml: [groups] lab stands in course.toml already: take one of the two out",
    ]


def test_the_groups_of_one_assignment_replace_those_of_its_kind(course, tmp_path):
    text = "[groups.homework]\nred = ['ada', 'alan']\n[groups.hw1_mlp]\nblue = ['ada', 'grace']\n"
    put(tmp_path, students_toml=text)
    groups = policy.with_students(course, tmp_path).groups_of(course.assignments["hw1_mlp"])
    assert groups.members("ada") == ("ada", "grace")
    assert groups.members("alan") == ("alan",)


def test_an_extension_never_brings_the_due_date_forward_and_one_for_a_member_holds_for_the_group(course, tmp_path):
    put(tmp_path, students_toml="[extensions]\nada.hw1_mlp = { due = 2027-01-01T00:00:00Z, reason = 'a slip' }\n"
        "alan.hw1_mlp = { due = '2027-04-01T00:00:00+00:00', reason = 'ill' }\n")  # fmt: skip
    course = policy.with_students(course, tmp_path)
    hw1 = course.assignments["hw1_mlp"]
    assert policy.due_for(course, hw1, ["ada"]) == DUE
    assert policy.due_for(course, hw1, ["ada", "alan"]) == datetime(2027, 4, 1, tzinfo=UTC)


plain = st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers(), max_size=2)
places = st.sampled_from(["course", "publish", "file_names", "late", "weights", "assignments", ("late", "lab")])


@given(places, st.sampled_from(["name", "rule", "pattern", "lab", "points", "due", "days", "x"]), plain)
def test_no_value_anywhere_gives_anything_but_a_course_or_a_policy_error(place, key, value):
    data = tomllib.loads(TOML)
    table = data[place] if isinstance(place, str) else data[place[0]][place[1]]
    table[key] = value
    said = ""
    try:
        policy.parse(data)
    except PolicyError as error:
        said = str(error)
    assert all(line.startswith("course.toml: ") for line in said.splitlines())


# ---- lateness


def test_lateness_is_counted_in_real_time_over_the_change_to_summer_time():
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")  # on 28 March 2027 the clock jumps from 2 to 3
    due, came = datetime(2027, 3, 27, 23, 59, tzinfo=berlin), datetime(2027, 3, 28, 23, 59, tzinfo=berlin)
    assert lateness_days(due, came) == pytest.approx(23 / 24)


def test_offsets_are_taken_into_account_and_early_work_is_not_late():
    assert lateness_days(DUE, datetime(2027, 3, 5, 22, 59, tzinfo=UTC)) == 0
    assert lateness_days(DUE, datetime(2027, 3, 6, 22, 59, tzinfo=UTC)) == 1
    assert lateness_days(DUE, DUE - timedelta(days=3)) == 0


def test_a_time_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="offset from UTC"):
        lateness_days(DUE, datetime(2027, 3, 6))  # noqa: DTZ001, RUF100


PER_DAY = LateRule("per_day", penalty=0.1, grace_minutes=15)
HALF = LateRule("half_then_zero", days=7, grace_minutes=15)
HOUR, MINUTE = 1 / 24, 1 / 1440


@pytest.mark.parametrize(
    ("rule", "days", "factor"),
    [
        (PER_DAY, 0, 1),
        (PER_DAY, 15 * MINUTE, 1),
        (PER_DAY, 15.01 * MINUTE, 0.9),
        (PER_DAY, 1 + 15 * MINUTE, 0.9),  # lateness begins where the grace ends
        (PER_DAY, 1 + 16 * MINUTE, 0.8),
        (PER_DAY, 9.5, 0),
        (PER_DAY, 400, 0),
        (HALF, 15 * MINUTE, 1),
        (HALF, HOUR, 0.5),
        (HALF, 7 + 15 * MINUTE, 0.5),
        (HALF, 7 + 16 * MINUTE, 0),
        (LateRule("none"), 400, 1),
        (LateRule("none", cutoff_days=5, grace_minutes=15), 5 + 15 * MINUTE, 1),
        (LateRule("none", cutoff_days=5, grace_minutes=15), 5 + 16 * MINUTE, 0),
        (LateRule("per_day", penalty=0.1, cutoff_days=3), 3, 0.7),
        (LateRule("per_day", penalty=0.1, cutoff_days=3), 3.01, 0),
    ],
)
def test_late_factors(rule, days, factor):
    assert late_factor(rule, days) == pytest.approx(factor)


rules = st.one_of(
    st.just(LateRule("none")),
    st.builds(lambda p, g: LateRule("per_day", penalty=p, grace_minutes=g), st.floats(0, 1), st.floats(0, 1440)),
    st.builds(lambda d, g: LateRule("half_then_zero", days=d, grace_minutes=g), st.floats(0, 366), st.floats(0, 1440)),
    st.builds(lambda p, c: LateRule("per_day", penalty=p, cutoff_days=c), st.floats(0, 1), st.floats(0, 366)),
)
days = st.floats(0, 1e6) | st.just(float("inf"))


@given(rules, days, days)
def test_a_late_factor_never_rises_with_time_and_stays_between_0_and_1(rule, one, other):
    early, late = late_factor(rule, min(one, other)), late_factor(rule, max(one, other))
    assert 0 <= late <= early <= 1
    assert late_factor(rule, 0) == 1


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(0, 10**9), st.integers(-14 * 60, 14 * 60))
def test_lateness_does_not_depend_on_how_the_time_is_written(moment, seconds, minutes):
    due = moment.replace(tzinfo=UTC)
    came = (due + timedelta(seconds=seconds)).astimezone(timezone(timedelta(minutes=minutes)))
    assert lateness_days(due, came) == pytest.approx(seconds / 86400)


# ---- file names


def test_a_files_name_gives_student_and_assignment(course):
    found = policy.parse_file_name(course, "Ada_Lovelace_hw1_mlp.ipynb")
    assert found == policy.FileName("Ada Lovelace", "hw1_mlp")
    assert policy.file_name(course, "Ada Lovelace", "hw1_mlp") == "Ada_Lovelace_hw1_mlp.ipynb"


@pytest.mark.parametrize("name", ["Ann van der Berg", "José Núñez", "Jean-Luc O'Neill", "李 雷", "Anna Maria Smith"])
def test_names_come_back_as_they_went_in(course, name):
    for assignment in course.assignments:
        file = policy.file_name(course, name, assignment)
        assert policy.parse_file_name(course, file) == policy.FileName(name, assignment)


@pytest.mark.parametrize(
    "file",
    ["hw1_mlp.ipynb", "Ada_hw1_mlp.ipynb", "Ada_Lovelace_hw9.ipynb", "Ada_Lovelace_hw1_mlp.py", "Ada_Lovelace.ipynb"],
)
def test_a_name_against_the_rule_is_not_guessed(course, file):
    assert policy.parse_file_name(course, file) is None


def test_both_ways_to_write_an_accent_are_the_same_name(course):
    composed = policy.parse_file_name(course, "Jos\u00e9_Lee_hw1_mlp.ipynb")
    assert composed == policy.parse_file_name(course, "Jose\u0301_Lee_hw1_mlp.ipynb")


def test_one_word_is_not_a_first_and_last_name(course):
    with pytest.raises(PolicyError, match="first and last name"):
        policy.file_name(course, "Ada", "hw1_mlp")


words = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8)


@given(st.lists(words, min_size=2, max_size=4), st.sampled_from(["lab01_line", "hw1_mlp"]))
def test_any_name_survives_the_way_into_a_file_name_and_back(parts, assignment):
    import unicodedata

    course = policy.parse(tomllib.loads(TOML))
    student = unicodedata.normalize("NFC", " ".join(parts))
    file = policy.file_name(course, student, assignment)
    assert policy.parse_file_name(course, file) == policy.FileName(student, assignment)


# ---- what docs/teaching.md shows


def test_the_examples_in_teaching_md_are_right(tmp_path):
    *days, rules, students = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "teaching.md").read_text(), re.DOTALL)
    text = '[course]\nname = "A course"\ntimezone = "UTC"\n' + rules
    put(tmp_path, students_toml=students, groups_csv="student,group\nAda Lovelace,1\n")
    course = policy.with_students(policy.parse(tomllib.loads(text), without=policy.PUBLIC), tmp_path)
    assert course.late_rule(course.assignments["hw1_mlp"]) == LateRule("none")
    assert course.groups_of(course.assignments["project_talk"]).of == {"ada_lovelace": "1"}
    assert len(course.extensions) == 2
    for text in days:
        put(tmp_path, students_toml=text)
        policy.with_students(policy.load(ROOT / "course.toml"), tmp_path)
