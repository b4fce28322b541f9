"""A quiz on paper: one sheet for each name, as HTML to print, with or without answers.

    python -m dlcourse.quizzes quiz1_basics quiz3_shapes --name "Ada Lovelace" > midterm.html
    python -m dlcourse.quizzes quiz1_basics --names class.txt --only params,budget --answers > key.html

Questions, pictures and order of choices are those that the notebook draws for the same name.
"""

import argparse
import base64
import html
import io
import sys
from pathlib import Path

from dlcourse import quiz

STYLE = """body{font:11pt/1.4 Georgia,serif;max-width:46em;margin:2em auto;padding:0 1em}h1{font-size:1.3em}
h2{font-size:1em;margin:1.6em 0 .2em}.sheet{break-after:page}.question{break-inside:avoid}img{max-width:100%;max-height:19em}
table{border-collapse:collapse}td,th{border:1px solid #999;padding:.2em .7em}pre{background:#f4f4f4;padding:.5em}
.line{border-bottom:1px solid #000;height:1.8em;width:14em}.key{border-left:3px solid #0072B2;padding-left:.8em;white-space:pre-wrap;font:8pt/1.4 monospace}"""


def main(argv=None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m dlcourse.quizzes", description=__doc__.split("\n")[0])
    parser.add_argument("quizzes", nargs="+", metavar="QUIZ", help="such as quiz1_basics; the sheet holds them all")
    parser.add_argument("--name", action="append", default=[], help="whose sheet (more than once for more sheets)")
    parser.add_argument("--names", metavar="FILE", help="a file of names, one a line")
    parser.add_argument("--only", metavar="Q,Q", help="these questions only")
    parser.add_argument("--answers", action="store_true", help="with answers and explanations")
    args = parser.parse_args(argv)
    try:
        names = args.name + (Path(args.names).read_text("utf-8").splitlines() if args.names else [])
        names = [name.strip() for name in names if name.strip()]
        if not names:
            parser.error("no name: pass --name or --names")
        print(paper(args.quizzes, names, args.only.split(",") if args.only else None, args.answers))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"python -m dlcourse.quizzes: {error}", file=sys.stderr)
        return 2
    return 0


def paper(quizzes, names, only=None, answers: bool = False) -> str:
    """One page of HTML with a sheet for each name; pictures are in it."""
    wanted = [(one, function.__name__) for one in quizzes for function in quiz.bank(one).QUESTIONS]
    if unknown := set(only or ()) - {name for _, name in wanted}:
        raise ValueError(f"no question {', '.join(sorted(unknown))} in {', '.join(quizzes)}")
    wanted = [(one, name) for one, name in wanted if only is None or name in only]
    title = " · ".join(quiz.bank(one).TITLE for one in quizzes)
    sheets = [_sheet(title, wanted, name, answers) for name in names]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    return f"{head}<style>{STYLE}</style>\n" + "\n".join(sheets)


def _sheet(title: str, wanted, name: str, answers: bool) -> str:
    parts = [f'<section class="sheet"><h1>{html.escape(title)}</h1><p>{html.escape(name)}</p>']
    for number, (one, question) in enumerate(wanted, 1):
        asked = quiz.question(one, question, name)
        which = f" ({one}, {question})" if answers else ""
        parts.append(f'<div class="question"><h2>Question {number}{which}</h2>')
        parts.append(_picture(asked) if asked.picture else "")
        parts.append(_html(asked.text))
        if answers:
            key = f"{quiz.shown(asked, asked.answer)}\n{quiz.explanation(asked)}"
            parts.append(f'<div class="key">{html.escape(key)}</div>')
        else:
            parts.append('<div class="line"></div>')
        parts.append("</div>")
    return "\n".join([*parts, "</section>"])


def _picture(asked) -> str:
    from matplotlib import pyplot as plt

    alt, buffer = asked.picture(), io.BytesIO()
    plt.gcf().savefig(buffer, format="png", dpi=150)
    plt.close("all")
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def _html(text: str) -> str:
    try:
        import mistune
    except ModuleNotFoundError:
        raise ModuleNotFoundError('mistune is needed to lay out the text: pip install "dlcourse[lab]"') from None
    return mistune.html(text)


if __name__ == "__main__":
    import matplotlib as mpl

    mpl.use("Agg")
    raise SystemExit(main())
