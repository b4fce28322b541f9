"""Does each notebook of the course run on CUDA as it does on the CPU, with the same lesson, and how long does it take?

    python benchmarks/on_cuda.py [IDS] [--jobs 4] [--only cuda] [--log FOLDER]       (default: every assignment)

Each solved notebook, all tests included, is run whole in a real kernel: once where no GPU is to be seen, once where
it is, `jobs` kernels at a time, a thread each. At its end the kernel evaluates the promises of promises.toml. A line
for each assignment: seconds on both, cells that fail, how many promises, and both values of a broken one.
Exit status: 0 where every cell runs and every promise holds on the GPU, else 1.
"""

import argparse
import json
import os
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = {"cpu": "", "cuda": "0"}  # what CUDA_VISIBLE_DEVICES says there

ASK = """import json as _json, warnings as _warnings, torch as _torch
_warnings.simplefilter("ignore")
_values = {{name: float(eval(text)) for name, text in {expressions!r}.items()}}
print(_json.dumps({{"values": _values, "cuda": _torch.cuda.is_available()}}))"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--jobs", type=int, default=4, help="kernels at a time")
    parser.add_argument("--only", choices=PLACES, help="leave the other out")
    parser.add_argument("--log", type=Path, help="a folder for the errors in full and all figures as JSON")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from dlcourse.staff import notebooks

    ids = args.ids or notebooks.assignments(ROOT)
    places = [args.only] if args.only else list(PLACES)
    with ThreadPoolExecutor(args.jobs) as pool:
        runs = {(id, place): pool.submit(run, id, place) for place in places for id in ids}
        print("| assignment | " + " | ".join(f"{place}, s" for place in places) + " | fails | promises kept |")
        print("|---|" + "---|" * len(places) + "---|---|")
        results = [report(id, {place: runs[id, place].result() for place in places}) for id in ids]
    if args.log:
        args.log.mkdir(parents=True, exist_ok=True)
        everything = {f"{id} {place}": future.result() for (id, place), future in runs.items()}
        (args.log / "on_cuda.json").write_text(json.dumps(everything, indent=1))
    for id, told in zip(ids, results, strict=True):
        for place, cell, said in told["fails"]:
            print(
                f"\n{id} on {place}:\n    "
                + cell.strip().splitlines()[0]
                + "\n    "
                + "\n    ".join(said.splitlines()[-12:])
            )
    return int(any(told["fails"] or told["broken"] for told in results))


def report(id: str, by_place: dict) -> dict:
    """Print the line of one assignment."""
    seconds = " | ".join(f"{told['seconds']:.0f}" for told in by_place.values())
    fails = [(place, *fail) for place, told in by_place.items() for fail in told["fails"]]
    words, broken = [], False
    for name, promise in promises(id).items():
        values = {place: told["values"].get(name) for place, told in by_place.items()}
        bad = [place for place, value in values.items() if not kept(promise, value)]
        broken |= "cuda" in bad
        if bad:
            wanted = f"≥ {promise['at_least']:g}" if "at_least" in promise else f"≤ {promise['at_most']:g}"
            shown = ", ".join(
                f"{place} {value:.4g}" if value is not None else f"{place} none" for place, value in values.items()
            )
            words.append(f"{name} {wanted}: {shown}")
    print(f"| {id} | {seconds} | {len(fails)} | {'; '.join(words) or len(promises(id)) or 'none made'} |", flush=True)
    return {"fails": fails, "broken": broken}


def kept(promise: dict, value: float | None) -> bool:
    if value is None:
        return False
    return value >= promise["at_least"] if "at_least" in promise else value <= promise["at_most"]


def promises(id: str) -> dict:
    path = next(ROOT.glob(f"*/{id}")) / "promises.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}


def run(id: str, place: str) -> dict:
    """One notebook in a kernel of its own: seconds of the clock, (cell, what it said) of what fails, the promises."""
    import nbformat
    from nbclient import NotebookClient

    from dlcourse.staff import notebooks

    source, course = notebooks.load_checked(ROOT, id)
    book = notebooks.instructor_notebook(source, course)
    ask = ASK.format(expressions={name: promise["expression"] for name, promise in promises(id).items()})
    book.cells.append(nbformat.v4.new_code_cell(ask))
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": PLACES[place], "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    environment.pop("MPLBACKEND", None)
    client = NotebookClient(book, timeout=300, kernel_name="python3", allow_errors=True)
    client.resources = {"metadata": {"path": str(source.path.parent)}}
    began = time.perf_counter()
    client.execute(env=environment)
    seconds = time.perf_counter() - began
    outputs = [(cell.source, out) for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
    fails = [(text, f"{out.ename}: {out.evalue}") for text, out in outputs if out.output_type == "error"]
    fails += [(text, out.text) for text, out in outputs if out.get("name") == "stderr"]
    last = [out.text for text, out in outputs if text == ask and out.get("name") == "stdout"]
    told = json.loads(last[0]) if last else {"values": {}, "cuda": None}
    if told["cuda"] is not None and told["cuda"] != (place == "cuda"):
        fails.append((ask, f"torch.cuda.is_available() is {told['cuda']} there"))
    return {"seconds": seconds, "fails": fails, **told}


if __name__ == "__main__":
    sys.exit(main())
