"""How many copies in disguise the report's similar pairs find, how many honest pairs they name, and how long it takes.

    python benchmarks/similar.py [N ...]      default 12 30 100 500 1000

Classes are drawn (tests/staff/alike_class.py). One in 25 students, two at least, has somebody else's homework 1:
renamed, commented, laid out anew, in another order, one question of five written anew.
"""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dlcourse.staff import notebooks, similar
from dlcourse.staff.plan import make_plan, read_cells
from tests.staff.test_similar import class_of


def main(sizes: list[int]) -> None:
    source, course = notebooks.load_checked(notebooks.find_root(), "hw1_mlp")
    instructor = notebooks.instructor_notebook(source, course)
    plan = make_plan("hw1_mlp", read_cells(instructor, notebooks.release_notebook(instructor)))
    print("| students | classes | copies found | honest pairs named, a class | pairs in all | CPU seconds |")
    print("|---|---|---|---|---|---|")
    for n in sizes:
        rounds, seconds, found, planted, others = 10 if n <= 100 else 2, 0.0, 0, 0, 0
        for seed in range(rounds):
            records, wanted = class_of(plan, n, max(2, n // 25), seed)
            random.Random(seed).shuffle(records)
            began = time.process_time()
            named = {tuple(sorted(pair.students)) for pair in similar.similar_pairs(records, plan)}
            seconds += time.process_time() - began
            found, planted, others = found + len(named & wanted), planted + len(wanted), others + len(named - wanted)
        named = f"{found} of {planted} | {others / rounds:.1f}"
        print(f"| {n} | {rounds} | {named} | {n * (n - 1) // 2:,} | {seconds / rounds:.2f} |")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [12, 30, 100, 500, 1000])
