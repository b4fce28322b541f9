"""Quizzes whose numbers, pictures and order of choices are drawn from the student's name: ask, judge, explain.

A notebook calls `ask`, `picture`, `check`, `first` and `card`. The questions stand in dlcourse/quizzes/<quiz>.py, one
function each: it takes a `Draw` and returns what `number`, `whole`, `wholes`, `choice`, `choices` or `matching` make.
The same name gives the same question on every machine and in every version: the grader draws what the student saw.
"""

import hashlib
import importlib
import math
import numbers
import re
import textwrap
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from dlcourse import runtime
from dlcourse.checks import Wrong, unanswered

TRIES = 2  # the first right one gives the whole point, the second half of it
UNANSWERED = "Not answered yet: type your answer in the cell above, run it, then this one."
LETTERS = "ABCDEFGH"
WIDTH = 100  # characters of a printed line

# ---- drawing


def person(name) -> str:
    """A name as it is drawn from: however its letters are cased, spaced or composed, one person gets one quiz."""
    if not isinstance(name, str):
        raise Wrong(f'NAME is a {type(name).__name__}: write one text in the name cell, such as NAME = "Ada Lovelace".')
    seen = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFC", seen.replace("_", " ").casefold()).split())


class Draw:
    """Numbers that look random and depend on nothing but the words given: SHA-256 of the words and a counter."""

    def __init__(self, *words: str):
        self._key, self._count = "/".join(words).encode(), 0

    def _next(self) -> int:
        self._count += 1
        return int.from_bytes(hashlib.sha256(b"%s#%d" % (self._key, self._count)).digest()[:8], "big")

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + self._next() % (high - low + 1)

    def one_of(self, items: Sequence):
        """One of the items."""
        return items[self._next() % len(items)]

    def some_of(self, items: Sequence, count: int) -> list:
        """`count` different ones, in drawn order."""
        left = list(items)
        return [left.pop(self._next() % len(left)) for _ in range(count)]

    def shuffled(self, items: Sequence) -> list:
        """All of them, in drawn order."""
        return self.some_of(items, len(items))

    def noise(self, count: int) -> list[float]:
        """Numbers from -1 to 1, for pictures."""
        return [self._next() / 2**63 - 1 for _ in range(count)]


# ---- questions


@dataclass(frozen=True)
class Question:
    """One question as one student gets it."""

    text: str  # Markdown
    kind: str  # "number", "whole", "wholes", "letter", "letters" (any order) or "order"
    answer: float | int | tuple | str
    because: str  # why the answer is right
    tempting: dict  # a wrong answer -> why it tempts and where it goes wrong
    drawn: dict  # the numbers, by name
    picture: Callable[[], str] | None = None  # draws with matplotlib, returns what one sees
    options: dict = field(default_factory=dict)  # key -> (letter, text or "" where the picture shows it)
    holds: dict = field(default_factory=dict)  # of "letters": right letter -> why
    within: float = 0.0  # how far a number may be off


def number(text, answer, because, tempting, *, within, picture=None, **drawn) -> Question:
    """A number up to `within`. tempting: {wrong number: why}; drawn: what the question's numbers are called."""
    return sound(Question(text, "number", answer, because, tempting, drawn, picture, within=within))


def whole(text, answer, because, tempting, *, picture=None, **drawn) -> Question:
    """A whole number."""
    return sound(Question(text, "whole", answer, because, tempting, drawn, picture))


def wholes(text, answer, because, tempting, *, picture=None, **drawn) -> Question:
    """Several whole numbers in order, such as a shape. answer, and the keys of tempting: tuples."""
    return sound(Question(text, "wholes", tuple(answer), because, tempting, drawn, picture))


def choice(draw, text, right, options, because, *, picture=None, **drawn) -> Question:
    """One of several. right: a key of options; options: {key: (text, why it is wrong)}; text "": in the picture."""
    letters = _lettered(draw, options)
    tempting = {letters[key][0]: why for key, (_, why) in options.items() if key != right}
    made = Question(text, "letter", letters[right][0], because, tempting, drawn, picture, letters)
    return sound(replace(made, text=_listed(text, letters)))


def choices(draw, text, right, options, because, *, picture=None, **drawn) -> Question:
    """All that hold. right: keys of options; options: {key: (text, why it holds or does not)}."""
    letters = _lettered(draw, options)
    answer = "".join(sorted(letters[key][0] for key in right))
    tempting = {letters[key][0]: why for key, (_, why) in options.items() if key not in right}
    holds = {letters[key][0]: why for key, (_, why) in options.items() if key in right}
    made = Question(_listed(text, letters), "letters", answer, because, tempting, drawn, picture, letters)
    return sound(replace(made, holds=holds))


def matching(draw, text, stories, options, because, swaps, *, picture=None, **drawn) -> Question:
    """A letter for each story, in order.

    stories  [(key of its option, text)], in the order asked; text "": the order is said in `text`
    options  {key: text}
    swaps    {(key, key): why the two are taken for each other}
    """
    letters = _lettered(draw, {key: (said, "") for key, said in options.items()})
    keys = [key for key, _ in stories]
    answer = "".join(letters[key][0] for key in keys)
    tempting = {}
    for (one, other), why in swaps.items():
        if one in keys and other in keys:
            turned = {one: other, other: one}
            tempting["".join(letters[turned.get(key, key)][0] for key in keys)] = why
    told = "\n".join(f"{n}. {said}" for n, (_, said) in enumerate(stories, 1) if said)
    text = _listed(f"{text}\n\n{told}" if told else text, letters)
    return sound(Question(text, "order", answer, because, tempting, drawn | {"stories": keys}, picture, letters))


def _lettered(draw: Draw, options: dict) -> dict:
    return {key: (LETTERS[n], options[key][0]) for n, key in enumerate(draw.shuffled(list(options)))}


def _listed(text: str, letters: dict) -> str:
    lines = [f"- **{letter}** {said}" for letter, said in letters.values() if said]
    return f"{text}\n\n" + "\n".join(lines) if lines else text


def sound(question: Question) -> Question:
    """The question, where its wrong answers are wrong: for builders. Raises ValueError, for its author."""
    if not question.text.strip() or not question.because.strip() or len(question.tempting) < 2:
        raise ValueError("a question needs a text, an explanation and two tempting wrong answers")
    for wrong in question.tempting:
        if _same(question, wrong, question.answer):
            raise ValueError(f"the tempting answer {wrong} is the right one: draw other numbers")
    return question


def bank(quiz: str):
    """The module that holds a quiz's questions: QUESTIONS, a tuple of functions, and TITLE."""
    try:
        return importlib.import_module(f"dlcourse.quizzes.{quiz}")
    except ModuleNotFoundError as error:
        if error.name != f"dlcourse.quizzes.{quiz}":
            raise
        raise ValueError(f"there is no quiz {quiz}: its questions are awaited in dlcourse/quizzes/{quiz}.py") from None


def question(quiz: str, name: str, student: str) -> Question:
    """One question of a quiz as `student` gets it."""
    found = {function.__name__: function for function in bank(quiz).QUESTIONS}
    if name not in found:
        raise ValueError(f"{quiz} has no question {name!r}: there are {', '.join(found)}")
    return found[name](Draw(quiz, name, person(student)))


# ---- what a notebook calls


@dataclass
class _Session:
    """What happened in this process. Nothing is written anywhere."""

    asked: dict = field(default_factory=dict)  # (quiz, question) -> for whom it was shown last
    tries: dict = field(default_factory=dict)  # (quiz, question, person) -> answers that were judged, the first first


_session = _Session()


def ask(name: str, student: str) -> None:
    """Show a question of this notebook's quiz, drawn for `student`. Returns None: no answer yet."""
    quiz, who = _quiz(), person(student)
    asked = question(quiz, name, student)
    _session.asked[quiz, name] = who
    whose = f"*Drawn for {' '.join(student.split())}.*" if who else f"*{_NOBODY}*"
    _say(f"{asked.text}\n\n{whose}")


def picture(name: str, student: str) -> None:
    """Show the picture of a question."""
    drawing = question(_quiz(), name, student).picture
    if drawing is None:
        raise ValueError(f"{name} has no picture")
    from dlcourse import plotting  # the grader's judge draws nothing

    plotting.show(drawing())


def drawn(name: str, student: str) -> SimpleNamespace:
    """The numbers of a question, and `letters`: what each choice is called -> its letter."""
    found = question(_quiz(), name, student)
    return SimpleNamespace(**found.drawn, letters={key: letter for key, (letter, _) in found.options.items()})


def check(name: str, student: str, answer) -> bool:
    """True where one of the tries is right, and then the explanation is printed; else raises Wrong.

    answer  one answer, or two in the order tried: `params = 96, 84`; None: not answered yet
    """
    quiz, who = _quiz(), person(student)
    asked = question(quiz, name, student)
    if answer is None:
        raise unanswered(UNANSWERED)
    tries = _tries(asked, name, answer)
    if who and _right_for_nobody(quiz, name, asked, tries[-1]):  # answered before the name was there: no try
        said = f"{shown(asked, tries[-1])} is right for the quiz without a name. Yours has other numbers"
        raise Wrong(_wrapped(f"{said}: run the question's cell again, and answer what it asks now."))
    if not _graded():
        _same_person(quiz, name, who)
        _keep(asked, (quiz, name, who), tries)
    right = [_same(asked, one, asked.answer) for one in tries]
    if any(right):
        if runtime.in_notebook():
            words = "Right" if right[0] else "Right at the second try, half the points"
            print(f"✓ {words}: {shown(asked, asked.answer)}.\n{explanation(asked)}")
        return True
    last = len(tries) == TRIES or _graded()
    said = f"{shown(asked, tries[-1])} is not it. {_why(asked, tries[-1]) or ('' if last else _NO_IDEA[asked.kind])}"
    if not last:
        raise Wrong(_wrapped(f"{said}\nThe second try gives half the points. {_write_behind(asked, name, tries)}"))
    raise Wrong(_wrapped(f"{said.rstrip()}\nRight is {shown(asked, asked.answer)}.") + "\n" + explanation(asked))


def first(name: str, student: str, answer) -> bool:
    """True where the first try is right: the other half of the point. Else raises Wrong with what that try missed."""
    asked = question(_quiz(), name, student)
    if answer is None:
        raise unanswered(UNANSWERED)
    tries = _tries(asked, name, answer)
    if _same(asked, tries[0], asked.answer):
        return True
    said = f"The first try was {shown(asked, tries[0])}. {_why(asked, tries[0])}".rstrip()
    raise Wrong(_wrapped(f"{said}\nRight is {shown(asked, asked.answer)}."))


def card(student: str) -> None:
    """Print how the quiz stands in this session: right at once, at the second try, wrong, open."""
    quiz, who = _quiz(), person(student)
    names, lines, points = [function.__name__ for function in bank(quiz).QUESTIONS], [], 0.0
    for name in names:
        asked, tries = question(quiz, name, student), _session.tries.get((quiz, name, who), [])
        right = [_same(asked, one, asked.answer) for one in tries]
        worth = 0 if not any(right) else 1 if right[0] else 0.5
        points += worth
        still = "open" if not tries else "0, a second try is left" if len(tries) < TRIES else "0"
        mark = "✓" if worth else "✗" if tries else "–"
        lines.append(f"  {mark} {name:<{max(map(len, names))}}  {f'{worth:g}' if worth else still}")
    whose = " ".join(student.split()) if who else "No name yet: write yours in the cell `NAME = ...`."
    lines = [bank(quiz).TITLE, whose, "", *lines, "", f"  {points:g} of {len(names)} points in this session"]
    rule = "-" * (max(map(len, lines)) + 2)
    print("\n".join([rule, *lines, rule]))


def explanation(asked: Question) -> str:
    """Why the answer is right, and why the tempting ones are not."""
    lines = [
        _wrapped(asked.because),
        *(_wrapped(f"{letter}: {why}", "  ") for letter, why in sorted(asked.holds.items())),
    ]
    order = sorted(asked.tempting) if asked.kind in ("letter", "letters") else asked.tempting
    wrong = [f"{shown(asked, answer)}: {asked.tempting[answer]}" for answer in order]
    if wrong:
        lines += ["Tempting, and wrong:", *(_wrapped(line, "  ") for line in wrong)]
    return "\n".join(lines)


_NOBODY = (
    "Drawn for nobody, since NAME is still empty. Write your name in the name cell, run that and then this cell again: "
    "you get numbers of your own."
)
_NO_IDEA = {
    "number": "Is every number of the question in your sum, and rounding left to the end?",
    "whole": "Write the sum down line by line: is every number of the question in it?",
    "wholes": "Go through the numbers one by one: which of them does the question change?",
    "letter": "",
    "letters": "",
    "order": "Begin with the one that you are surest of.",
}


def _graded() -> bool:
    """Whether this is for a grade. `dlcourse check`, which is for the student, runs the grader's tests in a kernel."""
    return runtime.in_grader() and not runtime.has_front_end()


def _quiz() -> str:
    if not runtime.session.assignment:
        raise ValueError("no quiz is open: run the first cell of the notebook, which has runtime.start(...)")
    return runtime.session.assignment


def _say(text: str) -> None:
    if runtime.in_notebook():
        from IPython.display import display

        display({"text/markdown": text, "text/plain": text}, raw=True)
    else:
        print(text)


def _same_person(quiz: str, name: str, who: str) -> None:
    before = _session.asked.get((quiz, name), who)
    if before != who:
        now, then = (f'"{one}"' if one else "empty" for one in (who, before))
        said = f"NAME was {then} when the question was shown, and is {now} now: the numbers have changed with it"
        raise Wrong(_wrapped(f"{said}. Run the question's cell again, and answer what it asks now."))


def _keep(asked: Question, key: tuple, tries: list) -> None:
    """Note the tries; raise Wrong where an earlier one of this session is left out."""
    kept = _session.tries.get(key, [])
    if any(_same(asked, one, asked.answer) for one in kept) and _same(asked, tries[0], kept[0]):
        return
    for n, one in enumerate(kept):
        if n >= len(tries) or not _same(asked, tries[n], one):
            full = [*kept, *(other for other in tries if not any(_same(asked, other, old) for old in kept))]
            which = "first" if n == 0 else "second"
            said = f"Your {which} try was {shown(asked, one)}, and that is how it counts."
            if len(full) <= TRIES:
                raise Wrong(_wrapped(f"{said} Write all of them: {key[1]} = {_typed(asked, full)}"))
            raise Wrong(_wrapped(f"{said} Both tries are used: {key[1]} = {_typed(asked, kept)}"))
    _session.tries[key] = tries


def _right_for_nobody(quiz, name, asked, answer) -> bool:
    nobody, numeric = question(quiz, name, ""), asked.kind in ("number", "whole", "wholes")
    return numeric and _same(nobody, answer, nobody.answer) and not _same(asked, answer, asked.answer)


def _write_behind(asked: Question, name: str, tries: list) -> str:
    return f"Write it behind the first: {name} = {_typed(asked, tries)}, ..."


def _why(asked: Question, answer) -> str:
    """What is wrong with an answer, where that is known."""
    why = next((why for wrong, why in asked.tempting.items() if _same(asked, wrong, answer)), "")
    if asked.kind == "letters" and not why:
        extra = [letter for letter in answer if letter in asked.tempting]
        return f"{extra[0]}: {asked.tempting[extra[0]]}" if extra else "All of these hold, but not they alone."
    return why[:1].upper() + why[1:]


def _same(asked: Question, one, other) -> bool:
    if asked.kind == "number":
        return abs(one - other) <= asked.within + 1e-9
    if asked.kind == "letters":
        return sorted(one) == sorted(other)
    return one == other


# ---- reading and showing answers

_AWAITED = {
    "number": "a number, such as 0.25",
    "whole": "a whole number, such as 2080 or 2_080",
    "wholes": "whole numbers in brackets, such as (32, 10)",
    "letter": 'one letter in quotation marks, such as "B"',
    "letters": 'the letters in quotation marks, such as "AC"',
    "order": 'the letters in their order, in quotation marks, such as "BADC"',
}


def _tries(asked: Question, name: str, answer) -> list:
    """The answers in the order tried, each in its plain form. Raises Wrong where one cannot be read."""
    if hasattr(answer, "tolist"):
        answer = answer.tolist()  # of torch or NumPy
    several = [answer]
    if isinstance(answer, list | tuple) and _are_tries(asked.kind, answer):
        several = list(answer)
    if len(several) > TRIES:
        raise Wrong(f"{TRIES} tries count; yours are {len(several)}.")
    if not several:
        raise Wrong(f"{name} is empty: {_AWAITED[asked.kind]} was awaited.")
    return [_read(asked, one) for one in several]


def _are_tries(kind: str, items) -> bool:
    """Whether a list holds several answers, not the parts of one."""
    if kind in ("number", "whole", "letter"):
        return True
    inside = [isinstance(one, list | tuple | set) or hasattr(one, "tolist") for one in items]
    if kind == "wholes":
        return any(inside) or any(isinstance(one, str) and len(re.findall(r"\d+", one)) > 1 for one in items)
    return any(inside) or any(isinstance(one, str) and len(_letters(one)) > 1 for one in items)


def _read(asked: Question, answer):
    kind = asked.kind
    found = None
    if kind in ("number", "whole"):
        found = _number(answer, kind)
    elif kind == "wholes":
        if isinstance(answer, str):
            answer = re.findall(r"[-\d.]+", answer)
        if hasattr(answer, "tolist"):
            answer = answer.tolist()
        if isinstance(answer, list | tuple):
            parts = [_number(part, "whole") for part in answer]
            found = None if None in parts or not parts else tuple(parts)
    else:
        parts = answer if isinstance(answer, list | tuple | set) else [answer]
        if all(isinstance(part, str) for part in parts):
            found = "".join(_letters(part) for part in (sorted(parts) if isinstance(answer, set) else parts)) or None
        if found and (kind == "letter" and len(found) > 1):
            raise Wrong(f'one letter was awaited; yours are {len(found)}. For a second try: "{found[0]}", "{found[1]}"')
        if kind == "letters" and found:
            found = "".join(sorted(set(found)))
        known = "".join(letter for letter, _ in asked.options.values())
        if found and set(found) - set(known):
            raise Wrong(f"the letters go from {min(known)} to {max(known)}; yours: {answer!r:.40}.")
    if found is None:
        what = f"the text {answer!r:.40}" if isinstance(answer, str) else f"{answer!r:.40} ({type(answer).__name__})"
        raise Wrong(f"{_AWAITED[kind]}, was awaited; yours is {what}.")
    if kind == "wholes" and len(found) != len(asked.answer):
        raise Wrong(f"{len(asked.answer)} numbers were awaited; yours are {len(found)}.")
    if kind == "order" and len(found) != len(asked.answer):
        raise Wrong(f"{len(asked.answer)} letters were awaited, one for each; yours are {len(found)}.")
    return found


def _letters(text: str) -> str:
    """ "b", "(B)", "a, c" and "AC" as capital letters; "" where something else stands there."""
    bare = re.sub(r"[\s,;.()\[\]\"'{}>-]|\band\b", "", unicodedata.normalize("NFKC", text)).upper()
    return bare if re.fullmatch(r"[A-Z]{1,8}", bare) else ""


def _number(value, kind: str) -> float | int | None:
    """A number however it was typed, None where it is none: 2080, 2080.0, "2,080", "2 080", "2'080", "0,69"."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value).strip().replace("−", "-").replace("’", "'")
        if re.fullmatch(r"[-+]?[1-9]\d{0,2}(([ ,'_])\d{3})(\2\d{3})*", text.replace("\u202f", " ")) and not (
            kind == "number" and text.count(",") == 1
        ):
            text = re.sub(r"[ ,'_\u202f]", "", text)
        elif re.fullmatch(r"[-+]?\d*,\d+", text):
            text = text.replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def shown(asked: Question, answer) -> str:
    """An answer for people: 2,080; (32, 10); B."""
    if asked.kind in ("number", "whole"):
        return f"{answer:,}" if isinstance(answer, int) else f"{round(answer, 4):,g}"
    if asked.kind == "wholes":
        return f"({', '.join(map(str, answer))})"
    return answer


def _typed(asked: Question, tries: list) -> str:
    """Answers as they are typed into a cell."""
    return ", ".join(f'"{one}"' if isinstance(one, str) else repr(one) for one in tries)


def _wrapped(text: str, indent: str = "") -> str:
    text = re.sub(r"(?<![\w*])\*(?=\w)([^*\n]+?)(?<=\w)\*(?![\w*])", r"\1", text)  # *so* is for Markdown
    if _graded():  # the feedback page breaks lines where it is wide
        return "\n".join(indent + line for line in text.split("\n"))
    fill = textwrap.TextWrapper(WIDTH, initial_indent=indent, subsequent_indent=indent * 2, break_on_hyphens=False)
    return "\n".join(fill.fill(line) for line in text.split("\n"))
