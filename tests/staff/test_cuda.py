"""A CUDA device in the sandbox, as far as a machine without one can tell: stand-ins for its nodes and its library.

A node is made with the numbers of /dev/null, and a library that any machine has is given the driver's name: so all
that the grader does up to the device itself is real. No GPU computes anything here.
"""

import os
import shutil
import stat
import subprocess
import sys

import pytest

from dlcourse.staff import StaffError, containers, cuda, grading, sandbox
from dlcourse.staff.sandbox import Limits
from tests.staff.small_class import DOUBLE, SQUARES, hand_in, make_source, put

USES_CUDA = "_held = open('/dev/nvidia-uvm', 'rb')  # as the driver's library does when CUDA starts\n"


@pytest.fixture
def device(tmp_path, monkeypatch):
    """Nodes of one device in a folder of the test's own, and a library beside them."""
    dev, lib = tmp_path / "dev", tmp_path / "driver"
    (dev / "nvidia-caps").mkdir(parents=True)
    lib.mkdir()
    tmp_path.chmod(0o755)
    try:
        for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-caps/nvidia-cap1"):
            os.mknod(dev / name, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            (dev / name).chmod(0o666)
    except OSError:
        pytest.skip("only root can make device nodes")
    (dev / "nvidia-modeset").touch()
    said = subprocess.run(["ldd", shutil.which("env")], capture_output=True, text=True).stdout
    shutil.copy(next(word for word in said.split() if word.startswith("/") and "libc.so" in word), lib / cuda.LIBRARY)
    monkeypatch.setattr(cuda, "DEV", dev)
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{lib}:relative")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    return lib


LOOK = """import ctypes, os
print(sorted(n for n in os.listdir('/dev') if n.startswith('nvidia') and n != 'nvidia-caps'))
open('/dev/nvidia0', 'wb').write(b'x')
print(os.environ['CUDA_VISIBLE_DEVICES'], bool(ctypes.CDLL('libcuda.so.1')), os.path.isdir('/sys/devices/system/cpu'))
try: open(os.path.join(os.environ['LD_LIBRARY_PATH'].split(':')[0], 'new'), 'w')
except OSError as error: print(error.strerror)"""


@pytest.mark.slow
def test_nodes_and_library_of_the_device_are_there_in_every_kind_and_read_only(kind, device):
    if kind == "podman":
        pytest.skip("podman binds what is in the machine's own /dev: stand-ins elsewhere do not do")
    limits = Limits(disk_mb=16, gpu=True)
    if kind == "bubblewrap":
        command = [*sandbox.bwrap_command(limits), sys.executable, "-c", LOOK]
    else:
        command = containers.command(kind, limits, [sys.executable, "-c", LOOK])
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
    assert done.stdout.splitlines() == [
        "['nvidia-uvm', 'nvidia0', 'nvidiactl']",
        "0 True True",
        "Read-only file system",
    ], done.stderr


@pytest.mark.slow
def test_without_gpu_no_node_is_there(kind, device):
    code = "import os; print([n for n in os.listdir('/dev') if 'nvidia' in n], 'LD_LIBRARY_PATH' in os.environ)"
    limits = Limits(disk_mb=16)
    if kind == "bubblewrap":
        command = [*sandbox.bwrap_command(limits), sys.executable, "-c", code]
    else:
        command = containers.command(kind, limits, [sys.executable, "-c", code])
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
    assert done.stdout == "[] False\n", done.stderr


def test_what_is_missing_is_said(device, tmp_path, monkeypatch):
    assert cuda.problem() is None
    (tmp_path / "dev/nvidia-uvm").unlink()
    assert "nvidia-uvm is not there: run one CUDA program here first" in cuda.problem()
    for node in (tmp_path / "dev").glob("nvidia*"):
        shutil.rmtree(node) if node.is_dir() else node.unlink()
    with pytest.raises(StaffError, match=r"^--gpu: there is no device of NVIDIA.s in .*: grade where"):
        sandbox.require_sandbox("bubblewrap", gpu=True)


def test_a_device_without_its_library_is_said(device, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    if cuda.libraries():
        pytest.skip("this machine has the driver")
    assert (
        cuda.problem()
        == "libcuda.so.1 of the driver was not found by ldconfig or in LD_LIBRARY_PATH: install the driver"
    )


def graded(tmp_path, kind=None, **books):
    source = make_source(tmp_path)
    for name, book in books.items():
        put(tmp_path / "in", name, book)
    limits = Limits(cell_seconds=10, gpu=True)
    made = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=limits, sandbox=kind)
    return {r["student"]: r for r in made.records}


@pytest.mark.slow
def test_after_cuda_has_started_no_test_meets_a_forked_process(device, tmp_path):
    counts = "import os\nopen('/tmp/runs', 'a').write('x')\n"
    alone = "import os\n_first = os.getpid()\n" + USES_CUDA
    found = graded(
        tmp_path,
        # the process that answers is the one in which CUDA started
        same=hand_in(squares=alone + SQUARES.replace("if n < 1", "assert os.getpid() == _first\n    if n < 1")),
        # so a fork is seen where CUDA did not start
        forked=hand_in(
            squares="import os\n_first = os.getpid()\n"
            + SQUARES.replace("if n < 1", "assert os.getpid() == _first\n    if n < 1")
        ),
        # cells run once for the page and once for each group of tests: 1 + 2 for squares, 2 more for double
        later=hand_in(
            squares=counts + SQUARES,
            double=USES_CUDA
            + "_runs = len(open('/tmp/runs').read())\n"
            + DOUBLE.replace("return", "print(_runs)\n    return"),
        ),
    )
    assert {name: r["score"] for name, r in found.items()} == {"same": 7, "forked": 4, "later": 7}
    assert not any(r["flags"] for r in found.values())


@pytest.mark.slow
def test_a_replayed_test_that_crashes_or_hangs_costs_its_own_points(device, tmp_path):
    found = graded(
        tmp_path,
        dies=hand_in(squares=USES_CUDA + SQUARES, double="import os\ndef double(items):\n    os.abort()"),
        hangs=hand_in(squares=USES_CUDA + SQUARES, double="def double(items):\n    while True: pass"),
        alone=hand_in(
            squares=USES_CUDA + "import os\n" + SQUARES,
            double="import os\ndef double(items):\n    os.close(4); os.close(5)\n    while True: pass",
        ),
        right=hand_in(squares=USES_CUDA + SQUARES),
    )
    scores = {name: r["score"] for name, r in found.items()}
    assert scores.pop("alone") <= 3
    assert scores == {"dies": 3, "hangs": 3, "right": 7}
    assert (
        "signal" in found["dies"]["cells"]["double_test"]["message"]
        or "killed" in found["dies"]["cells"]["double_test"]["message"]
    )
    assert found["hangs"]["cells"]["double_test"]["status"] == "timeout"


@pytest.mark.slow
def test_the_time_of_running_cells_again_is_not_the_tests(device, tmp_path):
    slow = "import time\ntime.sleep(6)\n" + USES_CUDA
    found = graded(tmp_path, slow=hand_in(squares=slow + SQUARES, double="time.sleep(6)\n" + DOUBLE))
    assert found["slow"]["score"] == 7
    assert found["slow"]["seconds"] > 24


def test_a_record_with_a_device_is_not_one_without():
    assert grading.environment_digest(gpu=True) != grading.environment_digest()
