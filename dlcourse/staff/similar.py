"""Which students' code is alike beyond what chance and the course explain: pairs to look at, never a verdict.

In the spirit of MOSS (Schleimer, Wilkerson, Aiken 2003, "Winnowing"): code becomes a row of tokens in which the names
that a student chose, comments, docstrings, numbers and layout play no part, and the row becomes the set of its
fragments of K tokens. A notebook is short, so all fragments are kept, not a sample. What was given out and what the
model solution says are left out. A fragment that d of n students have weighs log2(n / d) bits: what everybody writes
tells nothing. A pair is named if what both have weighs at least SHARE of what the one with less has, and so much in
all that chance would hardly give one such pair in a class of that size.

An index from longer passages to those who have them finds the candidates; as only passages with at most INDEXED
holders count in it, the work grows with the class, not with its square.

It cannot know why two texts are alike: one source, work side by side, a copy. Written answers are not looked at.
"""

import builtins
import keyword
import math
import re
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations

K = 16  # tokens of a fragment, about two lines
SHARE = 0.7  # of the weight of all that the one with less has of their own
MORE_BITS = 12  # beyond those with which n students make one pair by chance, 2 log2(n)
LONG = 2  # fragments in a row that make a passage: by these, being rarer, pairs are found
INDEXED = 60  # holders of such a passage
CANDIDATE = 0.2  # of the bits, in such passages, from which on a pair is looked at in full
MOST_TOKENS = 20_000  # of one student: more is no homework
MOST_PAIRS = 100

_TOKEN = re.compile(
    r"(?P<skip>[ \t\r\f\\]+|\#[^\n]*)"
    r"|(?P<end>\n|;)"
    r"|(?P<text>[rbfuRBFU]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z)|'''(?:[^\\]|\\.)*?(?:'''|\Z)"
    r"|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?))"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<number>\d[\w.]*|\.\d\w*)"
    r"|(?P<sign>\*\*=?|//=?|[-+*/%@&|^<>=!:]=|->|<<|>>|.)",
    re.DOTALL,
)
_KNOWN = frozenset(keyword.kwlist) | frozenset(dir(builtins))
_DEFINED = re.compile(r"\b(?:def|class)\s+(\w+)|\bself\.(\w+)[ \t]{0,20}(?::[^=\n]{1,80})?=(?!=)")
_MAGIC = re.compile(r"^[ \t]*[%!?].*$", re.MULTILINE)


@dataclass(frozen=True)
class Pair:
    """Two students whose own code is alike."""

    students: tuple[str, str]
    share: float  # of the weight of the own code of the one who has less, 0 to 1
    bits: float  # weight of what both have
    places: tuple[str, ...]  # names of given-out cells in which it stands; "" for cells that were added
    passages: tuple[str, str]  # the longest text in common, as each of them wrote it


@dataclass
class _Own:
    """One student's fragments, with the place of each."""

    texts: list[str]  # of the cells
    names: list[str]  # of the cells
    rows: list[list[tuple[int, int, int]]]  # for each cell: (fragment, first and last line), in order
    all: frozenset[int]
    long: frozenset[int]  # fragments of LONG times K tokens


def similar_pairs(records: list[dict], plan) -> list[Pair]:
    """The pairs of students who share so much of what is their own, most alike first.

    records  as grading.py makes them; those of a group count once
    """
    given = _fragments_given(plan)
    ours = {cell.name for cell in plan.cells if cell.kind in ("test", "locked")}
    theirs: dict[str, _Own] = {}
    for record in records:
        if record["problem"] is None and not record.get("handed_in_by"):
            theirs[record["student"]] = _read(record["shown"], ours, given)
    holders = Counter(fragment for own in theirs.values() for fragment in own.all)
    weight = {fragment: math.log2(len(theirs) / n) / K for fragment, n in holders.items()}
    all_bits = {student: sum(weight[f] for f in own.all) for student, own in theirs.items()}
    needed = 2 * math.log2(max(2, len(theirs))) + MORE_BITS
    found = []
    for a, b in _candidates(theirs, CANDIDATE * needed):
        bits = sum(weight[fragment] for fragment in theirs[a].all & theirs[b].all)
        less = min(all_bits[a], all_bits[b])
        if bits >= needed and bits >= SHARE * less:
            found.append((-bits / less, -bits, a, b))
    return [_pair(theirs, a, b, -share, -bits, weight) for share, bits, a, b in sorted(found)[:MOST_PAIRS]]


def _candidates(theirs, bits: float) -> list[tuple[str, str]]:
    """Pairs that share `bits` in long passages that few have."""
    index: dict[int, list[str]] = defaultdict(list)
    for student, own in theirs.items():
        for passage in own.long:
            if len(index[passage]) <= INDEXED:  # one more than that says that it has too many
                index[passage].append(student)
    shared: dict[tuple[str, str], float] = defaultdict(float)
    for students in index.values():
        if 2 <= len(students) <= INDEXED:
            weight = math.log2(len(theirs) / len(students)) / K
            for pair in combinations(students, 2):
                shared[pair] += weight
    return sorted(pair for pair, found in shared.items() if found >= bits)


def _pair(theirs, a: str, b: str, share: float, bits: float, weight) -> Pair:
    one, other = theirs[a], theirs[b]
    shared = {fragment for fragment in one.all & other.all if weight[fragment] > 0}
    rows = zip(one.names, one.rows, strict=True)
    places = dict.fromkeys(name for name, row in rows if any(fragment in shared for fragment, _, _ in row))
    longest, passage = _longest(one, shared)
    return Pair((a, b), round(share, 4), round(bits, 1), tuple(places), (passage, _longest(other, longest)[1]))


def _longest(own: _Own, shared: set[int]) -> tuple[set[int], str]:
    """The longest run of fragments in `shared`, and its lines."""
    best, where = [], (0, 0, -1)
    for at, row in enumerate(own.rows):
        run: list = []
        for fragment, first, last in [*row, (None, 0, 0)]:
            if fragment in shared:
                run.append((fragment, first, last))
                continue
            if len(run) > len(best):
                best, where = run, (at, run[0][1], run[-1][2])
            run = []
    if not best:
        return set(), ""
    at, first, last = where
    return {fragment for fragment, _, _ in best}, "\n".join(own.texts[at].split("\n")[first : last + 1])


# ---------------------------------------------------------------------------------------------------- tokens


def tokens(source: str) -> list[tuple[str, int]]:
    """Python as (token, line from 0) without what can be changed at no cost; broken code gives what can be read.

    Names are "v", but for keywords, built-in names and attributes that the source does not define itself; numbers
    "0", texts "s"; comments, docstrings, magics and layout are gone.
    """
    source = _MAGIC.sub("", source)
    defined = {name for pair in _DEFINED.findall(source) for name in pair if name}
    found, line, depth, fresh, before = [], 0, 0, True, ""
    for match in _TOKEN.finditer(source):
        kind, text = match.lastgroup, match[0]
        if kind == "text":
            alone = fresh and depth == 0 and re.match(r"[ \t]*(?:#|\n|;|\Z)", source[match.end() : match.end() + 200])
            if not alone:
                found.append(("s", line))
            fresh, before = False, "s"
        elif kind == "end":
            fresh = True
        elif kind != "skip":
            if kind == "name":
                attribute = before == "."
                kept = (text not in defined) if attribute else (text in _KNOWN)
                found.append((text if kept else "v", line))
            elif kind == "number":
                found.append(("0", line))
            else:
                depth += (text in "([{") - (text in ")]}")
                found.append((text, line))
            fresh, before = False, text
        line += text.count("\n")
    return found


_BASE, _MODULUS = 1_000_003, (1 << 61) - 1
_LEADING = pow(_BASE, K - 1, _MODULUS)


def fragments(source: str) -> list[tuple[int, int, int]]:
    """Each K tokens in a row as one number, with the lines of the first and the last of them, from 0."""
    row = tokens(source)[:MOST_TOKENS]
    made, value = [], 0
    numbers = [zlib.crc32(text.encode("utf-8", "replace")) for text, _ in row]
    for i, number in enumerate(numbers):
        if i >= K:
            value -= numbers[i - K] * _LEADING
        value = (value * _BASE + number) % _MODULUS
        if i >= K - 1:
            made.append((value, row[i - K + 1][1], row[i][1]))
    return made


def _fragments_given(plan) -> set[int]:
    """What every student could have from the course: the release and the model solutions."""
    texts = {text for cell in plan.cells if cell.is_code for text in (cell.source, cell.released)}
    return {fragment for text in texts for fragment, _, _ in fragments(text)}


def _read(shown: list[dict], ours: set[str], given: set[int]) -> _Own:
    """A hand-in's own code: cells that students fill or add, less what was given."""
    left = MOST_TOKENS
    own = _Own([], [], [], frozenset(), frozenset())
    for cell in shown:
        if cell["code"] and cell["name"] not in ours and left > 0:
            row = fragments(cell["source"][: 20 * left])[:left]
            left -= len(row)
            own.texts.append(cell["source"])
            own.names.append(cell["name"] or "")
            own.rows.append(row)
    own.all = frozenset(fragment for row in own.rows for fragment, _, _ in row if fragment not in given)
    own.long = frozenset(
        hash(passage)
        for row in own.rows
        for passage in zip(*([fragment for fragment, _, _ in row[i * K :]] for i in range(LONG)), strict=False)
        if not given.issuperset(passage)
    )
    return own
