"""Photographs inside installed packages: what is installed here, what one is told where it is not."""

import re
import subprocess
import sys

import pytest
import torch

from dlcourse import data
from dlcourse.sets import photographs

ALWAYS = ("china", "flower", "hopper")  # of packages that dlcourse depends on


def test_photographs_are_square_bytes_in_colour_one_a_class():
    found = data.load("photographs", size=64, names=ALWAYS)
    assert found.train.inputs.shape == (3, 3, 64, 64)
    assert found.train.inputs.dtype == torch.uint8
    assert found.train.labels.tolist() == [0, 1, 2]
    assert found.classes == ALWAYS
    assert found.train.inputs.float().std((1, 2, 3)).min() > 20  # something is on them


def test_all_of_them_come_where_scikit_image_is_installed():
    pytest.importorskip("skimage")
    found = data.load("photographs")
    assert found.train.inputs.shape == (15, 3, 256, 256)
    assert found.classes == tuple(photographs._PHOTOGRAPHS)
    grey = found.train.inputs[found.classes.index("camera")]
    assert torch.equal(grey[0], grey[2])


def test_the_test_split_is_empty_and_the_set_says_so():
    found = data.load("photographs", size=8, names=ALWAYS)
    assert found.test.inputs.shape == (0, 3, 8, 8)
    assert len(found.test) == 0
    assert str(found) == "photographs: 3 train, 0 test, images 3 x 8 x 8, 3 classes"


def test_a_photograph_is_scaled_and_cut_about_its_centre_and_not_squeezed():
    image = pytest.importorskip("PIL.Image").open(photographs._file("china"))  # 640 x 427
    expected = image.crop((106, 0, 533, 427)).resize((32, 32))
    found = data.load("photographs", size=32, names=("china",)).train.inputs[0]
    expected = torch.tensor(list(expected.tobytes())).view(32, 32, 3).permute(2, 0, 1)
    assert (found.int() - expected).abs().float().mean() < 6


def test_every_photograph_has_its_licence_and_the_note_the_versions_and_a_hash():
    found = data.load("photographs", size=8, names=("flower", "hopper"))
    assert found.licence == "flower: CC BY 2.0, vultilion; hopper: public domain, US Navy"
    assert found.source == "inside the installed scikit-learn, matplotlib"
    versions = r"matplotlib [\d.]+\S*, pillow [\d.]+\S*, scikit-learn [\d.]+\S*"
    assert re.fullmatch(rf"{versions}: 2 photographs, sha256 [0-9a-f]{{12}}", found.note)


def test_the_order_is_the_one_asked_for_and_loading_twice_gives_the_same():
    first, again = (data.load("photographs", size=16, names=names) for names in (ALWAYS, ALWAYS[::-1]))
    assert torch.equal(first.train.inputs, again.train.inputs.flip(0))
    assert again.classes == ALWAYS[::-1]
    assert first.note == data.load("photographs", size=16, names=ALWAYS).note


def test_reading_them_imports_none_of_the_packages_and_is_silent():
    code = (
        f"import sys; from dlcourse import data; data.load('photographs', names={ALWAYS}); "
        "assert not {'sklearn', 'skimage', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize(
    ("package", "one", "distribution", "others"),
    [("skimage", "camera", "scikit-image", "'china'"), ("sklearn", "china", "scikit-learn", "'hopper'")],
)
def test_without_its_package_the_message_says_what_to_install_and_what_else_there_is(
    package, one, distribution, others, monkeypatch
):
    found = photographs.importlib.util.find_spec
    monkeypatch.setattr(photographs.importlib.util, "find_spec", lambda name: None if name == package else found(name))
    said = f"load: the photograph {one} comes with {distribution}: pip install --upgrade {distribution}, or pass names="
    with pytest.raises(ModuleNotFoundError, match=said) as caught:
        data.load("photographs", names=(one,))
    assert others in str(caught.value)
    assert f"'{one}'" not in str(caught.value)


def test_a_file_that_the_installed_version_lacks_is_named_too(monkeypatch):
    monkeypatch.setitem(photographs._PHOTOGRAPHS, "moon", (photographs._SKLEARN, "moon.gif", "CC0"))
    with pytest.raises(ModuleNotFoundError, match="the photograph moon comes with scikit-learn"):
        data.load("photographs", names=("moon",))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"names": ("cat",)}, r"load: names=\('cat',\): pass some of \('china', 'flower'"),
        ({"names": "china"}, "load: names='china': pass some of"),
        ({"names": ()}, r"load: names=\(\): pass some of"),
        ({"size": 0}, "load: size=0: pass 1 to 1024, in pixels"),
        ({"size": 2_000}, "load: size=2000: pass 1 to 1024, in pixels"),
    ],
)
def test_what_is_not_there_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        data.load("photographs", **options)
