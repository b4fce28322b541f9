import functools
import importlib.util
import inspect
import math
from types import SimpleNamespace

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import nn

from dlcourse import data, models, pictures, plotting, transforms
from tests import shape_tables

pytestmark = pytest.mark.filterwarnings("error")  # a warning would go to stderr, and a graded cell loses its points


@pytest.fixture
def shown(monkeypatch):
    """(alt text, figure) of what was shown; every figure is really drawn."""
    seen = []

    def display(figure, alt):
        plotting._bundle(figure, alt)
        seen.append((alt, figure))

    monkeypatch.setattr(plotting.runtime, "in_notebook", lambda: True)
    monkeypatch.setattr(plotting.runtime, "has_front_end", lambda: True)
    monkeypatch.setattr(plotting, "_display", display)
    with mpl.rc_context({"figure.dpi": 40}):  # four times faster
        yield seen
    plt.close("all")  # what a failure left


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def split(inputs, labels, name="made up", classes=(), **more):
    train = SimpleNamespace(inputs=inputs, labels=labels, **more)
    return SimpleNamespace(name=name, classes=classes, train=train)


def images(n=6, c=1, h=8, w=8):
    return (random(n, c, h, w) * 255).byte()


def classes(n, k):
    return torch.arange(n) % k


def network(k):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, k))


def words(n):
    return [f"word{i}" for i in range(n)]


def bowl(a, b):
    return (a - 1) ** 2 + b**2


def texts_in(figure):
    found = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    return [text for text in found if text]


def titles_in(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


# ---- all of them

PATHS = {"SGD": random(5, 2), "Adam": random(3, 2)}
CALLS = {
    "show_set": lambda: pictures.show_set(split(images(20), classes(20, 3))),
    "show_transforms": lambda: pictures.show_transforms(images(2), {"crop": transforms.crop, "flip": transforms.flip}),
    "show_scenes": lambda: pictures.show_scenes(images(3, 3), classes(192, 3).view(3, 8, 8), [torch.ones(2, 4)] * 3),
    "show_confusion": lambda: pictures.show_confusion(classes(30, 3), classes(30, 4)),
    "show_errors": lambda: pictures.show_errors(images(9), classes(9, 3), random(9, 4)),
    "show_boundary": lambda: pictures.show_boundary(network(3), random(12, 2), classes(12, 3)),
    "show_map": lambda: pictures.show_map(random(30, 5), classes(30, 3)),
    "show_network": lambda: pictures.show_network((3, 2), [random(2, 3)], [random(3), random(2)]),
    "show_filters": lambda: pictures.show_filters(random(4, 16) - 0.5),
    "show_features": lambda: pictures.show_features((cnn := models.SmallCNN(1, 3)), cnn.blocks[0], random(1, 8, 8)),
    "show_attention": lambda: pictures.show_attention(random(3, 4), words(4), words(3)),
    "show_surface": lambda: pictures.show_surface(bowl, (-2, 2), (-1, 1), PATHS, xlabel="a", ylabel="b"),
    "show_rates": lambda: pictures.show_rates({"SGD": {0.1: 1.0, 1.0: math.inf}}, baseline=("chance", 2.3)),
}
NO_AXES = {  # images have none
    "show_set",
    "show_transforms",
    "show_scenes",
    "show_errors",
    "show_network",
    "show_filters",
    "show_features",
}


def test_every_public_name_is_called_here():
    assert shape_tables.public(pictures) == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_picture_has_words_labels_a_readable_size_and_is_closed(shown, name):
    CALLS[name]()
    assert len(shown) == 1
    alt, figure = shown[0]
    assert len(alt) > 20
    assert 2 <= figure.get_figwidth() <= 9.6
    assert figure.get_figheight() <= 9.6
    assert min(text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()) >= 6
    assert plt.get_fignums() == []
    if name not in NO_AXES:
        assert figure.axes[0].get_xlabel()
        assert figure.axes[0].get_ylabel()


def test_drawing_moves_no_generator(shown):
    net, cnn = network(3), models.SmallCNN(1, 3)  # these do
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    for name in set(CALLS) - {"show_boundary", "show_features"}:
        CALLS[name]()
    pictures.show_boundary(net, random(12, 2), classes(12, 3))
    pictures.show_features(cnn, cnn.blocks[0], random(1, 8, 8))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()


SIZES = [
    {"N": 5, "C": 1, "H": 8, "W": 8, "K": 3, "D": 4, "T": 2, "S": 3},
    {"N": 8, "C": 3, "H": 6, "W": 10, "K": 5, "D": 7, "T": 6, "S": 4},
]


def tables(n, c, h, w, k, d, t, s):
    """For each picture with a shape table: its tensors, and how it is called with them."""
    batch, labels, scores = images(n, c, h, w), classes(n, k), random(n, k)
    masks, cnn = classes(n * h * w, k).view(n, h, w), models.SmallCNN(c, k)
    return {
        "show_transforms": ({"images": batch}, {"steps": {"flip": transforms.flip}}),
        "show_scenes": ({"images": batch, "masks": masks}, {}),
        "show_confusion": ({"labels": labels, "predicted": labels.flip(0)}, {}),
        "show_errors": ({"images": batch, "labels": labels, "scores": scores}, {}),
        "show_boundary": ({"points": random(n, 2), "labels": labels}, {"model": network(k)}),
        "show_map": ({"features": random(n, d), "labels": labels, "images": batch}, {}),
        "show_filters": ({"weights": random(n, c, h, w)}, {}),
        "show_features": ({"image": random(c, h, w)}, {"model": cnn, "layer": cnn.blocks[0]}),
        "show_attention": ({"weights": random(t, s)}, {"source": words(s), "target": words(t)}),
    }


@pytest.mark.parametrize("sizes", SIZES)
def test_shape_tables_hold_and_no_tensor_is_changed(shown, sizes):
    calls = tables(**{letter.lower(): size for letter, size in sizes.items()})
    assert set(calls) == {name for name in CALLS if shape_tables.rows(getattr(pictures, name))}
    for name, (tensors, others) in calls.items():
        before = {key: value.clone() for key, value in tensors.items()}
        getattr(pictures, name)(**tensors, **others)
        shape_tables.holds(getattr(pictures, name), tensors, {}, sizes)
        assert all(torch.equal(value, before[key]) for key, value in tensors.items())
    assert len(shown) == len(calls)


@pytest.mark.parametrize("name", CALLS)
def test_a_function_is_described_and_short(name):
    function = getattr(pictures, name)
    assert function.__doc__
    assert len(inspect.getsource(function).removesuffix(function.__doc__).splitlines()) <= 75


# ---- data


def test_a_set_of_images_is_a_row_for_each_class(shown):
    labels = torch.tensor([0, 0, 0, 1, 1, 0])
    pictures.show_set(split(images(6), labels, "tiny", ("cat", "dog")))
    alt, figure = shown[0]
    assert alt == (
        "tiny: images of 8 by 8 pixels in 2 rows, a row for each class: cat, dog; 2 to 4 training images a class"
    )
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["cat", "dog"]


@pytest.mark.parametrize(("k", "blocks"), [(12, 1), (13, 3), (36, 3), (37, 4), (62, 4)])
def test_many_classes_stand_in_several_blocks(shown, k, blocks):
    pictures.show_set(split(images(k, 3), classes(k, k)))
    assert len(shown[0][1].axes) == blocks
    names = [tick.get_text() for axis in shown[0][1].axes for tick in axis.get_yticklabels()]
    assert [name for name in names if name] == [str(i) for i in range(k)]


def test_of_very_many_classes_the_first_are_drawn_and_that_is_said(shown):
    pictures.show_set(split(images(100), classes(100, 100)))
    assert "in 64 rows (the first 64 of 100)" in shown[0][0]


def test_a_class_without_examples_is_an_empty_row(shown):
    pictures.show_set(split(images(4), torch.tensor([0, 0, 2, 2]), classes=("a", "b", "c")))
    assert "0 to 2 training images a class" in shown[0][0]


def test_points_in_the_plane_and_on_a_line_are_scattered(shown):
    pictures.show_set(split(random(20, 2), classes(20, 2), "rings", ("in", "out")))
    assert shown[0][0] == "rings: 20 training points, in (10), out (10)"
    pictures.show_set(split(torch.tensor([[1.0], [2.0]]), torch.tensor([[5.0], [7.0]]), "line"))
    assert shown[1][0] == "line: 2 training points, inputs 1.00 to 2.00, labels 5.00 to 7.00"


def test_texts_are_printed_with_one_of_each_class(shown, capsys):
    dataset = split(("ja", "oui", "nein", "a\nlong " * 40), torch.tensor([0, 1, 0, 1]), "places", ("German", "French"))
    pictures.show_set(dataset)
    assert capsys.readouterr().out == "places: 2 of 4 training examples\nGerman  ja\nFrench  oui\n"
    pictures.show_set(split(("7 May 1999", "x " * 90), ("1999-05-07", "?"), "dates"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "1999-05-07  7 May 1999"
    assert lines[2].endswith("x x…")
    assert not shown


def test_masks_and_boxes_of_a_set_are_drawn_over_its_images(shown):
    masks = classes(64, 2).view(1, 8, 8)
    boxes = (torch.tensor([[0, 0, 4, 4]]),)
    pictures.show_set(split(images(1, 3), masks, classes=("background", "disc"), more={"boxes": boxes}))
    assert shown[0][0] == "1 scenes of 8 by 8 pixels; masks show disc; 1 boxes"


def test_the_embedded_digits_are_drawn(shown):
    if importlib.util.find_spec("sklearn") is None:
        pytest.skip("the digits come with scikit-learn")
    pictures.show_set(data.load("digits"))
    assert shown[0][0].startswith("digits: images of 8 by 8 pixels in 10 rows, a row for each class: 0, 1, 2")


def test_a_set_that_cannot_be_drawn_is_a_sentence():
    with pytest.raises(ValueError, match="show_set: empty has 0 training examples"):
        pictures.show_set(split(images(0), classes(0, 1), "empty"))
    with pytest.raises(ValueError, match=r"inputs are \(5, 3\): pass images"):
        pictures.show_set(split(random(5, 3), classes(5, 2)))
    with pytest.raises(ValueError, match="this is a Split: pass the whole set"):
        pictures.show_set(data.Split(images(2), classes(2, 2)))
    with pytest.raises(ValueError, match="inputs are tuple: pass images"):
        pictures.show_set(split((random(5, 3), random(5, 3)), classes(5, 2)))


def test_transforms_draw_originals_and_draws_of_functions_and_augment(shown):
    steps = {"crop": functools.partial(transforms.crop, pad=1), "all": transforms.Augment(crop=1, noise=0.1)}
    pictures.show_transforms(images(3), steps, draws=2)
    alt, figure = shown[0]
    assert alt == "3 images as they are, and 2 draws each of crop, all"
    assert {"original", "crop", "all"} <= set(texts_in(figure))
    width = [axis.images[0].get_array().shape[1] for axis in figure.subfigs[0].axes[:2]]
    assert width[1] > 1.9 * width[0]  # two draws side by side, one original


def test_transforms_of_many_steps_take_several_lines_each_with_the_originals(shown):
    steps = {f"step {i}": transforms.flip for i in range(5)}
    pictures.show_transforms(images(1), steps, draws=4)
    assert [text for text in texts_in(shown[0][1]) if text == "original"] == ["original"] * 2


def test_transforms_draw_the_same_for_the_same_seed(shown):
    for seed in (0, 0, 1):
        pictures.show_transforms(images(2), {"noise": transforms.noise}, seed=seed)
    first, again, other = (figure.subfigs[0].axes[1].images[0].get_array() for _, figure in shown)
    assert (first == again).all()
    assert not (first == other).all()


def test_transforms_refuse_too_many_images_and_none():
    for n in (0, 9):
        with pytest.raises(ValueError, match=rf"show_transforms: images are \({n}, 1, 8, 8\): pass 1 to 8 images"):
            pictures.show_transforms(images(n), {"flip": transforms.flip})


def test_scenes_name_the_classes_that_are_there_and_the_boxes(shown):
    masks = torch.zeros(2, 8, 8, dtype=torch.int64)
    masks[0, :4] = 2
    boxes = [torch.tensor([[0.0, 0, 4, 4], [4, 4, 8, 8]]), torch.zeros(0, 4)]
    kinds = ("background", "disc", "square")
    pictures.show_scenes(images(2, 3), masks, boxes, kinds, names=[["one", "two"], []], titles=["truth", "found"])
    alt, figure = shown[0]
    assert alt == "2 scenes of 8 by 8 pixels; masks show square; 2 boxes"
    assert {"square", "one", "two", "truth", "found"} <= set(texts_in(figure))
    assert "disc" not in texts_in(figure)


def test_the_background_stays_as_it_is_in_grey_and_a_class_gets_its_colour(shown):
    mask = torch.zeros(1, 8, 8, dtype=torch.int64)
    mask[0, 0, 0] = 1
    pictures.show_scenes(torch.ones(1, 3, 8, 8), mask)
    painted = shown[0][1].axes[0].images[-1].get_array()
    assert painted[5, 5].tolist() == [1, 1, 1]
    assert painted[0, 0].tolist() == pytest.approx([0.3 + 0.7 * x for x in mpl.colors.to_rgb(plotting.BLUE)])


def test_scenes_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=r"masks are \(2, 4, 4\): pass \(2, 8, 8\)"):
        pictures.show_scenes(images(2), torch.zeros(2, 4, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="boxes for 1 images, but 2 images came"):
        pictures.show_scenes(images(2), boxes=[torch.zeros(0, 4)])
    with pytest.raises(ValueError, match=r"images are \(2, 2, 8, 8\): pass"):
        pictures.show_scenes(images(2, 2))
    with pytest.raises(ValueError, match=r"boxes of one image are \(4,\): pass \(M, 4\)"):
        pictures.show_scenes(images(1), boxes=[torch.zeros(4)])
    plt.close("all")


# ---- right and wrong


def test_confusion_counts_and_names_what_is_confused_most(shown):
    labels, predicted = torch.tensor([0, 0, 0, 0, 1, 1]), torch.tensor([0, 1, 1, 1, 1, 0])
    pictures.show_confusion(labels, predicted, ("spam", "ham"))
    alt, figure = shown[0]
    assert alt == "2 of 6 right (33.3%); spam taken for ham 3 times, ham taken for spam 1 times"
    assert {"1\n25 %", "3\n75 %", "1\n50 %"} <= set(texts_in(figure))


def test_confusion_of_36_classes_has_counts_without_shares(shown):
    pictures.show_confusion(classes(720, 36), classes(720, 35))
    counts = [text for text in texts_in(shown[0][1]) if text == "20"]
    assert counts
    assert not any("\n" in text for text in texts_in(shown[0][1]))


def test_confusion_without_an_error_says_so(shown):
    pictures.show_confusion(classes(9, 3), classes(9, 3))
    assert shown[0][0] == "9 of 9 right (100.0%); nothing is confused"


def test_confusion_refuses_scores_and_nothing():
    with pytest.raises(ValueError, match=r"\(4,\) torch.int64 and \(4, 3\) torch.float32: pass one class each"):
        pictures.show_confusion(classes(4, 3), random(4, 3))
    with pytest.raises(ValueError, match=r"\(0,\) torch.int64 and \(0,\)"):
        pictures.show_confusion(classes(0, 1), classes(0, 1))
    with pytest.raises(ValueError, match="pass one class each"):
        pictures.show_confusion(torch.tensor([0.0]), torch.tensor([0.0]))
    with pytest.raises(ValueError, match="pass one class each"):
        pictures.show_confusion(torch.tensor([-1]), torch.tensor([0]))


def test_errors_are_the_worst_first_with_what_was_said_and_what_it_is(shown):
    sure = torch.tensor([[0.0, 9.0, 0.0], [0.0, 2.0, 0.0], [5.0, 0.0, 0.0]])  # the last one is right
    pictures.show_errors(images(3), torch.tensor([0, 2, 0]), sure)
    alt, figure = shown[0]
    assert alt == "2 of 2 errors among 3, the worst first: 1, not 0 (1.00); 1, not 2 (0.79)"
    assert texts_in(figure) == ["1, not 0 (1.00)", "1, not 2 (0.79)"]


def test_long_class_names_take_two_lines_above_an_error(shown):
    pictures.show_errors(images(1), torch.tensor([0]), torch.tensor([[0.0, 1.0]]), ("T-shirt/top", "Ankle boot"))
    assert "Ankle boot,\nnot T-shirt/top (0.73)" in texts_in(shown[0][1])
    assert "\n" not in shown[0][0]


def test_no_error_is_a_line_and_no_figure(shown, capsys):
    pictures.show_errors(images(2), torch.tensor([0, 1]), torch.eye(2))
    assert capsys.readouterr().out == "All 2 are right: there is no error to show.\n"
    assert not shown


def test_errors_refuse_other_numbers_of_examples_and_labels_without_a_score():
    for labels, scores in (
        (classes(2, 2), random(3, 2)),
        (torch.tensor([0, 1, 2]), random(3, 2)),
        (classes(3, 2), random(3)),
    ):
        with pytest.raises(ValueError, match="pass all three of the same examples"):
            pictures.show_errors(images(3), labels, scores)


@pytest.mark.parametrize("flat", [False, True])
def test_the_boundary_of_one_score_lies_where_it_is_zero(shown, flat):
    points = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [2.0, 1.0]])

    def model(x):
        return x[:, 0] if flat else x[:, :1]

    pictures.show_boundary(model, points, torch.tensor([0, 1, 0]), ("left", "right"))
    alt, figure = shown[0]
    assert alt == "A plane in 2 colours, one a class, and 3 points, left (2), right (1): 66.7% on their side"
    lines = [line for line in figure.axes[0].collections if isinstance(line, mpl.contour.ContourSet)]
    assert np.abs(lines[0].get_paths()[0].vertices[:, 0]).max() < 1e-5


@pytest.mark.parametrize("k", [2, 3, 8])
def test_boundaries_of_several_classes_are_drawn(shown, k):
    pictures.show_boundary(network(k), random(20, 2) * 4 - 2, classes(20, k))
    assert f"A plane in {k} colours" in shown[0][0]


def test_a_model_is_left_in_its_mode_part_by_part(shown):
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.9), nn.Linear(2, 3))
    model[0].eval()  # frozen
    with torch.no_grad():
        before = {name: value.clone() for name, value in model.state_dict().items()}
    pictures.show_boundary(model, random(9, 2), classes(9, 3))
    assert [part.training for part in model.modules()] == [True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_boundary_refuses_other_shapes_and_too_many_classes():
    with pytest.raises(ValueError, match=r"points are \(4, 3\), labels \(4,\): pass \(N, 2\) and \(N,\)"):
        pictures.show_boundary(network(2), random(4, 3), classes(4, 2))
    with pytest.raises(ValueError, match="the model gives 9 classes, labels go to 1: pass 2 to 8"):
        pictures.show_boundary(network(9), random(4, 2), classes(4, 2))
    with pytest.raises(ValueError, match="the model gives 2 classes, labels go to 2"):
        pictures.show_boundary(network(2), random(4, 2), classes(4, 3))
    with pytest.raises(ValueError, match=r"points gave scores \(\): a model gives \(N, K\)"):
        pictures.show_boundary(lambda x: x.sum(), random(4, 2), classes(4, 2))


# ---- a map


def test_pca_finds_the_direction_of_greatest_variance():
    along = torch.linspace(-3, 3, 50, dtype=torch.float64)
    features = torch.stack([along, -2 * along, 0.1 * torch.sin(9 * along)], 1)
    places, names = pictures._places(features, "pca", 0)
    assert names[0] == "first direction (100% of the variance)"
    assert places[:, 0].abs() == pytest.approx((along.abs() * 5**0.5).numpy(), abs=0.01)
    again, _ = pictures._places(features, "pca", 1)
    assert torch.equal(places, again)  # no chance in it


def test_a_map_draws_pictures_words_or_points(shown):
    features = random(40, 5)
    pictures.show_map(features, classes(40, 2), ("a", "b"), images=images(40, 3))
    pictures.show_map(features, words=words(40))
    pictures.show_map(features)
    assert "a (20), b (20); " in shown[0][0]
    assert shown[0][0].endswith("of them as pictures")
    assert "as words, such as word0, " in shown[1][0]
    assert shown[2][0].endswith("without labels")


def test_what_lies_in_one_place_is_written_once(shown):
    features = torch.zeros(10, 3)
    features[9] = 1
    pictures.show_map(features, words=words(10))
    assert shown[0][0].endswith("2 of them as words, such as word0, word9")


def test_of_many_examples_the_seed_draws_some(shown):
    features = random(50, 4)
    for seed in (0, 0, 1):
        pictures.show_map(features, words=words(50), most=10, seed=seed)
    assert shown[0][0] == shown[1][0] != shown[2][0]
    assert shown[0][0].startswith("10 of 50 examples by first direction")


def test_tsne_is_there_when_asked(shown):
    pytest.importorskip("sklearn")
    state = np.random.get_state()[1].copy()
    pictures.show_map(random(12, 4), classes(12, 3), method="tsne")
    assert "by first t-SNE coordinate (no unit)" in shown[0][0]
    assert (np.random.get_state()[1] == state).all()


def test_a_map_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"features are \(2, 4\): pass \(N, D\) finite numbers"):
        pictures.show_map(random(2, 4))
    with pytest.raises(ValueError, match="finite numbers"):
        pictures.show_map(torch.full((5, 4), torch.nan))
    with pytest.raises(ValueError, match="3 words for 5 rows of features"):
        pictures.show_map(random(5, 4), words=words(3))
    with pytest.raises(ValueError, match="""there is no method 'umap': choose "pca" or "tsne\""""):
        pictures.show_map(random(5, 4), method="umap")


# ---- inside


def test_a_network_shows_its_numbers(shown):
    weights, inputs = [torch.tensor([[0.5, -1.5]])], torch.tensor([120.0, -3.0])
    pictures.show_network((2, 1), weights, [inputs, torch.tensor([64.5])], names=("input", "score"))
    alt, figure = shown[0]
    assert alt == "A network of 2 to 1 nodes, weights from -1.50 to 0.50; out comes 64.5"
    assert sorted(texts_in(figure)) == sorted(["0.50", "-1.50", "120", "-3.00", "64.5", "input: 2", "score: 1"])


def test_edges_are_blue_above_zero_orange_below_and_thicker_far_from_it(shown):
    pictures.show_network((2, 1), [torch.tensor([[0.5, -1.5]])])
    up, down = shown[0][1].axes[0].lines
    assert (up.get_color(), down.get_color()) == (plotting.BLUE, plotting.ORANGE)
    assert down.get_linewidth() > 2 * up.get_linewidth()


def test_numbers_on_edges_do_not_cover_one_another(shown):
    pictures.show_network((5, 3, 3), [random(3, 5) - 0.5, random(3, 3) - 0.5])
    figure = shown[0][1]
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    assert len(boxes) == 15 + 9 + 3
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_of_many_nodes_some_are_left_out_and_that_is_written(shown):
    pictures.show_network((64, 8, 10), [random(8, 64), random(10, 8)])
    figure = shown[0][1]
    assert {"⋮ 57 more", "⋮ 3 more", "64", "8", "10"} == set(texts_in(figure))  # too many edges for numbers
    assert len(figure.axes[0].patches) == 7 + 8 + 7


def test_a_network_without_numbers_is_grey(shown):
    pictures.show_network((3, 2))
    assert {line.get_color() for line in shown[0][1].axes[0].lines} == {plotting.GREY}


def test_a_network_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"weights are \[\(5, 3\)\]: pass \[\(3, 5\)\], \(after, before\)"):
        pictures.show_network((5, 3), [random(5, 3)])
    with pytest.raises(ValueError, match=r"activations are \[\(1, 5\), \(3,\)\]: pass \[\(5,\), \(3,\)\]"):
        pictures.show_network((5, 3), [random(3, 5)], [random(1, 5), random(3)])
    with pytest.raises(ValueError, match=r"sizes are \(5,\): pass the nodes of two layers"):
        pictures.show_network((5,))


def test_filters_have_one_scale_with_zero_in_the_middle(shown):
    weights = torch.zeros(2, 1, 4, 4)
    weights[0, 0, 0, 0], weights[1, 0, 0, 0] = 2.0, -1.0
    pictures.show_filters(weights)
    alt, figure = shown[0]
    assert alt == "2 filters of 4 by 4 weights up to 2.00 in size: red is negative, white is 0, blue is positive"
    assert figure.axes[1].get_ylim() == (-2, 2)
    assert figure.axes[1].get_ylabel() == "weight"
    canvas = figure.axes[0].images[0].get_array()
    assert canvas[5, 5].tolist() == pytest.approx(plt.get_cmap("RdBu")(0.5)[:3], abs=0.01)


def test_filters_of_linear_layers_colour_and_too_many_are_drawn(shown):
    pictures.show_filters(random(100, 12), shape=(3, 4))
    pictures.show_filters(random(4, 3, 5, 5) - 0.5)
    assert shown[0][0].startswith("64 of 100 filters of 3 by 4 weights")
    assert shown[1][0].endswith("grey is 0")


def test_filters_refuse_what_is_no_image():
    with pytest.raises(ValueError, match=r"12 weights are not 3 x 3: pass shape=\(H, W\)"):
        pictures.show_filters(random(2, 12))
    with pytest.raises(ValueError, match=r"weights are \(4, 16, 3, 3\): pass .* such as weights\[:, :1\]"):
        pictures.show_filters(random(4, 16, 3, 3))


def test_features_are_those_of_the_layer_and_the_hook_is_gone(shown):
    model = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.ReLU())
    model[0].weight.data[:] = torch.tensor([1.0, -1.0, 2.0]).view(3, 1, 1, 1)
    pictures.show_features(model, model[1], torch.ones(1, 4, 4))
    assert shown[0][0] == (
        "3 of 3 feature maps of 4 by 4, from 0.00 to 2.00; the brightest is number 2 from 0, 1 are nowhere above 0"
    )
    assert not model[1]._forward_hooks
    assert shown[0][1].axes[1].get_ylabel() == "activation"


def test_features_refuse_layers_without_images_and_batches():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(ValueError, match=r"the layer gave .*1, 2.*: choose one that gives images"):
        pictures.show_features(model, model[1], random(1, 4, 4))
    with pytest.raises(ValueError, match="the layer gave nothing, for it was not called"):
        pictures.show_features(model, nn.Conv2d(1, 1, 1), random(1, 4, 4))
    with pytest.raises(ValueError, match=r"the image is \(1, 1, 4, 4\): pass one image"):
        pictures.show_features(model, model[1], random(1, 1, 4, 4))
    assert not model[1]._forward_hooks


def test_attention_says_where_each_target_looks_most(shown):
    weights = torch.tensor([[0.1, 0.9], [0.7, 0.3]])
    pictures.show_attention(weights, ["le", " "], ["the", "cat"])
    alt, figure = shown[0]
    assert alt == "Attention of 2 target over 2 source tokens; looks most: the at ␣ (0.90), cat at le (0.70)"
    axis = figure.axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["le", "␣"]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["the", "cat"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("source", "target")


def test_several_heads_share_one_scale(shown):
    pictures.show_attention(random(3, 4, 5), words(5), words(4))
    alt, figure = shown[0]
    assert "mean of 3 heads" in alt
    assert len({axis.images[0].get_clim() for axis in figure.axes[:3]}) == 1
    assert {"head 1", "head 2", "head 3"} <= set(texts_in(figure))


@pytest.mark.parametrize("text", ["1997年3月7日", "७ मार्च १९९७", "٧ مارس ١٩٩٧", "7 มีนาคม", "$x_1$ \n%&\\"])
def test_tokens_of_every_script_are_drawn_without_a_word_on_stderr(shown, text, capsys):
    pictures.show_attention(random(2, len(text)), list(text), ["a", "b"])
    assert capsys.readouterr().err == ""
    assert len(shown) == 1


def test_attention_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"weights are \(3, 2\): pass \(T, S\) = \(2, 3\), or \(heads, 2, 3\)"):
        pictures.show_attention(random(3, 2), words(3), words(2))


# ---- training


def test_the_surface_marks_its_lowest_place_and_says_where_paths_end(shown):
    path = torch.tensor([[-2.0, 1.0], [0.5, 0.25]])
    pictures.show_surface(bowl, (-2, 2), (-1, 1), {"SGD": path}, xlabel="a (m)", ylabel="b (s)", unit="MSE")
    alt, figure = shown[0]
    assert alt == "MSE over a (m) and b (s), lowest (0.00) at 1.00, 0.00; SGD ends at 0.50, 0.25"
    star = next(line for line in figure.axes[0].lines if line.get_label() == "lowest")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == pytest.approx((1, 0), abs=0.05)
    assert (figure.axes[0].get_xlabel(), figure.axes[1].get_ylabel()) == ("a (m)", "MSE")


def test_a_surface_may_be_flat_or_infinite_in_places(shown):
    pictures.show_surface(lambda a, b: 3.0, (0, 1), (0, 1), xlabel="a", ylabel="b")
    pictures.show_surface(lambda a, b: a if a > 0 else math.nan, (-1, 1), (0, 1), xlabel="a", ylabel="b")
    assert "lowest (3.00)" in shown[0][0]
    assert "lowest (0.03)" in shown[1][0]


def test_a_surface_refuses_what_does_not_fit():
    labels = {"xlabel": "a", "ylabel": "b"}
    with pytest.raises(ValueError, match=r"y goes from 1 to 1: pass \(low, high\)"):
        pictures.show_surface(bowl, (0, 1), (1, 1), **labels)
    with pytest.raises(ValueError, match=r"the path of SGD is \(3,\): pass \(T, 2\)"):
        pictures.show_surface(bowl, (0, 1), (0, 1), {"SGD": random(3)}, **labels)
    with pytest.raises(ValueError, match="the loss is nowhere finite"):
        pictures.show_surface(lambda a, b: math.nan, (0, 1), (0, 1), **labels)


def test_rates_mark_the_best_and_say_which_diverged(shown):
    sweeps = {"SGD": {1.0: math.nan, 0.1: 0.5, 0.01: torch.tensor(1.5)}, "Adam": {0.01: 0.25, 0.1: 2.0}}
    pictures.show_rates(sweeps, ylabel="test loss (nats)", baseline=("chance", 2.3))
    alt, figure = shown[0]
    assert alt == (
        "test loss (nats) over the learning rate: SGD is best at 0.1 (0.5), diverges at 1; "
        "Adam is best at 0.01 (0.25), never diverges"
    )
    assert figure.axes[0].get_xscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["SGD", "Adam", "chance", "best", "diverged"]


def test_rates_of_an_optimiser_that_always_diverged_are_crosses(shown):
    pictures.show_rates({"SGD": {1.0: math.inf, 2.0: math.inf}, "Adam": {1.0: 1.0}})
    assert "SGD, diverges at 1, 2; Adam is best at 1 (1), never diverges" in shown[0][0]


def test_rates_refuse_nothing_and_rates_of_zero():
    for sweeps in ({}, {"SGD": {}}, {"SGD": {0.1: math.inf}}, {"SGD": {0.0: 1.0}}):
        with pytest.raises(ValueError, match="no finite loss, or a rate that is not above 0"):
            pictures.show_rates(sweeps)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (-0.37, "-0.37"),
        (12.46, "12.5"),
        (99.99, "100"),
        (840.2, "840"),
        (0.0016, "1.6e-03"),
        (2e7, "2.0e+07"),
    ],
)
def test_numbers_have_about_three_digits(value, text):
    assert pictures._number(value) == text
