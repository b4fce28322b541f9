"""The two pages that the grader leaves: feedback for one student, and a report on the class for the instructor.

Each is one HTML file that loads nothing and runs nothing. What came from a student is text: it is cut to a size that a
browser bears, cleaned of what could steer a terminal or turn a line around, and escaped. Markdown is rendered without
raw HTML and then sanitised; a picture is shown only when its bytes are those of a PNG or JPEG. Of a test cell only the
verdict is shown, never its text, and nothing at all is taken from the instructor's side of the notebook but headings
and the cells that students were given.
"""

import base64
import binascii
import functools
import math
import re
import struct
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from urllib.parse import quote

MARKDOWN = 20_000  # characters of one text cell that are shown
RICH = 150_000  # characters of Markdown rendered on one page; what comes after is shown as it was typed
TAGS = 2_000  # that one text cell may turn into: the sanitiser is slow
CODE = 20_000  # of one code cell
OUTPUT_HEAD, OUTPUT_TAIL = 8_000, 4_000  # of one output
ALL_TEXT = 1_500_000  # of one page
CELLS = 400
OUTPUTS = 60  # of one cell
PICTURE, ALL_PICTURES = 4_000_000, 16_000_000  # characters of base64, of one picture and of a page
PIXELS = 40_000_000
FOLD_LINES, FOLD_CHARACTERS = 30, 3_000  # a longer output is folded
SMALL = 8  # students below whom nothing is said of quarters and correlations
PAIRS = 30  # of similar students that are shown
PASSAGE = 4_000  # characters of what they have in common


# ---------------------------------------------------------------------------------------------------- text

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)|\x9b[0-?]*[ -/]*[@-~]|\x1b.")
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ue000-\uf8ff\ufff9-\ufffb\ufffe\uffff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text) -> str:
    """Plain text: no terminal codes, no control characters, no marks that turn the direction, no lone surrogates."""
    text = text if isinstance(text, str) else "" if text is None else str(text)
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:  # a progress bar writes its line again and again: the last writing is what was seen
        lines = (line.rstrip("\r") for line in text.split("\n"))
        text = "\n".join(line[line.rfind("\r") + 1 :] for line in lines)
    return _SURROGATES.sub("\ufffd", _UNWANTED.sub("", text))


def esc(text, limit: int = 2_000) -> str:
    """Anything as HTML text, cut after `limit` characters."""
    text = clean(text if not isinstance(text, str) else text[: 4 * limit + 100])
    return escape(text if len(text) <= limit else text[:limit] + " …")


def number(value) -> str:
    return f"{round(value, 2):g}" if math.isfinite(value) else "–"


def points(value) -> str:
    return f"{number(value)} point{'' if value == 1 else 's'}"


def count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def person(student) -> str:
    return esc(str(student).replace("_", " "), 200)


def _sentence(text: str) -> str:
    text = esc(text, 600).strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _plain(text: str) -> str:
    """A heading without its Markdown marks."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`$]", lambda m: m[1] or "", text)


def _section(name: str, title: str, body: str, kind: str = "") -> str:
    """A part of the page with its heading."""
    kind = f' class="{kind}"' if kind else ""
    return f'<section{kind} aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{body}</section>\n'


def _list(items, kind: str = "know") -> str:
    return f'<ul class="{kind}">' + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _table(heads: str, rows: list[str], kind: str = "") -> str:
    """A table that scrolls by itself on a small screen; a head that ends in > stands over numbers, to the right."""
    cells = (h.strip() for h in heads.split("|"))
    head = "".join(f'<th scope="col"{" class=n" if h.endswith(">") else ""}>{h.rstrip(" >")}</th>' for h in cells)
    kind = f' class="{kind}"' if kind else ""
    body = f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="wide" tabindex="0">{body}</div>'


def _anchor(text) -> str:
    return re.sub(r"[^\w-]", "-", str(text), flags=re.ASCII)[:80]


def _moment(value, zone=None) -> str:
    """An ISO time as a person writes it: 4 March 2027, 21:14 UTC."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else value
        when = when.astimezone(zone) if zone is not None else when
        where = (
            f" ({zone})"
            if zone is not None
            else " UTC"
            if when.utcoffset() is not None and not when.utcoffset()
            else ""
        )
        return esc(f"{when.day} {when:%B %Y, %H:%M}{where}")
    except (TypeError, ValueError, AttributeError, OverflowError):
        return esc(value)


def _duration(days: float) -> str:
    minutes = max(1, round(days * 1440))
    if minutes < 60:
        return count(minutes, "minute")
    if minutes < 1440:
        return count(round(minutes / 60), "hour")
    whole, hours = divmod(round(minutes / 60), 24)
    return count(whole, "day") + (f" and {count(hours, 'hour')}" if hours and whole < 7 else "")


# ---------------------------------------------------------------------------------------------------- Markdown

_TAGS = frozenset(
    "p br hr em strong del code pre blockquote ul ol li h3 h4 h5 h6 table thead tbody tr th td a span sub sup".split()
)
_HOLDER = re.compile("\ue000(\\d{1,4})\ue001")  # where a checked picture goes; no student's text can hold these two
_EMBEDDED = re.compile(r"!\[([^\[\]\n]{0,300})\]\(\s{0,5}data:image/(?:png|jpeg|jpg);base64,([A-Za-z0-9+/=\s]+)\)")
_TEX = r"\$\$(?P<wide>[^$]{1,3000}?)\$\$|\$(?P<narrow>(?!\s)[^$]{1,600}?(?<!\s))\$"
_TEX_BLOCK = r"^ {0,3}\$\$(?P<alone>[^$]{1,3000}?)\$\$[ \t]*$"


_SYMBOLS = dict(
    pair.split("=", 1)
    for pair in (
        "alpha=α beta=β gamma=γ delta=δ epsilon=ε varepsilon=ε eta=η theta=θ kappa=κ lambda=λ mu=μ nu=ν pi=π rho=ρ "
        "sigma=σ tau=τ phi=φ varphi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Sigma=Σ Phi=Φ Omega=Ω "
        "sum=∑ prod=∏ int=∫ partial=∂ nabla=∇ infty=∞ in=∈ notin=∉ forall=∀ exists=∃ cdot=· times=× odot=⊙ otimes=⊗ "
        "circ=∘ pm=± le=≤ leq=≤ ge=≥ geq=≥ ne=≠ neq=≠ approx=≈ sim=∼ propto=∝ to=→ rightarrow=→ leftarrow=← gets=← "
        "mapsto=↦ ldots=… dots=… cdots=… top=⊤ mid=| log=log exp=exp max=max min=min sin=sin cos=cos tanh=tanh left= "
        "right= big= Big= bigg= Bigg= mathbf= mathrm= mathbb= mathcal= boldsymbol= text= operatorname= quad=\u2003 "
        "qquad=\u2003\u2003"
    ).split(" ")
)


def _formula(tex: str) -> str:
    """TeX as a line that reads well: signs for commands, indices below, powers above; what is not known stays."""
    text = escape(tex.strip())
    text = re.sub(r"\\([A-Za-z]+)", lambda found: _SYMBOLS.get(found[1], found[0]), text)
    text = re.sub(r"\\[,;:! ]", "\u2009", text).replace("-", "−").replace("∂ ", "∂")
    for _ in range(6):  # from the innermost braces out
        before = text
        text = re.sub(r"_\{([^{}]{0,200})\}", r"<sub>\1</sub>", text)
        text = re.sub(r"\^\{([^{}]{0,200})\}", r"<sup>\1</sup>", text)
        text = re.sub(r"\\sqrt\{([^{}]{0,200})\}", r"√(\1)", text)
        text = re.sub(r"\\frac\{([^{}]{0,200})\}\{([^{}]{0,200})\}", _fraction, text)
        if text == before:
            break
    text = re.sub(r"_(\w)", r"<sub>\1</sub>", text)
    text = re.sub(r"\^([\w*])", r"<sup>\1</sup>", text)
    return re.sub(r"(?<![\\}A-Za-z])\{([^{}\\]{0,200})\}", r"\1", text)  # braces that only grouped


def _fraction(found) -> str:
    parts = (part.strip() for part in found.groups())
    return "/".join(f"({part})" if re.search(r"[ +−]", part) else part for part in parts) + "\u2009"


@functools.cache
def _markdown_tools():
    """Mistune with a renderer that writes no raw HTML, no picture and no address but http(s); bleach behind it."""
    import bleach.sanitizer
    import mistune

    class Renderer(mistune.HTMLRenderer):
        def heading(self, text, level, **attrs):
            level = min(level + 2, 6)  # the page's own headings are h1 and h2
            return f"<h{level}>{text}</h{level}>\n"

        def image(self, text, url, title=None):
            return f'<span class="none">[picture{": " + text if text else ""}]</span>'

        def link(self, text, url, title=None):
            text = re.sub(r'<span class="none">\[picture: (.*?)\]</span>', r"\1", text)  # a badge: its words will do
            if not re.match(r"https?://[^/]", url, re.IGNORECASE):
                return text
            return f'<a href="{escape(clean(url))}" rel="noopener noreferrer nofollow">{text}</a>'

        def block_code(self, code, info=None):
            return f"<pre><code>{escape(code)}</code></pre>\n"

        def tex(self, text):
            return f'<span class="tex">{_formula(text)}</span>'

        def tex_wide(self, text):
            return f'<span class="tex wide">{_formula(text)}</span>'

        def tex_block(self, text):
            return f"<p>{self.tex_wide(text)}</p>\n"

    def tex(md):
        def inline(inline, m, state):
            wide = m.group("wide")
            state.append_token({"type": "tex_wide" if wide else "tex", "raw": wide or m.group("narrow")})
            return m.end()

        def block(block, m, state):
            state.append_token({"type": "tex_block", "raw": m.group("alone")})
            return m.end()

        md.inline.register("tex", _TEX, inline, before="link")
        md.block.register("tex_block", _TEX_BLOCK, block, before="list")

    render = mistune.create_markdown(renderer=Renderer(escape=True), plugins=["table", "strikethrough", tex])
    known = {"tex", "tex wide", "none"}
    sanitizer = bleach.sanitizer.Cleaner(
        tags=_TAGS,
        attributes={"a": ["href", "rel"], "span": lambda tag, name, value: name == "class" and value in known},
        protocols={"http", "https"},
        strip=True,
    )
    return render, sanitizer.clean


@functools.lru_cache(maxsize=256)  # most text cells are the course's own, the same for the whole class
def _rendered(text: str) -> str:
    render, sanitize = _markdown_tools()
    try:
        html = render(text)
        if html.count("<") <= TAGS:
            return sanitize(html)
    except Exception:  # whatever a parser cannot bear
        pass
    return f'<pre class="text">{escape(text)}</pre>'  # as it was typed


def _markdown(text: str, page: "_Page") -> str:
    """A text cell as HTML."""
    pictures = []

    def keep(found):
        pictures.append(_picture(found[2], "", page, found[1]))
        return f"\ue000{len(pictures) - 1}\ue001"

    raw = _UNWANTED.sub("", text[: 8 * ALL_PICTURES])
    if "data:image/" in raw:
        raw = _EMBEDDED.sub(lambda m: keep(m) if len(pictures) < 50 else "[picture]", raw)
    left = len(raw) - MARKDOWN
    shown = _SURROGATES.sub("\ufffd", raw[:MARKDOWN])
    if page.room(len(shown)) and page.rich >= len(shown):
        page.rich -= len(shown)
        html = _HOLDER.sub(lambda m: pictures[int(m[1])] if int(m[1]) < len(pictures) else "", _rendered(shown))
        html = html.replace("\ue000", "")
    else:
        html = f'<pre class="text">{esc(shown, 2_000)}</pre>'
        left += max(0, len(shown) - 2_000)
    return html + (
        _note(f"The text goes on for {count(left, 'character')}; that part is not shown here.") if left > 0 else ""
    )


# ---------------------------------------------------------------------------------------------------- code, outputs


class _Page:
    """What one page has shown so far: no notebook can make it larger than a browser bears."""

    def __init__(self):
        self.text, self.rich, self.pictures, self.figures, self.heading = ALL_TEXT, RICH, ALL_PICTURES, 0, ""

    def room(self, characters: int) -> bool:
        if self.text < characters:
            return False
        self.text -= characters
        return True


_PYTHON = re.compile(
    r"(?P<c>\#[^\n]*)"
    r"|(?P<s>\b[rbfuRBFU]{0,2}(?:\"\"\"[\s\S]*?(?:\"\"\"|\Z)|'''[\s\S]*?(?:'''|\Z)|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?)"
    r"|(?:\"\"\"[\s\S]*?(?:\"\"\"|\Z)|'''[\s\S]*?(?:'''|\Z)|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?))"
    r"|(?P<d>(?<=\bdef )\w+|(?<=\bclass )\w+)"
    r"|\b(?:(?P<k>False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from"
    r"|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)"
    r"|(?P<n>(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?)[jJ]?))\b"
)


def _highlight(source: str) -> str:
    """Python with its keywords, text, numbers, comments and new names marked; one pass, no parser."""
    parts, at = [], 0
    for found in _PYTHON.finditer(source):
        if found.start() > at:
            parts.append(escape(source[at : found.start()], False))
        parts.append(f'<i class="{found.lastgroup}">{escape(found[0], False)}</i>')
        at = found.end()
    parts.append(escape(source[at:], False))
    return "".join(parts)


def _code(source, page: _Page) -> str:
    source = source if isinstance(source, str) else ""
    shown = clean(source[:CODE]).rstrip()
    if not page.room(len(shown)):
        return _note("This cell is not shown: the page is full.")
    html = f'<pre class="code" tabindex="0"><code>{_highlight(shown)}</code></pre>'
    left = len(source) - CODE
    return html + (
        _note(f"The cell goes on for {count(left, 'character')}; that part is not shown here.") if left > 0 else ""
    )


def _note(text: str) -> str:
    return f'<p class="cut">{escape(text)}</p>'


def _joined(value) -> str:
    """A text of nbformat: a string, or a list of them."""
    if isinstance(value, list):
        return "".join(part for part in value[:100_000] if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _text_output(text: str, page: _Page, kind: str = "") -> str:
    left, lines = 0, text.strip("\n").count("\n") + 1
    if len(text) > 20 * (OUTPUT_HEAD + OUTPUT_TAIL):  # cut before anything looks at each character
        room = 10 * (OUTPUT_HEAD + OUTPUT_TAIL)
        left, text = len(text) - 2 * room, text[:room] + "\n" + text[-room:]
    text = clean(text).strip("\n")
    if not text.strip():
        return ""
    long = len(text) + left > OUTPUT_HEAD + OUTPUT_TAIL
    if long:
        left += len(text) - OUTPUT_HEAD - OUTPUT_TAIL
    if not page.room(min(len(text), OUTPUT_HEAD + OUTPUT_TAIL)):
        return _note("This output is not shown: the page is full.")
    if long:
        gap = f'<span class="gap">… {count(left, "character")} left out here …</span>'
        html = f"{escape(text[:OUTPUT_HEAD], False)}\n{gap}\n{escape(text[-OUTPUT_TAIL:], False)}"
    else:
        html = escape(text, False)
    html = f'<pre class="out{kind}" tabindex="0">{html}</pre>'
    if lines <= FOLD_LINES and len(text) <= FOLD_CHARACTERS:
        return html
    size = count(lines, "line") if lines > 1 else count(len(text) + left, "character")
    last = text[text.rfind("\n") + 1 :] if kind else ""
    said = f"Error: {esc(last, 160)}" if last else f"Long output, {size}"
    return f"<details><summary>{said}</summary>{html}</details>"


def _size_of_png(data: bytes) -> tuple[int, int] | None:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 45:
        return None
    return struct.unpack(">II", data[16:24])


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    if data[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 1 if kind == 0xFF else 2 + max(2, length)
    return None


def _picture(text: str, where: str, page: _Page, alt: str = "") -> str:
    """A base64 picture as an <img>, once its bytes are known to be a PNG or JPEG of bearable size."""
    if len(text) > PICTURE or len(text) > page.pictures:
        return _note("A picture is not shown here: it is too large.")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    mime, size = "png", _size_of_png(data)
    if size is None:
        mime, size = "jpeg", _size_of_jpeg(data)
    if size is None or not 0 < size[0] * size[1] <= PIXELS:
        return _note("A picture is not shown here: its data is damaged, or of a kind that this page does not show.")
    page.pictures -= len(text)
    page.figures += 1
    said = esc(alt, 300) or f"Figure {page.figures}{where}"
    source = base64.b64encode(data).decode()
    return f'<img alt="{said}" width="{size[0]}" height="{size[1]}" src="data:image/{mime};base64,{source}">'


def _outputs(outputs, page: _Page) -> str:
    """What a cell showed: nbformat's outputs, in whatever shape the student's process sent them."""
    parts, stream = [], []

    def flush():
        if stream:
            parts.append(_text_output("".join(stream), page))
            stream.clear()

    outputs = outputs if isinstance(outputs, list) else []
    for out in outputs[:OUTPUTS]:
        if not isinstance(out, dict):
            continue
        kind = out.get("output_type")
        if kind == "stream":
            stream.append(_joined(out.get("text")))
            continue
        flush()
        if kind == "error":
            lines = out.get("traceback")
            lines = (
                [s.rstrip("\n") for s in lines[:500] if isinstance(s, str)]
                if isinstance(lines, list)
                else [_joined(lines)]
            )
            last = f"{_joined(out.get('ename'))}: {_joined(out.get('evalue'))}"
            parts.append(_text_output("\n".join(lines) if any(lines) else last, page, " error"))
        elif kind in ("display_data", "execute_result") and isinstance(out.get("data"), dict):
            parts.append(_display(out["data"], page))
    flush()
    if len(outputs) > OUTPUTS:
        parts.append(_note(f"{count(len(outputs) - OUTPUTS, 'more output')}, not shown here."))
    html = "".join(parts)
    return f'<div class="outputs">{html}</div>' if html else ""


def _display(data: dict, page: _Page) -> str:
    for mime in ("image/png", "image/jpeg"):
        if text := _joined(data.get(mime)):
            return _picture(text, f", drawn by a cell under “{page.heading}”" if page.heading else "", page)
    if text := _joined(data.get("text/markdown")):
        return f'<div class="prose">{_markdown(text, page)}</div>'
    if text := _joined(data.get("text/plain")):
        return _text_output(text, page)
    return _note("An output of a kind that this page does not show.") if data else ""


# ---------------------------------------------------------------------------------------------------- questions


@dataclass
class Question:
    """A solution with the tests after it, or a written answer."""

    title: str
    cells: list = field(default_factory=list)  # those that give points
    answers: list[str] = field(default_factory=list)  # names of the cells that the student fills


def questions_of(plan) -> list[Question]:
    """The assignment's questions, in order: solution cells with the tests below them, named by the heading above."""
    found: list[Question] = []
    heading = None
    for cell in plan.cells:
        if cell.kind == "text":
            heading = (_headings(cell.released) or [heading])[-1]
        elif cell.kind in ("solution", "manual", "task") or cell.points is not None:
            last = found[-1] if found else None
            theirs = cell.kind in ("solution", "manual", "task")
            other = (
                last is not None and bool(last.cells) and (last.title != (heading or "") or (theirs and not heading))
            )
            if last is None or other:
                last = Question(heading or "")
                found.append(last)
            elif theirs and not last.cells and not last.answers:
                last.title = heading or ""
            if theirs:
                last.answers.append(cell.name)
            if cell.points is not None:
                last.cells.append(cell)
    found = [q for q in found if any(c.points for c in q.cells)]
    for at, question in enumerate(found, 1):
        question.title = question.title or f"Question {at}"
    return found


def _headings(text: str) -> list[str]:
    """Headings below the title's level, without their marks and the points that they promise."""
    found, fenced = [], False
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        match = None if fenced else re.match(r" {0,3}#{2,4}\s+(.*?)\s*#*\s*$", line)
        if match:
            found.append(re.sub(r"\s*\([\d.]+ points?\)$", "", _plain(match[1])))
    return found


def _label(cell, at: int) -> str:
    """A test's name in words; a name that only a machine could love becomes a number."""
    if re.fullmatch(r"(cell-?)?[0-9a-f]{6,}|[0-9a-f-]{20,}", cell.name):
        return f"test {at}"
    return esc(cell.name.replace("_", " "), 100)


# status -> sign, words for a student, colour
_STATUS = {
    "passed": ("ok", "Passed", "good"),
    "partial": ("part", "Partly", "good"),
    "failed": ("no", "Not passed", "bad"),
    "unanswered": ("open", "Not attempted yet", "calm"),
    "timeout": ("stop", "Stopped, too slow", "bad"),
    "crashed": ("stop", "Stopped, crashed", "bad"),
    "needs marking": ("mark", "To be marked", "wait"),
    "marked": ("ok", "Marked", "good"),
    "author error": ("mark", "Not your mistake", "wait"),
    "not run": ("open", "Not reached", "calm"),
}


def _sign(status: str) -> tuple[str, str, str]:
    sign, words, tone = _STATUS.get(status, ("open", esc(status, 60), "calm"))
    return f'<svg class="sign" aria-hidden="true"><use href="#{sign}"/></svg>', words, tone


def _message(cell, graded: dict) -> str:
    status = graded["status"]
    if graded.get("again"):
        return "These points were given for an earlier version. A person looks at this one, too."
    if cell.kind == "test" and graded.get("auto_score", graded["score"]) != graded["score"]:
        return "A person looked at this and gave these points."
    if status == "author error":
        return (
            "This test has a mistake of its own. It is not yours: your instructor is told, and will see to your points."
        )
    if status == "needs marking":
        return "A person reads this answer."
    message = re.sub(r"`([^`\n]{1,80})`", r"<code>\1</code>", esc(graded.get("message"), 4_000).strip())
    if status == "unanswered" and cell.kind == "test":
        return (
            "Your code still raises NotImplementedError here." if not message or "Not attempted" in message else message
        )
    if status == "failed" and "BEGIN HIDDEN TESTS" in cell.source and "is not defined" not in message:
        message += '<span class="aside">This test also tries cases that are not printed in the notebook.</span>'
    return message


# ---------------------------------------------------------------------------------------------------- feedback page

_FLAGS = {  # flag -> (what the student reads, what the instructor reads)
    "late": (None, "handed in late"),
    "needs a look": (
        "a test could not work with what your code returned; your instructor has been asked to look",
        "a test failed on the kind of value that came, but passes beside the student’s code: look whether it is right",
    ),
    "misnamed": (
        "The file had another name than the one asked for. It was found to be yours; please name it right next time.",
        "file named against the rule",
    ),
    "tests changed": (
        "Some test cells were changed in your copy. Your answers were tested with the original ones.",
        "test or locked cells changed; the originals were used",
    ),
    "ids mended": (
        "Some cells had lost their invisible labels (copying cells does that). They were matched by what they contain.",
        "cells without labels, matched by content",
    ),
    "cells doubled": (
        "Some cells are there more than once. The last copy counted.",
        "cells doubled; the last one counted",
    ),
    "cells missing": (
        "Some answer or test cells are missing from your copy. Tests were put back; a missing answer gets no points.",
        "answer or test cells missing",
    ),
    "timeout": ("A cell or a test did not end in time and was stopped.", "a cell or test ran out of time"),
    "crashed": (
        "Your code ended its own process once. The run went on without that cell.",
        "the student’s process died",
    ),
    "memory": (
        "Your code asked for more memory than there is and was stopped. The run went on without that cell.",
        "more memory than allowed",
    ),
    "stopped early": (
        "The notebook as a whole took too long or stopped too often, so its end was not run.",
        "the notebook’s end was not run",
    ),
    "from Colab": (None, "handed in from Colab"),
    "encoding mended": (None, "text encoding mended"),
    "old format": ("The file is in an old notebook format. It was read all the same.", "old notebook format"),
    "damaged cell": ("One cell was damaged and could not be read.", "a damaged cell left out"),
    "no name": (None, "no name in the name cell"),
    "other name": (
        "The name cell holds another name than the file, and the questions are drawn from it. Tell your instructor.",
        "the name cell and the file name two people, and the questions are drawn from the first",
    ),
    "text in code": (
        "A written answer stands in a code cell. It is read all the same; next time, write it into the Markdown cell.",
        "a written answer in a code cell, its Markdown cell blank",
    ),
    "by a partner": (
        "This is the notebook that your group handed in; it counts for each of you.",
        "the group’s work, handed in by another member",
    ),
    "two in the group": (
        "More than one of your group handed in. The newest notebook counted for all of you.",
        "several members handed in; the newest counted for all",
    ),
    "excused": ("You are excused from this assignment: it does not enter your grade.", "excused: counts for nothing"),
    "two files": ("You handed in more than once. The newest file counted.", "more than one file; the newest counted"),
    "test replaced": (
        "A test passed whatever your code did, because something it relies on had been replaced. It gives no points.",
        "a test relied on something replaced: please look",
    ),
}


def feedback_page(record: dict, plan, title: str, zone=None) -> str:
    """What one student opens: score, question by question, then the notebook as it ran.

    zone  in which times are told; None: as they are kept
    """
    page = _Page()
    parts = [_feedback_head(record, plan, title, zone), _score_card(record, plan)]
    notes = [_flag_for_student(word, record) for word in record.get("flags") or []]
    if notes := [n for n in notes if n]:
        parts.append(_section("know", "Good to know", _list(notes)))
    if record.get("state") != "could not run":
        parts.append(_question_cards(record, plan, page))
    if record.get("shown"):
        parts.append(_notebook(record, plan, page))
    foot = "This page is one file. It loads nothing, runs nothing and sends nothing."
    return _frame(f"{_plain(title)}: feedback", "".join(parts), foot)


def _feedback_head(record, plan, title, zone) -> str:
    when = f' · handed in <time datetime="{esc(record["submitted"], 40)}">{_moment(record["submitted"], zone)}</time>'
    return _head(
        "Feedback", plan, title, f"<bdi>{person(record['student'])}</bdi>{when if record.get('submitted') else ''}"
    )


def _head(what, plan, title, below) -> str:
    return (
        f'<header><p class="over">{what} · {esc(plan.assignment, 100)}</p><h1>{esc(_plain(title), 300)}</h1>'
        f'<p class="who">{below}</p></header>\n'
    )


def _score_card(record, plan) -> str:
    if record.get("state") == "could not run" or record.get("score") is None:
        told = (
            "Nothing is lost yet. Open the notebook where you wrote it, choose <b>Run all</b>, save it, and hand in "
            "the file that ends in <b>.ipynb</b> again. If it does not open there either, write to your instructor."
        )
        why = _sentence(record.get("problem") or "it could not be run")
        return _section("score", "Your notebook could not be read", f"<p>{why}</p><p>{told}</p>", "banner")
    most, score = record["max_score"], record["score"]
    cells = record["cells"]
    waiting = sum(c["max_score"] or 0 for c in cells.values() if c["score"] is None)
    tests = [cells[c.name] for c in plan.cells if c.kind == "test" and c.points and c.name in cells]
    passed = sum(c["status"] == "passed" for c in tests)
    html = f'<p class="big"><b>{number(score)}</b> <span>of {points(most)}</span></p>'
    if waiting:
        html += f'<p class="waiting">+ {points(waiting)} still to be marked</p>'
    share, open_share = (100 * x / most if most else 0 for x in (score, waiting))
    done, rest = f"width:{share:.1f}%", f"width:{open_share:.1f}%"
    html += f'<div class="track" aria-hidden="true"><i style="{done}"></i><i class="soft" style="{rest}"></i></div>'
    if tests:
        html += f"<p>{_encouragement(passed, tests)}</p>"
    return _section("score", '<span class="hidden">Score</span>', html + _lateness(record, waiting), "card")


def _encouragement(passed: int, tests: list) -> str:
    if passed == len(tests):
        return "Every test passes. Well done." if passed > 1 else "The test passes. Well done."
    if all(c["status"] == "unanswered" for c in tests):
        return "No question with a test was attempted yet."
    if not passed:
        in_full = " in full" if any(c["score"] for c in tests) else ""
        return f"No test passes{in_full} yet. Below you find what each of them looked at."
    return f"{passed} of {count(len(tests), 'test')} pass. Below you find what the others looked at."


def _lateness(record, waiting) -> str:
    """What the course's rules make of the points: completion, what the form costs, lateness."""
    factor, days, score = record.get("late_factor", 1.0), record.get("late_days") or 0.0, record["score"]
    factor = 1.0 if factor is None else factor
    before = _completion(record.get("completion")) + _deductions(record.get("deductions") or [])
    if factor >= 1 and not before:
        if days > 0:
            return f"<p>Handed in {_duration(days)} after the due date. No points are taken off for that.</p>"
        return ""
    final = record.get("final_score")
    final = score * factor if final is None else final
    so_far = " so far" if waiting and not record.get("completion") else ""
    if factor >= 1:
        why = ""
    elif factor <= 0:
        why = "and the course’s rule leaves no points after that long. What you learned is yours all the same."
    elif before:
        why = f"so {100 * factor:.3g}&nbsp;% of what is left counts."
    else:
        product = f"{number(score)} × {factor:.3g} = {number(final)}"
        why = f"so {100 * factor:.3g}&nbsp;% of your points count: {product}{so_far}."
    late = f"The notebook came {_duration(days)} after the due date, {why}" if why else ""
    return f'{before}<p class="final"><b>Final score{so_far}: {number(final)}.</b> {late}</p>'


def _completion(done) -> str:
    if not done:
        return ""
    enough = not done["of"] or done["tried"] / done["of"] >= done["needed"] - 1e-9
    told = (
        "so all points count" if enough else f"all points need {100 * done['needed']:.3g}&nbsp;%, so that share counts"
    )
    return f"<p>Graded for completion: you tried {done['tried']} of {count(done['of'], 'question')}, {told}.</p>"


def _deductions(taken: list) -> str:
    return _list([f"{points(d['points'])} taken off: {esc(d['why'])}." for d in taken]) if taken else ""


def _flag_for_student(word: str, record) -> str | None:
    if word == "timeout" and record.get("cell_seconds"):
        return f"A cell or a test did not end within {number(record['cell_seconds'])} s and was stopped."
    return _FLAGS[word][0] if word in _FLAGS else esc(word, 200)


def _comments(record, question, page) -> str:
    """What a person wrote about the answers to a question."""
    names = dict.fromkeys([*question.answers, *(cell.name for cell in question.cells)])
    texts = [text for name in names if (text := (record.get("comments") or {}).get(name))]
    by = '<p class="over">From your instructor</p>'
    return "".join(f'<div class="comment">{by}<div class="prose">{_markdown(text, page)}</div></div>' for text in texts)


def _question_cards(record, plan, page) -> str:
    shown = enumerate((record.get("shown") or [])[:CELLS])
    places = {cell["name"]: i for i, cell in shown if cell.get("name")}
    cards = []
    for question in questions_of(plan):
        rows, reached, waiting = [], 0.0, 0.0
        for at, cell in enumerate(question.cells, 1):
            graded = record["cells"].get(cell.name)
            if graded is None:
                continue
            reached += graded["score"] or 0
            waiting += graded["max_score"] or 0 if graded["score"] is None else 0
            rows.append(_row(cell, graded, at, len(question.cells) > 1))
        most = sum(c.points or 0 for c in question.cells)
        said = points(waiting) + " open" if waiting == most else f"{number(reached)} of {points(most)}"
        link = next((places[n] for n in question.answers if n in places), None)
        title = esc(question.title, 200)
        title = f'<a href="#cell-{link}">{title}</a>' if link is not None else title
        cards.append(
            f'<article class="card question"><div class="bar"><h3>{title}</h3><p class="points">{said}</p></div>'
            f'<ul class="rows">{"".join(rows)}</ul>{_comments(record, question, page)}</article>'
        )
    told = '<p class="soft">The name of a question takes you to your answer, further down.</p>' if places else ""
    return _section("questions", "Question by question", told + "".join(cards))


def _row(cell, graded, at, several) -> str:
    sign, words, tone = _sign(graded["status"])
    name = _label(cell, at) if cell.kind == "test" else "written answer"
    reached = "" if graded["score"] is None else f"{number(graded['score'])} of "
    said = f'<span class="points">{reached}{number(graded["max_score"])}</span>' if several else ""
    message = _message(cell, graded)
    message = f'<p class="message">{message}</p>' if message else ""
    return (
        f'<li class="{tone}" id="result-{_anchor(cell.name)}">{sign}<div><p class="line"><span><b>{words}</b> '
        f'<span class="name">{name}</span></span>{said}</p>{message}</div></li>'
    )


def _notebook(record, plan, page) -> str:
    sources, parts = {c.name: c for c in plan.cells}, []
    shown = record["shown"]
    for i, cell in enumerate(shown[:CELLS]):
        source = sources.get(cell.get("name"))
        kind = source.kind if source is not None else None
        text = cell.get("source") if isinstance(cell.get("source"), str) else ""
        if kind == "text" and (found := _headings(source.released)):
            page.heading = esc(found[-1], 100)
        if kind == "test":
            if (graded := record["cells"].get(source.name)) is not None:
                sign, words, tone = _sign(graded["status"])
                said = f'<b>{words}</b> <a href="#result-{_anchor(source.name)}">{_label(source, 1)}</a>'
                parts.append(f'<p class="verdict {tone}">{sign}<span>{said}</span></p>')
            continue
        if not text.strip():
            continue
        theirs = kind in ("solution", "manual", "task")
        label = '<p class="over">Your answer</p>' if theirs else ""
        if cell.get("code"):
            body = _code(source.released if kind == "locked" else text, page) + _outputs(cell.get("outputs"), page)
        else:
            body = f'<div class="prose">{_markdown(text, page)}</div>'
        parts.append(f'<div class="cell{" yours" if theirs else ""}" id="cell-{i}">{label}{body}</div>')
    if len(shown) > CELLS:
        parts.append(_note(f"{count(len(shown) - CELLS, 'more cell')}, not shown here."))
    return _section("notebook", "Your notebook, as it ran", "".join(parts))


# ---------------------------------------------------------------------------------------------------- report page


def feedback_href(student: str, assignment) -> str:
    """From the report (reports/<id>.html) to a student's feedback page."""
    name = getattr(assignment, "notebook", None) or assignment.id
    parts = (student, assignment.id, f"{name}.html")
    return "../feedback/" + "/".join(quote(str(p).encode("utf-8", "replace"), safe="") for p in parts)


def report_page(outcome) -> str:
    """What the instructor opens: the class at a glance, the questions, then everybody."""
    records, assignment, plan = outcome.records, outcome.assignment, outcome.plan
    title = _title_of(plan)
    parts = [_report_head(assignment, plan, title)]
    if outcome.trusted:
        told = (
            "This run used <code>--trust</code>: the students’ code ran with your rights on your machine, and could "
            "have read or changed what you can. Grade again without it before you publish these scores."
        )
        parts.append(_section("trust", "Graded without a sandbox", f"<p>{told}</p>", "banner"))
    states = [r["state"] for r in records]
    tiles = [
        (len(states) - states.count("could not run"), "graded by tests"),
        (states.count("needs marking"), "with answers to mark"),
        (states.count("could not run"), "could not run"),
        (len(outcome.unplaced), "not placed"),
    ]
    parts.append(_list((f"<b>{n}</b> {words}" for n, words in tiles), "tiles"))
    if notes := _instructor_notes(outcome):
        parts.append(_section("look", "Please look at", _list(notes)))
    if outcome.unplaced:
        parts.append(_unplaced(outcome.unplaced))
    parts += [_distribution(records, plan), _question_table(records, plan), _student_table(outcome)]
    parts += [_similar(outcome), _more(records)]
    foot = "Made from the grader’s records. It loads nothing and runs nothing."
    return _frame(f"{_plain(title)}: report", "".join(parts), foot, "report")


def _title_of(plan) -> str:
    for cell in plan.cells:
        for line in cell.released.splitlines() if not cell.is_code else ():
            if line.startswith("# "):
                return line[2:].strip()
    return plan.assignment


def _report_head(assignment, plan, title) -> str:
    course = assignment.course
    facts = course.assignments.get(assignment.id) if course is not None else None
    due = f" · due {_moment(facts.due, course.timezone)}" if facts is not None else ""
    return _head("Report", plan, title, f"{points(plan.max_score)}{due}")


def _instructor_notes(outcome) -> list[str]:
    notes = [esc(note, 600) for note in outcome.notes]
    broken: dict[str, list] = {}
    for record in outcome.records:
        for name, cell in record["cells"].items():
            if cell["status"] == "author error":
                broken.setdefault(name, []).append(cell.get("message"))
    for name, messages in broken.items():
        whom = count(len(messages), "student")
        told = f"stopped by a mistake of its own for {whom}: {esc(messages[0], 300)}"
        notes.append(f"The test <code>{esc(name, 100)}</code> {told}")
    for flag in ("needs a look", "test replaced"):
        flagged = [_link(r["student"], outcome) for r in outcome.records if flag in (r.get("flags") or [])]
        if flagged:
            more = f" and {len(flagged) - 20} more" if len(flagged) > 20 else ""
            notes.append(f"{_flag(flag)} {', '.join(flagged[:20])}{more}: {_FLAGS[flag][1]}.")
    return notes


def _unplaced(unplaced) -> str:
    rows = [f"<b><bdi>{esc(u.file, 300)}</bdi></b><br>{_sentence(u.reason)}" for u in unplaced[:500]]
    more = _note(f"{count(len(unplaced) - 500, 'more file')}, not shown here.") if len(unplaced) > 500 else ""
    return _section("unplaced", "Files that could not be placed", _list(rows) + more)


# ---------------------------------------------------------------------------------------------------- a competition


def leaderboard_page(assignment: str, rows, settings) -> str:
    """What the class sees of a competition: aliases, ranks, intervals; `rows` as leaderboard.entries gives them."""
    low = min((row.interval[0] for row in rows), default=0.0)
    left = max(0.0, math.floor(10 * low) / 10)  # where the scale of the bars begins
    lines = []
    for row in rows:
        start, end = (100 * (x - left) / (1 - left) for x in row.interval)
        bar = f'<i class="off" style="width:{start:.1f}%"></i><i style="width:{max(end - start, 0.6):.1f}%"></i>'
        told = f"{row.interval[0]:.3f} to {row.interval[1]:.3f}"
        cells = [
            f'<td class="n"><b>{row.rank}{"=" if row.tied else ""}</b></td>',
            f'<th scope="row"><bdi>{esc(row.alias, 30)}</bdi></th>',
            f'<td class="n">{row.share:.3f}</td>',
            f'<td class="range">{told}<span class="track" aria-hidden="true">{bar}</span></td>',
            f'<td class="n">{esc(str(row.told.get("work", "–")), 12)}</td>',
            *(f'<td class="set">{esc(row.setting(name), 20)}</td>' for name in settings),
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    names = " | ".join(name.replace("_", " ") for name in settings)
    board = _table(f"Rank > | Alias | Accuracy > | 95 % interval | Work > | {names}", lines, "board")
    told = (
        "Each entry was measured by the grader, on the same images, which nobody here has seen. A rank is one more "
        "than the number of entries that are surely better: their interval lies above. A sign = marks a tie. "
        f"Bars begin at {left:.1f}. Work is that of the training, in billions of multiplications, the same on every "
        "machine."
    )
    head = (
        f'<header><p class="over">Leaderboard · {esc(assignment, 100)}</p>'
        f"<h1>{count(len(rows), 'entry', 'entries')}</h1>"
        f'<p class="who">{told}</p></header>\n'
    )
    return _frame(
        f"{assignment}: leaderboard",
        head + _section("board", "Ranks", board),
        "It loads nothing and runs nothing.",
        "report",
    )


def _distribution(records, plan) -> str:
    scores = sorted(r["score"] for r in records if r.get("score") is not None)
    if not scores:
        return _section("scores", "Scores", "<p>No score yet.</p>")
    middle = len(scores) // 2
    median = scores[middle] if len(scores) % 2 else (scores[middle - 1] + scores[middle]) / 2
    mean = sum(scores) / len(scores)
    most = plan.max_score
    said = f"Median {number(median)}, mean {number(mean)} of {points(most)}."
    waiting = any(r["state"] == "needs marking" for r in records)
    about = "Before lateness; what is still to be marked counts 0." if waiting else "Before lateness."
    figure = f'<figure class="histogram">{_histogram(scores, most)}</figure>'
    facts = [
        ("best quarter from", number(scores[math.ceil(0.75 * len(scores)) - 1]) if len(scores) >= SMALL else None),
        ("lowest quarter up to", number(scores[math.ceil(0.25 * len(scores)) - 1]) if len(scores) >= SMALL else None),
        ("all points", f"{sum(score >= most for score in scores)} of {len(scores)}"),
        ("no points", f"{sum(score <= 0 for score in scores)} of {len(scores)}"),
    ]
    told = _list((f"<span>{words}</span> <b>{value}</b>" for words, value in facts if value is not None), "facts")
    return _section("scores", "Scores", f'<p><b>{said}</b> {about}</p><div class="pair">{figure}{told}</div>')


def _step(scores, most: float) -> float:
    """How many points a bar is wide."""
    finest = 1 if all(float(score).is_integer() for score in scores) else 0.25
    steps = (0.25, 0.5, 1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000)
    return next((s for s in steps if s >= finest and most / s <= 12), most / 12)


def _histogram(scores, most) -> str:
    """One bar for each step of points; full marks have a bar of their own."""
    step = _step(scores, most)
    bars = [0] * (math.floor(most / step + 1e-9) + 1)
    for score in scores:
        bars[min(len(bars) - 1, max(0, math.floor(score / step + 1e-9)))] += 1
    top = max(bars)
    tick = next((t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500) if top / t <= 5), math.ceil(top / 5))
    ceiling = tick * math.ceil(top / tick)
    left, right, high, base = 34, 440, 14, 170
    slot = (right - left) / len(bars)
    every = math.ceil(len(bars) / 11)
    each = f"; {points(step)} a bar" if step != 1 else ""
    parts = []

    def word(x, y, text, more='text-anchor="middle"'):
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{text}</text>')

    for value in range(0, ceiling + 1, tick):
        y = base - (base - high) * value / ceiling
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        word(left - 6, y + 4, value, 'text-anchor="end"')
    for i, n in enumerate(bars):
        x, height = left + (i + 0.1) * slot, (base - high) * n / ceiling
        if n:
            size = f'width="{0.8 * slot:.1f}" height="{height:.1f}"'
            parts.append(f'<rect x="{x:.1f}" y="{base - height:.1f}" {size} rx="2"/>')
        if i % every == 0:
            word(left + (i + 0.5) * slot, base + 15, number(i * step))
    word((left + right) / 2, base + 34, f"points reached, of {number(most)}{each}")
    word(10, (high + base) / 2, "students", f'text-anchor="middle" transform="rotate(-90 10 {(high + base) / 2})"')
    listed = ", ".join(f"{number(i * step)}: {n}" for i, n in enumerate(bars) if n)
    named = '<title id="hist">Students by points reached</title>'
    told = f'<desc id="hist-all">Points, and how many students reached them: {listed}.</desc>'
    about = f'viewBox="0 0 {right + 4} {base + 42}" role="img" aria-labelledby="hist hist-all"'
    return f"<svg {about}>{named}{told}{''.join(parts)}</svg>"


def separation(items: list, totals: list) -> float | None:
    """The corrected item-total correlation: a question's points with those of all others; None where there is none.

    items   points of this question, a student each
    totals  the same students' points of everything
    """
    rest = [t - i for t, i in zip(totals, items, strict=True)]
    n = len(items)
    if n < SMALL:
        return None
    a, b = sum(items) / n, sum(rest) / n
    across = sum((x - a) * (y - b) for x, y in zip(items, rest, strict=True))
    spread = sum((x - a) ** 2 for x in items) * sum((y - b) ** 2 for y in rest)
    return across / math.sqrt(spread) if spread > 1e-18 else None


def _question_table(records, plan) -> str:
    scored = [r for r in records if r.get("score") is not None]
    enough, rows = len(scored) >= SMALL, []
    for question in questions_of(plan):
        for at, cell in enumerate(question.cells):
            seen = [(r["cells"][cell.name]["score"], r["score"]) for r in scored if cell.name in r["cells"]]
            waiting = sum(score is None for score, _ in seen)
            share = agrees = None
            if seen and not waiting and cell.points:
                share = sum(score for score, _ in seen) / (len(seen) * cell.points)
                agrees = separation([score for score, _ in seen], [total for _, total in seen])
            shown = f"{waiting} to be marked" if waiting else _share_bar(share)
            title = f'<th scope="rowgroup" rowspan="{len(question.cells)}">{esc(question.title, 120)}</th>'
            name = _label(cell, at + 1) if cell.kind == "test" else "written answer"
            beside = f"<td class=sep>{_separation_bar(agrees)}</td>" if enough else ""
            rows.append(
                f"{'<tr>' if at else '<tr class=first>' + title}<td>{name}</td>"
                f"<td class=n>{number(cell.points or 0)}</td><td class=share>{shown}</td>{beside}</tr>"
            )
    told = "A low share of the points means a hard question. "
    if enough:
        told += (
            "Separation is the corrected item-total correlation: how well the points of a part agree with those of "
            "all others. Above 0.3 is good; near 0 or below, students who do well elsewhere miss it, so look at its "
            "wording and its tests."
        )
    else:
        told += f"Separation is not shown: it says nothing for fewer than {SMALL} students."
    heads = "Question | Part | Points > | Share of points reached" + " | Separation, −1 to 1" * enough
    return _section("questions", "Questions", f"<p>{told}</p>{_table(heads, rows, 'questions')}")


def _share_bar(share) -> str:
    if share is None:
        return "–"
    width = 100 * min(1, max(0, share))
    return f'<span class="meter"><i style="width:{width:.0f}%"></i></span> {100 * share:.0f}&nbsp;%'


def _separation_bar(value) -> str:
    if value is None:
        return "–"
    width = 50 * min(1, abs(value))
    place = f"left:50%;width:{width:.0f}%" if value >= 0 else f"right:50%;width:{width:.0f}%"
    low = ' class="low"' if value < 0 else ""
    said = f"{value:.2f}".replace("-", "−")
    return f'<span class="meter middle"><i{low} style="{place}"></i></span> {said}'


def _student_table(outcome) -> str:
    rows = []
    for r in outcome.records:
        if r["state"] == "could not run" or r.get("score") is None:
            middle = f"<td colspan=3 class=why><b>Could not run:</b> {esc(r.get('problem'), 200)}</td>"
        else:
            waiting = sum(c["max_score"] or 0 for c in r["cells"].values() if c["score"] is None)
            factor, days, final = r.get("late_factor", 1.0), r.get("late_days") or 0, r.get("final_score")
            still = f" <span class=soft>+ {number(waiting)} open</span>" if waiting else ""
            late = f"{_duration(days)}, × {factor:.3g}" if factor is not None and factor < 1 else ""
            final = number(r["score"] if final is None else final)
            middle = (
                f"<td class=n>{number(r['score'])}{still}</td><td class=n><b>{final}</b></td><td class=late>{late}</td>"
            )
        flags = " ".join(_flag(word) for word in r.get("flags") or [] if word != "late")
        rows.append(
            f'<tr><th scope="row">{_link(r["student"], outcome)}</th>{middle}'
            f'<td class="flagged">{flags}</td><td class="n seconds">{r.get("seconds") or 0:.1f}</td></tr>'
        )
    table = _table("Student | Score > | Final > | Late | Flags | Seconds >", rows, "students")
    return _section("students", "Students", table) if rows else ""


def _link(student, outcome) -> str:
    """A student's name, which leads to the feedback page."""
    return f'<a href="{escape(feedback_href(student, outcome.assignment))}"><bdi>{person(student)}</bdi></a>'


def _similar(outcome) -> str:
    """Pairs whose own code is alike, with the longest passage that both have."""
    pairs = outcome.alike
    if not pairs:
        return ""
    title = {}
    for question in questions_of(outcome.plan):
        title |= dict.fromkeys(question.answers, question.title)
    told = (
        "The own code of these students is more alike than chance explains: what was given out, what the model "
        "solution says and what many write is left out; names, comments, numbers and layout play no part. Working "
        "side by side, one source or a shared helper look the same from here. Read both before you ask."
    )
    cards = []
    for pair in pairs[:PAIRS]:
        names = [_link(student, outcome) for student in pair.students]
        where = dict.fromkeys(title.get(place, place or "cells of their own") for place in pair.places)
        said = f"{100 * pair.share:.0f}&nbsp;% of the own code of the one with less, in {esc(', '.join(where), 300)}"
        sides = zip(pair.students, pair.passages, strict=True)
        code = "".join(
            f'<div><p class="over"><bdi>{person(student)}</bdi></p>{_code(text[:PASSAGE], _Page())}</div>'
            for student, text in sides
        )
        cards.append(
            f'<article class="card alike"><h3>{names[0]} and {names[1]}</h3><p>{said}.</p>'
            f"<details><summary>The longest passage of both</summary>"
            f'<div class="sides">{code}</div></details></article>'
        )
    more = _note(f"{count(len(pairs) - PAIRS, 'more pair')}; all are in the JSON.") if len(pairs) > PAIRS else ""
    return _section("similar", "Similar solutions", f"<p>{told}</p>{''.join(cards)}{more}")


def _flag(word) -> str:
    return f'<span class="flag">{esc(word, 60)}</span>'


def _more(records) -> str:
    """What was flagged, and who took longest."""
    flags = Counter(word for record in records for word in record.get("flags") or [])
    html = ""
    if flags:
        rows = [
            f'<tr><th scope="row">{_flag(word)}</th><td>{_FLAGS.get(word, ("", ""))[1]}</td><td class=n>{n}</td></tr>'
            for word, n in sorted(flags.items(), key=lambda x: (-x[1], x[0]))
        ]
        html += _section("flags", "Flags", _table("Flag | Meaning | Students >", rows))
    if len(records) > 1:
        slowest = sorted(records, key=lambda r: -(r.get("seconds") or 0))[:5]
        rows = [f"<bdi>{person(r['student'])}</bdi>, {r.get('seconds') or 0:.1f} s" for r in slowest]
        html += _section("slow", "Slowest to grade", _list(rows))
    return f'<div class="pair">{html}</div>' if html else ""


# ---------------------------------------------------------------------------------------------------- the frame

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_SIGNS = """\
<svg class="hidden" aria-hidden="true" focusable="false"><defs>
<symbol id="ok" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9" fill="currentColor" stroke="none"/>
<path d="M5.8 10.4l2.8 2.8 5.6-6" stroke="var(--page)" stroke-width="2"/></symbol>
<symbol id="part" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8.2"/>
<path d="M10 4.5a5.5 5.5 0 0 0 0 11z" fill="currentColor" stroke="none"/></symbol>
<symbol id="no" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8.2"/><path d="M7 7l6 6m0-6l-6 6"/></symbol>
<symbol id="open" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8.2" stroke-dasharray="2.2 3.5"/></symbol>
<symbol id="stop" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8.2"/><path d="M10 5.4V10l3 2.2"/></symbol>
<symbol id="mark" viewBox="0 0 20 20">
<path d="M3 17l.9-3.9L13.6 3.4a1.7 1.7 0 0 1 2.4 0l.6.6a1.7 1.7 0 0 1 0 2.4L6.9 16.1z"/></symbol>
</defs></svg>
"""

_STYLE = """\
:root{color-scheme:light dark;--page:#fff;--soft:#f6f7f8;--line:#e2e5e9;--text:#1c2127;--quiet:#5b6570;
--accent:#1a5fb4;--pale:#c9daf0;
--warm:#a8430a;--code-k:#1a5fb4;--code-s:#8a4b08;--code-n:#6b3fa0;--code-c:#66707a}
@media (prefers-color-scheme:dark){:root{--page:#15181c;--soft:#1d2126;--line:#30363d;--text:#e4e7eb;
--quiet:#9ba5b0;--accent:#84b6f4;
--pale:#2c4463;--warm:#f5a26b;--code-k:#84b6f4;--code-s:#e5b97e;--code-n:#c3a6f0;--code-c:#8b95a0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);
font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
overflow-wrap:anywhere}
main{max-width:46rem;margin:0 auto;padding:3.5rem 1.5rem 2rem}
.report main{max-width:62rem}
h1,h2,h3,h4,h5,h6{line-height:1.25;margin:0;text-wrap:balance}
h1{font-size:2rem;font-weight:700;letter-spacing:-.015em}
h2{font-size:1.3rem;margin-bottom:1rem}
h3{font-size:1.05rem}
p{margin:0 0 .6rem}
a{color:var(--accent);text-underline-offset:.15em;text-decoration-thickness:1px}
a:focus-visible,[tabindex]:focus-visible,summary:focus-visible{outline:2px solid var(--accent);
outline-offset:2px}
section{margin-top:3rem}
code,pre{font-family:ui-monospace,SFMono-Regular,"Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.86em}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.over{margin:0 0 .4rem;color:var(--quiet);font-size:.82rem;letter-spacing:.02em}
.who{margin:.7rem 0 0;color:var(--quiet)}
.feedback .who bdi{color:var(--text);font-weight:600}
.card{border:1px solid var(--line);border-radius:12px;padding:1.4rem 1.5rem;margin-top:1rem}
section.card{margin-top:2rem}
.card>:last-child,.banner>:last-child{margin-bottom:0}
.big{margin:0;font-size:1.15rem;color:var(--quiet)}
.big b{font-size:3rem;line-height:1.1;color:var(--text);font-weight:700;letter-spacing:-.03em;
font-variant-numeric:tabular-nums}
.waiting{margin:.1rem 0 0;color:var(--quiet)}
.track{display:flex;height:8px;border-radius:4px;overflow:hidden;background:var(--line);margin:1rem 0}
.track i{background:var(--accent)}
.track .off{background:transparent}.range{min-width:11rem}.range .track{margin:.2rem 0 0;height:6px}
.track .soft{background:repeating-linear-gradient(135deg,var(--accent) 0 2px,var(--pale) 2px 6px)}
.final{margin:1rem 0 0;padding-top:1rem;border-top:1px solid var(--line)}
.banner{border-left:4px solid var(--warm);background:var(--soft);border-radius:0 12px 12px 0;
padding:1.2rem 1.5rem;margin-top:2rem}
.banner h2{margin-bottom:.4rem}section.card h2{margin:0}
.comment{margin-top:1rem;padding:.7rem 1rem;background:var(--soft);border-radius:8px}
.know{margin:0;padding-left:1.2rem}.know li{margin-bottom:.4rem}
.bar,.line{display:grid;grid-template-columns:1fr auto;gap:1rem;align-items:baseline;margin:0}
h3 a{color:inherit;text-decoration-color:var(--quiet)}
.points{margin:0;color:var(--quiet);font-variant-numeric:tabular-nums;white-space:nowrap;font-size:.9rem}
.rows{list-style:none;margin:0;padding:0}
.rows li{display:grid;grid-template-columns:20px 1fr;gap:.75rem;padding-top:.9rem;scroll-margin-top:1rem}
.rows li:target{background:var(--soft);border-radius:8px}
.sign{fill:none;stroke:currentColor;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round;width:20px;height:20px;margin-top:.15rem;flex:none}
.name{color:var(--quiet)}
.good .sign,.good b{color:var(--accent)}.bad .sign,.bad b{color:var(--warm)}
.calm .sign,.wait .sign{color:var(--quiet)}
.message{margin:.2rem 0 0;white-space:pre-wrap;unicode-bidi:isolate}
.aside{display:block;margin-top:.2rem;color:var(--quiet);font-size:.9rem}
.cell{margin-top:1.1rem;scroll-margin-top:1rem;min-width:0;contain:paint}
.yours{border-left:3px solid var(--accent);padding-left:1.1rem;margin-left:calc(-1.1rem - 3px)}
pre{margin:0;overflow-x:auto;white-space:pre;tab-size:4;line-height:1.5;unicode-bidi:isolate;
overflow-wrap:normal}
pre.code,.prose pre{background:var(--soft);border-radius:8px;padding:.85rem 1rem}
pre.text,pre.out{white-space:pre-wrap;overflow-wrap:anywhere}
pre.out{padding:.6rem 1rem 0}
pre.error{color:var(--warm)}
.outputs img{display:block;margin:.8rem 1rem 0}
img{max-width:100%;height:auto;border-radius:4px}
.outputs img,.prose img{background:#fff}
.outputs>.prose,.outputs>.cut{padding:.6rem 1rem 0}
pre i{font-style:normal}
pre .k{color:var(--code-k)}pre .s{color:var(--code-s)}pre .n{color:var(--code-n)}pre .c{color:var(--code-c)}
pre .d{font-weight:600}
.prose h3{font-size:1.3rem;margin:2.2rem 0 .6rem}.prose h4{font-size:1.1rem;margin:1.8rem 0 .5rem}
.prose h5,.prose h6{font-size:1rem;margin:1.2rem 0 .4rem}
.prose>:last-child{margin-bottom:0}h2+.cell .prose>:first-child{margin-top:0}pre code{font-size:inherit}
.prose ul,.prose ol{margin:0 0 .6rem;padding-left:1.4rem}.prose blockquote{margin:0 0 .6rem;padding-left:1rem;
border-left:3px solid var(--line)}
.prose table{display:block;overflow-x:auto;width:auto;margin-bottom:.6rem}
.prose code{background:var(--soft);border-radius:4px;padding:.1em .3em}.prose pre code{padding:0}
.tex{font-family:"Cambria Math","STIX Two Math","Latin Modern Math",ui-serif,Georgia,serif;font-style:italic}
sub,sup{line-height:0}
.tex.wide{display:block;margin:.4rem 0;padding-left:1.4rem;white-space:pre-wrap}
.none,.cut,.gap,.soft{color:var(--quiet)}.cut,.none{font-size:.9rem;font-style:italic}
.gap{font-style:italic}
details{margin:.6rem 0 0 1rem}summary{cursor:pointer;color:var(--quiet);font-size:.9rem}
details pre.out{padding-left:0}
.verdict{display:flex;gap:.6rem;align-items:flex-start;margin:1.1rem 0 0;font-size:.92rem}
.verdict .sign{width:18px;height:18px}.verdict a{color:var(--quiet);text-decoration-color:var(--line)}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums;
overflow-wrap:break-word}
th,td{text-align:left;vertical-align:top;padding:.5rem 1rem .5rem 0;border-bottom:1px solid var(--line);
font-weight:400}
thead th{color:var(--quiet);font-size:.82rem;vertical-align:bottom;white-space:nowrap}
.n{text-align:right;white-space:nowrap}
.wide{overflow-x:auto}.wide th[scope^=row]{position:sticky;left:0;background:var(--page);min-width:8.5rem}
.late{white-space:nowrap}td.late,.students thead th:nth-child(4){padding-left:1rem}
.questions td,.questions tbody th{border-bottom:0;padding-bottom:.1rem}
.questions .first>*{border-top:1px solid var(--line)}
.questions td{white-space:nowrap}.questions tbody th{font-weight:600;min-width:9rem}
.meter{display:inline-block;position:relative;width:6.5rem;height:8px;border-radius:4px;
background:var(--line);overflow:hidden;margin-right:.4rem}
.meter i{position:absolute;left:0;top:0;bottom:0;background:var(--accent)}
.middle i{left:auto}.middle i.low{background:var(--warm)}
.middle::after{content:"";position:absolute;left:50%;top:0;bottom:0;width:1px;background:var(--quiet)}
.tiles{list-style:none;display:grid;grid-template-columns:repeat(4,1fr);gap:1rem;margin:2rem 0 0;padding:0;
color:var(--quiet)}
.tiles li{border:1px solid var(--line);border-radius:12px;padding:1rem 1.2rem}
.tiles b{display:block;color:var(--text);font-size:2rem;line-height:1.15;letter-spacing:-.02em}
.flag{display:inline-block;background:var(--soft);border:1px solid var(--line);border-radius:99px;
padding:0 .6rem;font-size:.82rem;white-space:nowrap}
.histogram{margin:1rem 0 0;max-width:36rem}.histogram svg{display:block;width:100%;height:auto}
.histogram text{font-size:11px;fill:var(--quiet)}.histogram rect{fill:var(--accent)}.grid{stroke:var(--line)}
.pair{display:grid;grid-template-columns:3fr 2fr;gap:0 3rem}
.facts{list-style:none;margin:1.4rem 0 0;padding:0;align-self:start}
.facts li{display:grid;grid-template-columns:1fr auto;gap:1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
.facts span{color:var(--quiet)}.facts b{font-variant-numeric:tabular-nums}
.alike p{margin:.3rem 0 0}.alike details{margin-left:0}.alike .over{margin:.8rem 0 .3rem}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:0 1rem}.sides>div{min-width:0}
footer{margin-top:4rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--quiet);font-size:.82rem}
@media (max-width:40rem){main{padding:2rem 1.1rem 1.5rem}h1{font-size:1.6rem}.card{padding:1.1rem}
.tiles{grid-template-columns:1fr 1fr}
.pair,.sides{grid-template-columns:1fr}.yours{margin-left:-1.1rem;padding-left:calc(1.1rem - 3px)}
.outputs img{margin-left:0}pre.out{padding-left:0}
details{margin-left:0}
.histogram text{font-size:15px}
.questions thead{display:none}.questions,.questions tbody,.students,.students>*{display:block}
.questions tr{display:grid;grid-template-columns:1fr auto;gap:0 1rem;padding:.2rem 0}
.questions .first>*{border-top:0}.questions .first{border-top:1px solid var(--line);padding-top:.6rem}
.questions th[scope],.students th[scope]{position:static;padding:.1rem 0;min-width:0}
.questions th[scope]{grid-column:1/-1}.questions td,.students td{padding:.1rem 0;border:0}
.questions td.n::after{content:" p."}.questions .sep{grid-column:1}
.questions .share{grid-column:1}.share:has(.meter)::after{content:" reached"}
.sep:has(.meter)::after{content:" separation"}.sep:not(:has(.meter)){display:none}
.students tr{display:grid;grid-template-columns:1fr auto 3rem;gap:0 1rem;padding:.5rem 0;
border-bottom:1px solid var(--line)}.students th{border:0}
.students .why,.students .late,.students .flagged{grid-column:1/-1;white-space:normal}td.late{padding-left:0}
.students .seconds,.students thead th:nth-child(n+4),.students td:empty{display:none}}
@media (max-width:40rem){.board thead{display:none}.board,.board tbody{display:block}
.board tr{display:flex;flex-wrap:wrap;gap:0 .8rem;padding:.6rem 0;border-bottom:1px solid var(--line)}
.board td,.board th[scope]{position:static;padding:0;border:0;min-width:0}
.board th[scope]{flex:1 1 8rem}.board .range{flex:1 0 100%}.board .set{font-size:.85rem;color:var(--quiet)}}
@media print{:root{color-scheme:light;--page:#fff;--soft:#f6f7f8;--line:#c9ced4;--text:#000;--quiet:#444;
--accent:#1a5fb4;--pale:#c9daf0;
--warm:#8f3808;--code-k:#1a5fb4;--code-s:#7a4207;--code-n:#5b3590;--code-c:#555}body{font-size:10.5pt}
main,.report main{max-width:none;padding:0}
pre,pre.code{white-space:pre-wrap;overflow-wrap:anywhere}.card,.rows li,img,tr,.verdict{break-inside:avoid}
h2,h3,h4,.over{break-after:avoid}.cell{contain:none}
details::details-content{content-visibility:visible;height:auto}.wide,.prose table{overflow:visible}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}a{color:inherit}}
"""


def _frame(title: str, body: str, foot: str, kind: str = "feedback") -> str:
    html = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{esc(title, 300)}</title>
<style>
{_STYLE}</style>
</head>
<body class="{kind}">
{_SIGNS}<main>
{body}<footer><p>{escape(foot)}</p></footer>
</main>
</body>
</html>
"""
    return _SURROGATES.sub("\ufffd", html)
