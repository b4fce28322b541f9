"""Which sandboxes the tests can try here: every kind that starts; docker with a daemon of the tests' own, if need be."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from dlcourse.staff import sandbox


@pytest.fixture(scope="session")
def docker_daemon():
    """A daemon on a socket of its own, where none runs and this user may start one; ended at the end."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        yield
        return
    if os.geteuid() or not shutil.which("dockerd"):
        yield
        return
    folder = tempfile.mkdtemp(prefix="dockerd-")  # it mounts things there, which a folder of pytest's would keep
    place = f"unix://{folder}/docker.sock"
    command = ["dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    command += ["--host", place, "--iptables=false", "--ip6tables=false", "--bridge=none"]
    with open(f"{folder}/log", "w") as log, pytest.MonkeyPatch.context() as patch:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, preexec_fn=ends_with_us)
        patch.setenv("DOCKER_HOST", place)
        until = time.monotonic() + 90
        while subprocess.run(["docker", "info"], capture_output=True).returncode and time.monotonic() < until:
            time.sleep(0.2)
        try:
            yield
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)
            subprocess.run(["umount", f"{folder}/exec/netns/default"], capture_output=True)
            shutil.rmtree(folder, ignore_errors=True)


def ends_with_us() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


@pytest.fixture(params=sandbox.KINDS)
def kind(request, docker_daemon):
    """Each kind of sandbox, skipped with its reason where it does not start."""
    if problem := sandbox.problem_with(request.param):
        pytest.skip(problem)
    return request.param


@pytest.fixture(params=("podman", "docker"))
def tool(request, docker_daemon):
    if problem := sandbox.problem_with(request.param):
        pytest.skip(problem)
    return request.param
