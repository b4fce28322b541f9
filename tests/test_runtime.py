import os
import random
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from dlcourse import runtime


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """A plain program on a machine without clusters, whatever this one is; no assignment has started."""
    monkeypatch.setattr(runtime, "session", runtime.Session())
    monkeypatch.setattr(runtime, "_said_of_cuda", [])
    for name in list(os.environ):
        if name.startswith(("SLURM", "COLAB", "KAGGLE", "VSCODE", "NBGRADER", "DLCOURSE")) or name.endswith("RANK"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


# ---- start


def test_start_prints_one_line_and_nothing_on_stderr(capfd):
    runtime.start("lab01_line")
    out, err = capfd.readouterr()
    assert out.count("\n") == 1
    assert out.startswith("lab01_line: as a plain program, dlcourse ")
    assert out.endswith(", seed 0. Ready.\n")
    assert err == ""


def test_start_gives_the_same_random_numbers_again():
    runtime.start("lab01_line")
    first = draw()
    runtime.start("lab01_line")
    assert draw() == first


def test_start_leaves_the_threads_alone_unless_told():
    before = torch.get_num_threads()
    runtime.start("lab01_line")
    assert torch.get_num_threads() == before
    try:
        runtime.start("lab01_line", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_start_takes_no_more_threads_than_there_are_cores(monkeypatch, capsys):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        monkeypatch.setattr(runtime, "_cores", lambda: 2)
        runtime.start("lab01_line")
        assert torch.get_num_threads() == 2
        assert "CPU with 2 threads" in capsys.readouterr().out
    finally:
        torch.set_num_threads(before)


def test_starting_again_keeps_the_clock():
    runtime.start("lab01_line")
    began = runtime.session.clock_started
    runtime.start("lab01_line")
    assert runtime.session.clock_started == began
    runtime.start("lab00_setup")
    assert runtime.session.clock_started > began


def test_start_says_what_to_pass():
    with pytest.raises(ValueError, match="pass its name"):
        runtime.start("")


# ---- where


class Kernel:
    """Stands for the shell of a notebook."""

    kernel, user_ns = object(), {}


class VSCode(Kernel):
    user_ns = {"__vsc_ipynb_file__": "lab01_line.ipynb"}  # noqa: RUF012


class TerminalInteractiveShell:
    pass


@pytest.mark.parametrize(
    ("variables", "shell", "words"),
    [
        ({}, None, "as a plain program"),
        ({}, TerminalInteractiveShell(), "as a plain program"),
        ({}, Kernel(), "in Jupyter"),
        ({}, VSCode(), "in VS Code"),
        ({"VSCODE_PID": "7"}, Kernel(), "in VS Code"),
        ({"COLAB_RELEASE_TAG": "release-colab_20250101"}, Kernel(), "in Colab"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, Kernel(), "in Kaggle"),
        ({"DLCOURSE_GRADING": "1"}, Kernel(), "in the grader"),
        ({"NBGRADER_EXECUTION": "autograde"}, Kernel(), "in the grader"),
        ({"NBGRADER_EXECUTION": "validate"}, Kernel(), "in Jupyter"),
        ({"SLURM_JOB_ID": "12", "SLURMD_NODENAME": "gpu07"}, None, "as a plain program, Slurm job 12 on gpu07"),
        ({"SLURM_JOB_ID": "12", "SLURMD_NODENAME": "gpu07"}, Kernel(), "in Jupyter, Slurm job 12 on gpu07"),
        ({"RANK": "1", "WORLD_SIZE": "4"}, None, "as a plain program, process 2 of 4"),
    ],
)
def test_start_says_where_it_runs(variables, shell, words, monkeypatch, capsys):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runtime, "_shell", lambda: shell)
    runtime.start("lab01_line")
    assert capsys.readouterr().out.startswith(f"lab01_line: {words}, dlcourse ")


def test_a_slurm_job_without_a_node_name_says_the_machine(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setattr(runtime.platform, "node", lambda: "login1")
    assert runtime._place().endswith("Slurm job 12 on login1")


def test_a_program_is_no_notebook():
    assert runtime.in_notebook() is False
    assert runtime.has_front_end() is False


def test_the_grader_is_known_by_its_variable(monkeypatch):
    assert runtime.in_grader() is False
    monkeypatch.setenv("DLCOURSE_GRADING", "1")
    assert runtime.in_grader() is True


# ---- device, precision, processes


@pytest.fixture
def gpus(monkeypatch):
    """Call it with a count and a compute capability: torch then says that there are such GPUs."""

    def pretend(count=1, capability=(9, 0)):
        for name, value in {
            "is_available": count > 0,
            "device_count": count,
            "get_device_name": "NVIDIA H200",
            "get_device_capability": capability,
            "is_bf16_supported": capability[0] >= 8,
            "mem_get_info": (30 * 10**9, 140 * 10**9),
        }.items():
            monkeypatch.setattr(torch.cuda, name, lambda *args, value=value: value)

    return pretend


def test_the_device_is_the_fastest_one(gpus, monkeypatch):
    gpus(0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert runtime.device() == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert runtime.device() == torch.device("mps")
    assert "and an Apple GPU" in runtime._device_words()
    gpus(1)
    assert runtime.device() == torch.device("cuda")


def test_under_torchrun_each_process_has_its_own_gpu(gpus, monkeypatch, capsys):
    gpus(2)
    found = []
    for local in "0123":
        monkeypatch.setenv("LOCAL_RANK", local)
        found.append(runtime.device().index)
    assert found == [0, 1, 0, 1]  # four processes share two
    runtime.start("lab01_line")
    assert "GPU 1 of 2, NVIDIA H200" in capsys.readouterr().out


def test_one_gpu_has_no_number(gpus):
    gpus(1)
    assert runtime._device_words() == "GPU NVIDIA H200"


def test_torchrun_tells_rank_and_world_size(monkeypatch):
    assert (runtime.rank(), runtime.world_size()) == (0, 1)
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (runtime.rank(), runtime.world_size()) == (3, 4)


@pytest.mark.parametrize(
    ("capability", "found"),
    [((9, 0), torch.bfloat16), ((8, 0), torch.bfloat16), ((7, 5), torch.float32), ((6, 0), torch.float32)],
)
def test_a_gpu_trains_in_bfloat16_where_it_computes_with_it(gpus, capability, found):
    gpus(1, capability)
    assert runtime.precision("cuda") == found
    runtime.start("lab01_line")
    assert runtime.precision(torch.device("cuda", 0)) == found  # an assignment, too


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({"amx_bf16": True, "amx_tile": True}, torch.bfloat16),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "avx512_f": True, "amx_tile": True, "cpu_name": "amx_bf16"}, torch.float32),
        ({"bf16": True}, torch.float32),  # ARM: not measured
    ],
)
def test_a_cpu_trains_in_bfloat16_where_it_computes_with_it_but_never_in_an_assignment(flags, found, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    assert runtime.precision("cpu") == found
    runtime.start("lab01_line")
    assert runtime.precision(torch.device("cpu")) == torch.float32


def test_linux_is_asked_where_torch_does_not_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    files(monkeypatch, {"/proc/cpuinfo": "processor : 0\nflags\t\t: fpu sse avx512_bf16 amx_tile\n\nprocessor : 1\n"})
    assert runtime._cpu_flags() >= {"avx512_bf16", "sse"}
    files(monkeypatch, {})
    assert runtime._cpu_flags() == set()


def test_torch_and_linux_agree_about_this_processor(monkeypatch):
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    if not any(line.startswith("flags") for line in lines):
        pytest.skip("this system does not list what its processor can do")
    wanted = {"amx_bf16", "avx512_bf16"}
    of_torch = runtime._cpu_flags() & wanted
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert of_torch <= runtime._cpu_flags() & wanted  # torch may be told to leave one unused


def test_an_apple_gpu_stays_in_float32():
    assert runtime.precision("mps") == torch.float32


def test_a_warning_about_the_gpu_stays_off_stderr_and_is_told_by_the_doctor(monkeypatch, capfd):
    def warns():
        warnings.warn(
            "The NVIDIA driver on your system is too old (found version 11040). Please update it.", stacklevel=2
        )
        return False

    monkeypatch.setattr(torch.cuda, "is_available", warns)
    runtime.device()
    runtime.start("lab01_line")
    said = "torch cannot use it (The NVIDIA driver on your system is too old (found version 11040)): bring its driver up to date"
    assert runtime._gpu_line() == ("note", "GPU", said + "; the labs need none")
    assert capfd.readouterr().err == ""


# ---- deterministic


def settings():
    cudnn = torch.backends.cudnn
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )


@pytest.mark.parametrize("benchmark", [True, False])
@pytest.mark.parametrize("variable", [None, ":16:8"])
def test_deterministic_sets_all_and_sets_it_back_even_after_an_error(benchmark, variable, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", benchmark)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    if variable:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", variable)
    before = settings()
    inside = []

    def fail():
        with runtime.deterministic():
            inside.extend(settings())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [True, False, True, False, variable or ":4096:8"]
    assert settings() == before


def test_deterministic_keeps_what_was_set_outside():
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with runtime.deterministic():
            assert settings()[:2] == (True, False)
        assert settings()[:2] == (True, True)
    finally:
        torch.use_deterministic_algorithms(False)


def test_inside_an_operation_that_cannot_repeat_itself_says_so():
    x = torch.zeros(3)
    with runtime.deterministic(), pytest.raises(RuntimeError, match="deterministic"):
        x.put_(torch.tensor([0]), torch.ones(1))
    x.put_(torch.tensor([0]), torch.ones(1))
    assert x[0] == 1


# ---- cores and memory


def files(monkeypatch, texts):
    """`runtime` reads these texts, and no other file."""
    monkeypatch.setattr(runtime, "_read", lambda path: texts.get(str(path), ""))


@pytest.mark.parametrize(
    ("texts", "cores"),
    [
        ({}, 64),
        ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/cpu.max": "400000 100000", "/sys/fs/cgroup/a/b/cpu.max": "max 100000"}, 4),
        ({"/proc/self/cgroup": "5:cpu,cpuacct:/job\n0::/\n", "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "300000\n", "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n"}, 3),
        ({"/proc/self/cgroup": "5:cpu:/job\n", "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "-1\n", "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n"}, 64),
    ],
)  # fmt: skip
def test_the_cores_are_those_that_a_container_gives(texts, cores, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    files(monkeypatch, texts)
    assert runtime._cores() == cores


def test_the_cores_are_those_of_a_slurm_job_and_of_a_system_that_pins_nothing(monkeypatch):
    files(monkeypatch, {})
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert runtime._cores() == 8
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert runtime._cores() == 3


MEMINFO = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"


@pytest.mark.parametrize(
    ("texts", "free", "total"),
    [
        ({}, 8.192, 16.384),
        ({"/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/memory.max": "4000000000\n", "/sys/fs/cgroup/a/memory.current": "3000000000\n",
          "/sys/fs/cgroup/a/memory.stat": "anon 5\ninactive_file 500000000\n"}, 1.5, 4.0),
        ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"}, 8.192, 16.384),
        ({"/proc/self/cgroup": "3:memory:/j\n", "/sys/fs/cgroup/memory/j/memory.limit_in_bytes": "2000000000\n", "/sys/fs/cgroup/memory/j/memory.usage_in_bytes": "500000000\n",
          "/sys/fs/cgroup/memory/j/memory.stat": "inactive_file 1\ntotal_inactive_file 100000000\n"}, 1.6, 2.0),
        ({"/proc/self/cgroup": "3:memory:/\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8.192, 16.384),
    ],
)  # fmt: skip
def test_the_memory_is_what_a_container_leaves(texts, free, total, monkeypatch):
    files(monkeypatch, {"/proc/meminfo": MEMINFO} | texts)
    assert runtime._memory() == pytest.approx((free, total))


def test_a_system_that_does_not_tell_its_memory_is_no_error(monkeypatch):
    files(monkeypatch, {})
    assert runtime._memory_line() == ("ok", "Memory", "this system does not tell how much is free")


# ---- the doctor


def line(what):
    return next(found for found in runtime._examine() if found[1] == what)


def test_the_doctor_is_content_here(capfd):
    assert runtime.doctor() is True
    out, err = capfd.readouterr()
    assert "miss" not in out
    assert "could not be looked at" not in out
    assert out.endswith("All green: you can start.\n")
    assert err == ""


def test_the_doctor_says_what_to_do_about_a_missing_package(capsys, monkeypatch):
    monkeypatch.setattr(runtime, "_PACKAGES", (("no_such_module", "no-such", (1, 0), "miss", "pip install no-such"),))
    assert runtime.doctor() is False
    out = capsys.readouterr().out
    assert " miss  no-such       not found: pip install no-such\n" in out
    assert out.endswith("Mend the lines that say `miss`, then run this again.\n")


@pytest.mark.parametrize(
    ("hidden", "lines"),
    [
        ("torchvision", ["note  torchvision   not found: pip install --upgrade torchvision (for the image labs)"]),
        ("babel", ["note  babel         not found: pip install --upgrade babel (for the labs on names and dates)"]),
        ("sklearn", ["miss  scikit-learn  not found: pip install --upgrade scikit-learn (the digits come with it)"]),
        ("matplotlib", ["miss  matplotlib    not found: pip", "note  Fonts         none in matplotlib: pip install"]),
    ],
)
def test_each_package_that_is_hidden_is_missed(hidden, lines, capsys, monkeypatch):
    real = runtime.importlib.util.find_spec
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None if name == hidden else real(name))
    well = runtime.doctor()
    out = capsys.readouterr().out
    assert all(text in out for text in lines)
    assert well is not any(text.startswith("miss") for text in lines)


def test_the_doctor_notices_a_package_that_is_too_old():
    state, _, say = runtime._package_line("torch", "torch", (99, 0), "miss", "pip install --upgrade torch")
    assert state == "miss"
    assert "but 99.0 or newer is needed: pip install --upgrade torch" in say


def test_a_version_that_nobody_knows_is_no_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "odd", types.SimpleNamespace(__spec__=types.SimpleNamespace(origin=None)))
    assert runtime._package_line("odd", "odd", (1, 0), "miss", "") == ("ok", "odd", "present, version unknown")


def test_a_file_that_hides_a_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "stray_ipywidgets.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found = runtime._package_line("stray_ipywidgets", "ipywidgets", (8, 0), "note", "")
    assert found == (
        "miss",
        "ipywidgets",
        "hidden by the file stray_ipywidgets.py in this folder: give it another name",
    )


def test_more_threads_than_cores_are_noted(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(runtime, "_cores", lambda: 2)
    state, _, say = line("Threads")
    assert (state, say) == ("note", "64 for 2 cores: they wait for each other; runtime.start(...) lowers them")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(runtime, "_cores", lambda: 1)
    assert line("Threads") == ("ok", "Threads", "1 for 1 core")


def test_little_memory_is_noted(monkeypatch):
    monkeypatch.setattr(runtime, "_memory", lambda: (0.84, 8.0))
    assert line("Memory") == ("note", "Memory", "only 0.8 of 8 GB free: close other notebooks and programs")


def test_a_data_folder_that_cannot_be_written_is_noted_and_one_to_be_made_is_fine(tmp_path, monkeypatch):
    if not Path("/proc/self").exists():
        pytest.skip("needs a folder that nobody can write: /proc")
    monkeypatch.setenv("DLCOURSE_DATA", "/proc/no/such")
    said = "/proc/no/such cannot be written: set the variable DLCOURSE_DATA to a folder of yours"
    assert line("Data folder") == ("note", "Data folder", said)
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path / "new" / "deep"))
    state, _, say = line("Data folder")
    assert state == "ok"
    assert say.startswith(f"{tmp_path}/new/deep can be written, ")
    assert list(tmp_path.iterdir()) == []  # only looked at


def test_this_folder_may_be_read_only(monkeypatch):
    if not Path("/proc/self").exists():
        pytest.skip("needs a folder that nobody can write: /proc")
    monkeypatch.chdir("/proc")
    assert line("This folder") == (
        "note",
        "This folder",
        "/proc cannot be written: copy the notebook to a folder of yours",
    )


def test_a_full_disk_is_noted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=3e8))
    assert line("This folder")[2].endswith(": only 0.3 GB free: make room before you save")


def test_a_gpu_shows_its_free_memory_and_its_bfloat16(gpus):
    gpus(2)
    one = "NVIDIA H200, 30 of 140 GB free"
    assert line("GPU") == ("ok", "GPU", f"{one}; {one}")
    assert line("bfloat16") == ("ok", "bfloat16", "computed by this GPU: training is faster")
    gpus(1, (7, 5))
    assert line("bfloat16") == ("ok", "bfloat16", "not computed by this GPU: training stays in float32")


def test_no_gpu_says_why_and_what_to_do(gpus, monkeypatch):
    gpus(0)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert line("GPU") == ("note", "GPU", "none; the labs need none")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert "none in this Slurm job: ask for one with --gres=gpu:1" in line("GPU")[2]
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(runtime.Path, "exists", lambda self: True)
    assert "there is one, but this torch is built without CUDA" in line("GPU")[2]


def test_a_line_that_fails_hides_no_other(monkeypatch, capsys):
    def broken():
        raise RuntimeError("no such counter")

    monkeypatch.setattr(runtime, "_memory", broken)
    assert line("Memory") == ("note", "Memory", "could not be looked at: no such counter")
    assert line("torch works")[0] == "ok"


def test_the_weights_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.dlcourse, "__file__", str(tmp_path / "__init__.py"))
    assert line("Weights")[2].startswith("none in dlcourse: pip install --force-reinstall dlcourse")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "glyph_backbone.safetensors").touch()
    assert line("Weights") == ("ok", "Weights", "1 trained network in dlcourse")
