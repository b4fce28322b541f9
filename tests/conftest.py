"""How tests share the cores (pytest-xdist, `pytest -n logical`): what shares a slow fixture stays on one worker."""

import os

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: several workers, a thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# files whose tests share work by their first parameter: an assignment, a class of hand-ins
BY_PARAMETER = ("test_answers.py", "test_blank.py", "test_corpus.py", "test_jupyterlab.py", "test_same_scores.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Units of work: a file, or what one parameter of it shares. In the order of the files, so long ones come first.

    A scheduler of ours, since the marks of `--dist loadgroup` (pytest-xdist 3.8) do nothing under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByWork(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            if os.path.basename(file) not in BY_PARAMETER:
                return file
            return f"{file} {test.partition('[')[2].rstrip(']').partition('-')[0]}"

    config.option.loadscopereorder = False
    return ByWork(config, log)
