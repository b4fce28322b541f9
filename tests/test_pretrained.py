import copy
import io
import json
import os
import pickle
import re
import urllib.error
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from dlcourse import models, pretrained, sets, training, transforms
from dlcourse.pretrained import backbone, rates
from dlcourse.sets import download
from tests import shape_tables

REAL = Path(os.environ.get("DLCOURSE_TEST_DATA", "nowhere"))
FAMILIES = """alexnet convnext_tiny densenet121 efficientnet_b0 googlenet inception_v3 maxvit_t mnasnet0_5 mobilenet_v2
    mobilenet_v3_small regnet_y_400mf resnet18 shufflenet_v2_x0_5 squeezenet1_0 squeezenet1_1 swin_t vgg11
    vit_b_16""".split()
LETTERS = ("A", "B", "C", "D", "E")
HEADER = {
    "model": "ResNet",
    "arguments": {"channels": 3, "classes": 5, "width": 4, "blocks": 1},
    "mean": [0.3, 0.4, 0.5],
    "std": [0.2, 0.25, 0.3],
    "size": 32,
    "channels": 3,
    "classes": LETTERS,
}

pytestmark = pytest.mark.filterwarnings("error")  # a warning would go to stderr


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path / "data"))


def unplugged(*_, **__):
    raise urllib.error.URLError("the cable is out")


def letters_file(folder, half=False, **changes):
    """A file as the course's own, smaller: (its path, the network in it)."""
    network = models.ResNet(**HEADER["arguments"])
    for _ in range(3):  # so that the batch norms have statistics and their last ones weights
        network(torch.rand(8, 3, 8, 8))
    for name, parameter in network.named_parameters():
        nn.init.uniform_(parameter, 0.5, 1) if "norm2" in name else None
    header = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (HEADER | changes).items() if v is not None}
    state = {k: v.half() if half and v.is_floating_point() else v for k, v in network.state_dict().items()}
    save_file(state, folder / "letters.safetensors", header)
    return folder / "letters.safetensors", network.eval()


@pytest.fixture
def file(tmp_path):
    return letters_file(tmp_path)[0]


def pixels(b=4, c=3, h=32, w=32):
    return torch.randint(0, 256, (b, c, h, w), dtype=torch.uint8)


def learning(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


# ---- shapes


@pytest.mark.parametrize(
    "sizes", [{"B": 2, "C": 1, "H": 28, "W": 28, "K": 10}, {"B": 3, "C": 3, "H": 50, "W": 9, "K": 4}]
)
def test_the_tables_hold(file, sizes):
    model, sizes = backbone(file, sizes["K"]), sizes | {"S": 32, "D": 16}
    images = pixels(*(sizes[letter] for letter in "BCHW"))
    fitting = model.prepare(images)
    shape_tables.holds(model.prepare, {"images": images}, {"returns": fitting}, sizes)
    shape_tables.holds(model.features, {"images": fitting}, {"returns": model.features(fitting)}, sizes)
    shape_tables.holds(pretrained.Backbone, {"images": fitting}, {"returns": model(fitting)}, sizes)


def test_these_are_the_public_names():
    assert shape_tables.public(pretrained) == {"Backbone", "backbone", "rates"}


# ---- the course's own files


def test_with_its_own_head_it_is_the_network_of_the_file_with_its_names_and_normalisation(tmp_path):
    file, network = letters_file(tmp_path)
    model, images = backbone(file, None).eval(), pixels()
    normalised = transforms.Normalise(HEADER["mean"], HEADER["std"])(images)
    assert torch.allclose(model(images), network(normalised), atol=1e-6)
    assert torch.allclose(model(images.float() / 255), model(images), atol=1e-6)
    assert model.names == LETTERS
    assert torch.equal(model.head(model.features(images)), model(images))


def test_a_new_head_sits_on_the_same_features(file):
    old, new, images = backbone(file, None).eval(), backbone(str(file), 7).eval(), pixels()
    assert torch.equal(old.features(images), new.features(images))
    assert new(images).shape == (4, 7)
    assert new.names == ()


def test_half_precision_in_a_file_becomes_float32(tmp_path):
    file, network = letters_file(tmp_path, half=True)
    model = backbone(file, None)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.head.weight, network.scores.weight.half().float())


def test_a_random_start_is_the_same_network_with_other_weights(file):
    trained, fresh = backbone(file, 3), backbone(file, 3, weights=None)
    assert [p.shape for p in trained.parameters()] == [p.shape for p in fresh.parameters()]
    assert not torch.equal(trained.body.stem[0].weight, fresh.body.stem[0].weight)
    torch.manual_seed(1)
    again = backbone(file, 3, weights=None)
    torch.manual_seed(1)
    assert torch.equal(again.body.stem[0].weight, backbone(file, 3, weights=None).body.stem[0].weight)


def test_other_weights_go_into_the_network_of_a_file(tmp_path, file):
    (tmp_path / "other").mkdir()
    other, network = letters_file(tmp_path / "other")
    assert torch.equal(backbone(file, None, weights=other).head.weight, network.scores.weight)


def test_glyphs_is_the_file_beside_the_package(file, monkeypatch):
    monkeypatch.setattr(pretrained, "GLYPHS", file)
    assert backbone("glyphs", None).names == LETTERS
    monkeypatch.setattr(download.urllib.request, "urlopen", unplugged)
    assert backbone("glyphs", 10)(pixels()).shape == (4, 10)


@pytest.mark.skipif(not pretrained.GLYPHS.exists(), reason="dlcourse/files/glyph_backbone.safetensors is not here yet")
def test_the_shipped_backbone_opens_and_is_small():
    model = backbone("glyphs", None).eval()
    assert model.size == 32
    assert model(pixels()).shape == (4, len(model.names))
    assert pretrained.GLYPHS.stat().st_size < 1_000_000


# ---- frozen or not


def train_once(model, images=None, **options):
    before = copy.deepcopy(model.state_dict())
    images = pixels(16) if images is None else images
    split = training_split(images)
    training.fit(model, split, epochs=2, batch_size=8, lr=0.1, quiet=True, **options)
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def training_split(images):
    from dlcourse.data import Split

    return Split(images, torch.arange(len(images)) % 3, role="train")


def test_a_frozen_body_keeps_its_weights_and_its_batch_norm_statistics_while_the_head_learns(file):
    model = backbone(file, 3)
    assert learning(model) == {"head.weight", "head.bias"}
    assert train_once(model) == {"head.weight", "head.bias"}
    assert model.training
    assert not model.body.training


def test_after_thawing_all_of_it_learns_statistics_included(file):
    model = backbone(file, 3)
    train_once(model)
    assert model.thaw() is model
    changed = train_once(model)
    assert learning(model) <= changed
    assert "body.stem.1.running_mean" in changed
    model.eval().freeze()
    assert not model.training  # the mode stays what it was
    assert train_once(model) == {"head.weight", "head.bias"}


def test_freeze_false_is_thawed_from_the_start(file):
    model = backbone(file, 3, freeze=False)
    assert not model.frozen
    assert model.body.training
    assert len(learning(model)) == len(list(model.parameters()))


def test_it_says_how_many_parameters_learn(file):
    model = backbone(file, 3)
    assert repr(model) == "letters for images (B, 3, 32, 32): 51 of 5,095 parameters learn"
    assert repr(model.thaw()).endswith(": 5,095 of 5,095 parameters learn")


def test_two_learning_rates_move_head_and_body_each_at_its_own(file):
    model = backbone(file, 3, freeze=False)
    groups = rates(model, head=0.5, body=0.0)
    assert [group["lr"] for group in groups] == [0.5, 0.0]
    assert sum(p.numel() for group in groups for p in group["params"]) == sum(p.numel() for p in model.parameters())
    changed = train_once(model, parameters=groups)
    assert {name for name in changed if name in learning(model)} == {"head.weight", "head.bias"}
    assert [group["lr"] for group in torch.optim.SGD(rates(model)).param_groups] == [1e-2, 1e-3]


def test_rates_of_a_frozen_body_are_refused(file):
    with pytest.raises(ValueError, match=r"rates: the body is frozen, so no rate moves it: call model.thaw\(\) first"):
        rates(backbone(file, 3))


def test_what_it_learned_can_be_saved_and_loaded(tmp_path, file):
    model, again, images = backbone(file, 3).eval(), backbone(file, 3, weights=None).eval(), pixels()
    torch.save(model.state_dict(), tmp_path / "mine.pth")
    again.load_state_dict(torch.load(tmp_path / "mine.pth", weights_only=True))
    assert torch.equal(again(images), model(images))


# ---- images that fit, and those that do not


def test_prepare_scales_cuts_and_colours_and_keeps_the_kind(file):
    model = backbone(file, 3)
    grey = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8) * 4
    found = model.prepare(grey)
    assert found.dtype == torch.uint8
    assert torch.equal(found[:, 0], found[:, 2])
    floats = model.prepare(grey / 255)
    assert floats.dtype == torch.float32
    assert torch.allclose(floats * 255, found.float(), atol=1)
    wide = torch.zeros(1, 3, 32, 64, dtype=torch.uint8)
    wide[..., 16:48] = 200  # the middle
    assert model.prepare(wide).min() == 200
    fitting = pixels()
    assert torch.equal(model.prepare(fitting), fitting)


def test_prepare_and_the_model_are_torchvision_s_own_pipeline(tmp_path):
    import torchvision.models as zoo

    theirs, weights = zoo.squeezenet1_1().eval(), zoo.SqueezeNet1_1_Weights.DEFAULT
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    model, images = backbone("squeezenet1_1", None, weights=tmp_path / "w.safetensors").eval(), pixels(1, h=250, w=301)
    normalised, fitting = weights.transforms()(images), model.prepare(images)
    same = model.normalise.inverse(normalised)
    assert (same.int() - fitting.int()).abs().max() <= 1  # of 255: they scale in floats and round
    with torch.no_grad():
        assert torch.allclose(model(same), theirs(normalised), atol=1e-5)
    assert model.names == tuple(weights.meta["categories"])
    assert model.features(fitting).shape == (1, 512)


def test_a_cubic_filter_does_not_leave_the_range():
    model = backbone("efficientnet_b0", 2, weights=None)
    assert model._filter == "bicubic"
    floats = (torch.rand(1, 3, 260, 260) > 0.5).float()
    assert 0 <= model.prepare(floats).min() <= model.prepare(floats).max() <= 1


def test_another_size_can_be_set(file):
    model = backbone(file, 3)
    model.size = 24
    assert model(model.prepare(pixels())).shape == (4, 3)
    assert model.prepare(pixels()).shape == (4, 3, 24, 24)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (pixels(2, 1), r"letters: images are \(2, 1, 32, 32\): pass \(B, 3, 32, 32\); model.prepare\(images\) makes"),
        (pixels(2, 3, 28, 28), r"letters: images are \(2, 3, 28, 28\): pass \(B, 3, 32, 32\); model.prepare"),
        (pixels(2)[0], r"letters: images are \(3, 32, 32\): pass \(B, 3, 32, 32\)"),
        (torch.full((2, 3, 32, 32), -1.8), "letters: images run from -1.80 to -1.80: pass bytes, or floats 0 to 1"),
        (pixels(50).float(), "letters: images run from 0.00 to 255.00: pass bytes, or floats 0 to 1 that are not norm"),
        (pixels(50).long(), "letters: images run from 0.00 to 255.00: pass bytes"),
    ],
)
@pytest.mark.parametrize("call", ["forward", "features"])
def test_images_that_do_not_fit_are_refused_in_words(file, images, message, call):
    with pytest.raises(ValueError, match=message):
        getattr(backbone(file, 3), call)(images)


def test_rounding_beyond_the_range_is_no_error(file):
    assert backbone(file, 3)(torch.full((1, 3, 32, 32), 1.00001)).shape == (1, 3)


@pytest.mark.parametrize("images", [pixels(2, 4), pixels(2)[0]])
def test_prepare_refuses_what_is_no_batch_of_grey_or_colour(file, images):
    with pytest.raises(ValueError, match=r"prepare: images are .*: pass \(B, 3, H, W\) or \(B, 1, H, W\)"):
        backbone(file, 3).prepare(images)


# ---- torchvision's


@pytest.mark.parametrize("name", FAMILIES)
def test_the_head_is_found_in_every_family_of_torchvision(name):
    make, _, about = pretrained._torchvision(name)
    tiny = name.startswith("regnet")  # computes with torch how large it is, so it must be a real one
    with torch.device("cpu" if tiny else "meta"):
        side = 64 if tiny else about["size"]
        network = make()
        assert getattr(network, "transform_input", True)  # Inception's weights know another normalisation
        body, head = pretrained._cut(network, None)
        assert head(body(torch.rand(2, 3, side, side))).shape == (2, 1000)  # while training, too: one row of scores
    assert len(about["names"]) == 1000


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_0", "efficientnet_b0", "densenet121"])
def test_a_torchvision_body_scores_new_classes_and_only_its_head_learns(name):
    model = backbone(name, 7, weights=None)
    model.size = 64
    images = model.prepare(pixels(2, 1, 40, 40))
    assert model(images).shape == (2, 7)
    assert model.features(images).shape == (
        2,
        next(m for m in model.head.modules() if isinstance(m, nn.Linear)).in_features,
    )
    model(images).sum().backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == learning(model)
    assert all(name.startswith("head.") for name in learning(model))


def test_weights_of_a_parallel_run_go_in(tmp_path):
    import torchvision.models as zoo

    theirs = zoo.squeezenet1_1()
    torch.save({"state_dict": nn.DataParallel(theirs).state_dict(), "epoch": 9}, tmp_path / "w.pth")
    model = backbone("squeezenet1_1", None, weights=tmp_path / "w.pth")
    assert torch.equal(model.body[0].weight, theirs.features[0].weight)


def test_old_names_of_densenet_and_extra_scores_are_understood(tmp_path):
    import torchvision.models as zoo

    tiny = zoo.DenseNet(growth_rate=4, block_config=(1, 2), num_init_features=4, num_classes=3)
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", k): v for k, v in tiny.state_dict().items()}
    assert set(old) != set(tiny.state_dict())
    torch.save(old | {"AuxLogits.fc.bias": torch.zeros(3)}, tmp_path / "w.pth")
    again = zoo.DenseNet(growth_rate=4, block_config=(1, 2), num_init_features=4, num_classes=3)
    pretrained._fill(again, "tiny", tmp_path / "w.pth")
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), tiny.parameters(), strict=True))


# ---- downloads


def fake_network(monkeypatch, content):
    def answer(request, timeout):
        reply = io.BytesIO(content)
        reply.headers = {"Content-Length": len(content)}
        return reply

    monkeypatch.setattr(download.urllib.request, "urlopen", answer)


def test_without_a_network_it_says_what_is_missing_where_it_goes_and_what_serves_instead(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(download.urllib.request, "urlopen", unplugged)
    with pytest.raises(sets.Missing) as caught:
        backbone("resnet18", 2)
    place = tmp_path / "data" / "weights"
    assert str(caught.value) == (
        "backbone: resnet18 has to be downloaded, but no address gave resnet18-f37072fd.pth:\n"
        "  https://download.pytorch.org/models/resnet18-f37072fd.pth: the cable is out\n"
        f"Put resnet18-f37072fd.pth into {place} by hand, or take backbone('glyphs'), which is embedded"
    )
    assert capfd.readouterr() == ("", "")
    assert not place.exists()


def test_other_bytes_than_torchvision_announces_leave_nothing_behind(monkeypatch, tmp_path):
    fake_network(monkeypatch, b"half of it")
    with pytest.raises(
        sets.Missing, match=r"resnet18 has to be downloaded, but no address .*\n.*other bytes than expected"
    ):
        backbone("resnet18", 2)
    assert not list((tmp_path / "data").rglob("*.pth"))


def test_where_nothing_can_be_written_it_is_missing_too(monkeypatch, tmp_path):
    fake_network(monkeypatch, b"half of it")
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(sets.Missing, match=r"backbone: resnet18 cannot be written to .*: Not a directory|File exists"):
        backbone("resnet18", 2)


def test_weights_are_downloaded_once(monkeypatch, capfd):
    import torchvision.models as zoo

    theirs, content = zoo.squeezenet1_1(), io.BytesIO()
    torch.save(theirs.state_dict(), content)
    monkeypatch.setattr(torch.hub, "HASH_REGEX", re.compile("-()"))  # the true file has another checksum
    fake_network(monkeypatch, content.getvalue())
    first = backbone("squeezenet1_1", None)
    monkeypatch.setattr(download.urllib.request, "urlopen", unplugged)
    second = backbone("squeezenet1_1", 4)
    assert torch.equal(first.body[0].weight, theirs.features[0].weight)
    assert torch.equal(second.body[0].weight, theirs.features[0].weight)
    out, err = capfd.readouterr()
    assert out.count("\n") == 1
    assert err == ""


def test_every_file_of_torchvision_has_a_checksum_and_a_size():
    import torchvision.models as zoo

    for name in zoo.list_models(module=zoo):
        weights = zoo.get_model_weights(name).DEFAULT
        assert len(torch.hub.HASH_REGEX.search(weights.url.rsplit("/", 1)[1])[1]) >= 8
        assert weights.meta["_file_size"] > 0


# ---- files that are not what they should be


def test_a_file_that_is_cut_short_is_named(tmp_path, file):
    for name, content in (("a.safetensors", file.read_bytes()), ("a.pth", pickled(torch.rand(99)))):
        for length in (0, 5, len(content) // 2, len(content) - 1):
            (tmp_path / name).write_bytes(content[:length])
            with pytest.raises(ValueError, match=f"{name} was not opened: it is cut short or damaged: get it anew"):
                backbone(tmp_path / name, 3)


def pickled(state, **options):
    content = io.BytesIO()
    torch.save(state, content, **options)
    return content.getvalue()


class Bomb:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_code_in_a_pickle_is_never_run(tmp_path):
    place = tmp_path / "exploded"
    for content in (
        pickle.dumps(Bomb(place)),
        pickle.dumps(Bomb(place), protocol=2),
        pickled({"fc.weight": Bomb(place)}),
        pickled(Bomb(place), _use_new_zipfile_serialization=False),
    ):
        (tmp_path / "w.pth").write_bytes(content)
        for call in (
            lambda: backbone(tmp_path / "w.pth", 3),
            lambda: backbone("resnet18", 3, weights=tmp_path / "w.pth"),
        ):
            with pytest.raises(
                ValueError, match=r"w\.pth was not opened: it holds more than tensors, so opening it could"
            ):
                call()
    assert not place.exists()


def test_a_whole_model_is_no_state_dict(tmp_path):
    torch.save(models.MLP(2, 2), tmp_path / "w.pth")
    with pytest.raises(
        ValueError, match="it holds more than tensors, so opening it could run code: ask for a state_dict"
    ):
        backbone(tmp_path / "w.pth", 3)
    torch.save([torch.zeros(3)], tmp_path / "w.pth")
    with pytest.raises(
        ValueError, match=r"w\.pth holds no state_dict, which is tensors by name: save model.state_dict"
    ):
        backbone(tmp_path / "w.pth", 3)


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "scores.bias"), "does not fit letters: it lacks scores.bias: pass the file of this"),
        (lambda s: without(s, "scores.bias", "scores.weight"), "it lacks scores.weight and 1 more: pass"),
        (lambda s: s | {"mine": torch.zeros(2)}, "does not fit letters: it has mine besides: pass the file"),
        (lambda s: s | {"scores.bias": torch.zeros(6)}, r"does not fit letters: scores.bias is \(6,\), awaited \(5,\)"),
        (
            lambda s: without(s, "scores.bias") | {"b": torch.zeros(2), "scores.weight": torch.zeros(9, 9)},
            r"it lacks scores.bias; it has b besides; scores.weight is \(9, 9\), awaited \(5, 16\): pass the file",
        ),
    ],
)
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_tensors_that_are_lacking_or_of_another_shape_are_named(tmp_path, file, change, message, suffix):
    state, other = change(load_file(file)), tmp_path / f"other.{suffix}"
    torch.save(state, other) if suffix == "pth" else save_file(state, other)
    with pytest.raises(ValueError, match=rf"backbone: .*other.{suffix} .*{message}"):
        backbone(file, 3, weights=other)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": None}, "KeyError: 'model'"),
        ({"model": "Giant"}, "AttributeError: module 'dlcourse.models' has no attribute 'Giant'"),
        ({"model": "sample"}, "TypeError"),
        ({"arguments": {"channels": 3, "classes": 5, "wings": 2}}, "TypeError: .* unexpected keyword argument 'wings'"),
        ({"arguments": "{"}, "JSONDecodeError"),
        ({"size": "large"}, "ValueError: invalid literal"),
        ({"mean": None}, "KeyError: 'mean'"),
    ],
)
def test_a_header_that_describes_no_network_is_refused(tmp_path, changes, reason):
    file, _ = letters_file(tmp_path, **changes)
    message = rf"the header of .*letters.safetensors does not describe a network of dlcourse.models \({reason}"
    with pytest.raises(ValueError, match=message):
        backbone(file, 3)


def test_a_file_without_a_description_needs_a_name(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"say which it is, such as backbone\('resnet18', weights='.*w.pth'\)"):
        backbone(tmp_path / "w.pth", 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: backbone("resnet81", 3), "backbone: there is no network 'resnet81': choose \"glyphs\", a file"),
        (lambda: backbone("fcn_resnet50", 3), "backbone: there is no network 'fcn_resnet50'"),  # it scores pixels
        (lambda: backbone("lost.pth", 3), r"backbone: there is no file lost\.pth"),
        (lambda: backbone("squeezenet1_1", 3, weights="lost.pth"), r"backbone: there is no file lost\.pth"),
        (lambda: backbone("resnet18", ("ants", "bees")), r"backbone: classes is \('ants', 'bees'\): pass how many"),
        (lambda: backbone("resnet18", 0), "backbone: classes is 0: pass how many there are, or None for the head"),
    ],
)
def test_what_does_not_exist_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- real weights and images, where they are at hand


def real(path):
    return pytest.mark.skipif(
        not (REAL / path).exists(), reason=f"set DLCOURSE_TEST_DATA to a folder that holds {path}"
    )


@real("CIFAR10-subset")
@real("weights")
@pytest.mark.parametrize(
    ("name", "parameters", "right"), [("resnet20-12fca82f", 269_722, 1821), ("resnet56-4bfd9763", 853_018, 1865)]
)
def test_the_cifar_resnets_are_as_accurate_as_published(name, parameters, right):
    test = cifar_test()
    images = torch.as_tensor(test.data).permute(0, 3, 1, 2).contiguous()
    model = backbone(REAL / "weights" / f"{name}.th", None).eval()
    with torch.no_grad():
        found = torch.cat([model(batch).argmax(1) for batch in images.split(250)])
    assert abs((found == torch.as_tensor(test.targets)).sum() - right) <= 1  # of 2,000: 0.9105 and 0.9325
    assert model.names == tuple(test.classes)
    assert sum(p.numel() for p in model.parameters()) == parameters


def cifar_test():
    import torchvision

    class Subset(torchvision.datasets.CIFAR10):
        train_list = (("data_batch_1", "d2f3b08521f2fd43e099fae7735e3768"),)
        test_list = (("test_batch", "c7a8830101dd824e9566edd34756213d"),)
        meta = {"filename": "batches.meta", "key": "label_names", "md5": "7dddfda267884953c50a801cce85580c"}  # noqa: RUF012

    return Subset(REAL / "CIFAR10-subset", train=False)


@real("weights")
@pytest.mark.parametrize(
    ("photograph", "name", "share"), [("chelsea", "Egyptian cat", 0.711), ("coffee", "espresso", 0.812)]
)
def test_squeezenet_names_the_cat_and_the_cup(photograph, name, share):
    skimage = pytest.importorskip("skimage.data", reason="the photographs come with scikit-image: pip install it")
    file = REAL / "weights" / "squeezenet1_0-deepcompression.fp16.safetensors"
    model = backbone("squeezenet1_0", None, weights=file).eval()
    image = torch.as_tensor(getattr(skimage, photograph)()).permute(2, 0, 1).unsqueeze(0)
    with torch.no_grad():
        shares = model(model.prepare(image)).softmax(1)[0]
    assert model.names[shares.argmax()] == name
    assert float(shares.max()) == pytest.approx(share, abs=0.01)
