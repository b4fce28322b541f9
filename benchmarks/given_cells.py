"""What it saves that the judge runs only the given cells on which tests depend: processor seconds of one hand-in more.

    python benchmarks/given_cells.py [ID]      (default: lab05_optimisers, whose given cells train and draw)

The same answers (of answers.py, in notebooks without the cells that they do not need) are graded in two classes of
different size, in one run with and without; the difference of the two, divided by the difference in size, is a hand-in.
"""

import resource
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dlcourse.staff import grading, notebooks, plan
from dlcourse.staff.sandbox import Limits
from tests import hand_ins

FEW, MANY = 2, 10


def main(id: str) -> None:
    source, released, right = hand_ins.parts(id)
    cases = notebooks.read_answers(source.path.with_name("answers.py"), source)[:MANY]
    kept = plan._read_by_no_test
    for label, choose in (("all given cells", lambda *_: set()), ("those that tests depend on", kept)):
        plan._read_by_no_test = choose
        few, many = grade(id, released, right, cases[:FEW]), grade(id, released, right, cases)
        each, told = (many - few) / (len(cases) - FEW), f"{few:.1f} s for {FEW}, {many:.1f} s for {MANY}"
        print(f"{label:<28}{each:6.2f} CPU s a hand-in, {told}")


def grade(id, released, right, cases) -> float:
    """Processor seconds of grading a class of these cases."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "in")
        folder.mkdir()
        for case in cases:
            book = hand_ins.lean(notebooks.with_answers(released, right | case.replaces))
            (folder / f"Ann_{case.name}_{id}.ipynb").write_text(notebooks.dumps(book))
        before = processor_seconds()
        grading.grade(id, folder, Path(temporary, "course"), root=hand_ins.ROOT, limits=Limits(cell_seconds=120))
        return processor_seconds() - before


def processor_seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["lab05_optimisers"]))
