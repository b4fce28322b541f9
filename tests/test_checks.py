import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dlcourse import checks


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    for name, empty in (("_predictions", {}), ("_outcomes", {}), ("_passed", [])):
        monkeypatch.setattr(checks, name, empty)


@pytest.mark.parametrize(
    "found",
    [
        torch.tensor([1.0, 2.0]),
        torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True),
        torch.tensor([1, 2]),
        np.array([1.0, 2.0], dtype=np.float32),
        [1, 2.0],
        (torch.tensor(1.0), 2),
        [np.float64(1), np.int64(2)],
    ],
)
def test_the_right_values_pass_in_whatever_form_they_come(found):
    assert checks.close(found, torch.tensor([1.0, 2.0])) is True


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        (None, 1.0, "yours is None: did you forget to `return` the result?"),
        (len, 1.0, "did you forget the brackets"),
        ("1", 1.0, "numbers or a tensor should come; yours is a str"),
        (torch.ones(3), torch.ones(4), r"shape should be \(4,\); yours is \(3,\)"),
        (torch.ones(1), 1.0, r"shape should be \(\) \(a single number\); yours is \(1,\)"),
        ([[1], [1, 2]], torch.ones(2, 2), "different shapes"),
        (torch.ones(2), torch.tensor([True, False]), "yes/no should come; yours are numbers"),
        (torch.ones(2), torch.tensor([1, 1]), "whole numbers should come; yours are numbers"),
        (torch.tensor([True, True]), torch.ones(2), "numbers should come; yours are yes/no"),
        (float("nan"), 1.0, "yours is nan"),
        ([1.0, float("inf")], [1.0, 2.0], r"yours is infinite \(1 of 2 values\)"),
        (
            [[0, 0], [0, 5.0]],
            [[0, 0], [0, 2.0]],
            r"1 of 4 values differ, the most at \[1, 1\]: it should be 2; yours is 5",
        ),
        (3.0, 2.0, "it should be 2; yours is 3"),
    ],
)
def test_what_is_wrong_is_said_with_the_hint(found, wanted, message):
    with pytest.raises(checks.Wrong, match=message) as raised:
        checks.close(found, wanted, "Look at the axis.")
    assert raised.value.for_student == str(raised.value)
    assert str(raised.value).endswith(" Look at the axis.")


def test_a_check_is_an_assertion():
    assert issubclass(checks.Wrong, AssertionError)


def test_rounding_passes_and_a_tenth_of_a_percent_does_not():
    assert checks.close(1 + 5e-6, 1.0)
    with pytest.raises(checks.Wrong):
        checks.close(1.001, 1.0)


def test_nan_and_infinity_agree_with_themselves():
    assert checks.close([float("nan"), float("inf")], [float("nan"), float("inf")])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.integers(0, 19), st.floats(0.1, 100))
def test_one_changed_value_is_found_where_it_is(values, place, by):
    place %= len(values)
    changed = list(values)
    changed[place] += by + abs(changed[place])
    with pytest.raises(checks.Wrong, match=rf"at \[{place}\]"):
        checks.close(changed, values)


def test_close_changes_nothing():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    checks.close(x, x)
    assert x.requires_grad
    assert x.tolist() == [1.0, 2.0]


def test_the_numeric_gradient_is_the_gradient():
    x, w = torch.tensor([1.0, -2.0]), torch.tensor([[0.5, 3.0]])
    of_x, of_w = checks.numeric_gradient(lambda x, w: (torch.sin(x) * w).sum(), x, w)
    assert torch.allclose(of_x, (torch.cos(x) * w[0]).double())
    assert torch.allclose(of_w, torch.sin(x)[None].double())
    assert x.tolist() == [1.0, -2.0]


def test_a_right_gradient_passes_and_a_wrong_one_does_not():
    x = torch.tensor([1.0, 2.0])
    assert checks.gradient(lambda x: (x**2).sum(), x, found=2 * x)
    with pytest.raises(checks.Wrong, match="it should be 4; yours is 2"):
        checks.gradient(lambda x: (x**2).sum(), x, found=x)


def test_two_gradients_may_come_as_a_pair_or_stacked():
    one = torch.tensor(1.0)
    for found in ((2.0, 3.0), torch.tensor([2.0, 3.0])):
        assert checks.gradient(lambda a, b: 2 * a + 3 * b, one, one, found=found)
    with pytest.raises(checks.Wrong, match="2 gradients should come; yours is a float"):
        checks.gradient(lambda a, b: 2 * a + 3 * b, one, one, found=2.0)
    with pytest.raises(checks.Wrong, match="2 gradients should come, one an input; yours are 3"):
        checks.gradient(lambda a, b: 2 * a + 3 * b, one, one, found=[1, 2, 3])


def test_autograd_is_checked_where_no_gradient_is_given():
    x = torch.tensor([1.0, 2.0])
    assert checks.gradient(lambda x: nn.functional.softplus(x).sum(), x)

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(checks.Wrong, match="small step"):
        checks.gradient(lambda x: Wrong.apply(x).sum(), x)


def test_a_cut_graph_and_a_lost_precision_are_named():
    x = torch.tensor([1.0])
    with pytest.raises(checks.Wrong, match="no gradient comes through"):
        checks.gradient(lambda x: x.detach().sum(), x)
    with pytest.raises(checks.Wrong, match="NumPy is used, which autograd cannot follow"):
        checks.gradient(lambda x: np.exp(x).sum(), x)
    with pytest.raises(checks.Wrong, match=r"float64 went in, torch\.float32 came out"):
        checks.gradient(lambda x: x.float().sum(), x)
    with pytest.raises(checks.Wrong, match="one number"):
        checks.gradient(lambda x: x * torch.ones(2), x, found=x)


def test_a_prediction_is_kept_and_shown_beside_the_outcome(capsys):
    checks.predict("steps", 100, "How many steps?")
    checks.outcome("steps", 354)
    checks.receipt()
    assert "How many steps? You: 100. Outcome: 354." in capsys.readouterr().out


def test_no_guess_asks_for_one_and_refuses_words(capsys):
    checks.predict("steps", None, "How many steps?")
    assert "Type a number in place of None" in capsys.readouterr().out
    checks.outcome("steps", 354)
    assert "you made no guess" in capsys.readouterr().out
    with pytest.raises(ValueError, match="type a plain number"):
        checks.predict("steps", "many", "How many steps?")


@pytest.mark.parametrize(("guess", "value"), [(0, 0), (1, 0), (0, 1), (-1e9, 1e-12)])
def test_an_outcome_never_fails_on_odd_numbers(guess, value, capsys):
    checks.predict("a", guess, "?")
    checks.outcome("a", value)
    assert "Outcome" in capsys.readouterr().out


def test_passed_is_true_and_silent_outside_a_notebook(capsys):
    assert checks.passed("mse") is True
    assert capsys.readouterr() == ("", "")


def test_passed_says_so_in_a_notebook(capsys, monkeypatch):
    monkeypatch.setattr(checks.runtime, "in_notebook", lambda: True)
    checks.passed("mse")
    assert capsys.readouterr().out == "✓ mse: passed\n"


def test_the_receipt_shows_what_is_open(capsys):
    checks.passed("mse")
    checks.receipt("mse", "slopes")
    out = capsys.readouterr().out
    assert "✓ mse" in out
    assert "– slopes" in out
    assert "1 of 2 exercises done" in out


def test_a_receipt_of_nothing_is_no_error(capsys):
    checks.receipt()
    assert "no exercise done yet" in capsys.readouterr().out


def test_the_receipt_names_you_or_asks_for_your_name(capsys):
    checks.receipt(name=" ")
    assert "No name yet" in capsys.readouterr().out
    checks.receipt(name="Ada Lovelace")
    out = capsys.readouterr().out
    assert "Ada Lovelace" in out
    assert "No name yet" not in out


def test_one_second_is_no_plural(capsys, monkeypatch):
    monkeypatch.setattr(checks.runtime, "session", checks.runtime.Session("lab", 0.0, 0.0))
    monkeypatch.setattr(checks.time, "process_time", lambda: 1.2)
    monkeypatch.setattr(checks.time, "monotonic", lambda: 120.0)
    checks.receipt()
    assert "1 processor second, 2 minutes since the first cell" in capsys.readouterr().out


def test_in_a_notebook_a_wrong_answer_is_its_line_and_the_message(tmp_path):
    cell = tmp_path / "cell.py"
    cell.write_text("x = 1\nclose(x, 2.0)\n")
    with pytest.raises(checks.Wrong) as raised:
        exec(compile(cell.read_text(), str(cell), "exec"), {"__name__": "__main__", "close": checks.close})
    assert raised.value._render_traceback_() == ["line 2: close(x, 2.0)", "Wrong: it should be 2; yours is 1."]


# ---- shapes


@pytest.mark.parametrize("B", [1, 5])
def test_a_shape_may_be_letters_numbers_or_both(B):
    x = torch.zeros(B, 3, 3)
    assert checks.shape(x, (B, 3, 3))
    assert checks.shape(x, ("B", 3, 3), B=B)
    assert checks.shape(x, ("B", "T", "T"))
    assert checks.shape(x.numpy(), ("B", "H", "W"), H=3)
    assert checks.shape([1.0, 2.0], ("D",), D=2)
    assert checks.shape(3.0, ())


@pytest.mark.parametrize(
    ("found", "wanted", "sizes", "message"),
    [
        (torch.zeros(32, 9), ("B", "K"), {"B": 32, "K": 10}, "the shape should be (B, K), here (32, 10); yours is (32, 9). Look."),
        (torch.zeros(2, 3, 4), ("B", "T", "T"), {}, "the shape should be (B, T, T), here (2, 3, 3); yours is (2, 3, 4). Look."),
        (torch.zeros(2, 3), ("B", "T", "D"), {"B": 2}, "the shape should be (B, T, D), here (2, T, D); yours is (2, 3). Look."),
        (torch.zeros(7), (5,), {}, "the shape should be (5,); yours is (7,). Look."),
        (torch.zeros(7, 3), (5, "B"), {}, "the shape should be (5, B), here (5, 3); yours is (7, 3). Look."),
        (torch.zeros(3, 2), (2, 3), {}, "the shape should be (2, 3); yours is (3, 2); the sizes are there, in another order: transposed? Look."),
        (torch.zeros(3, 1), (3,), {}, "the shape should be (3,); yours is (3, 1); there is an axis of size 1 too many: squeeze? Look."),
        (torch.zeros(3), ("B", 1), {"B": 3}, "the shape should be (B, 1), here (3, 1); yours is (3,); an axis of size 1 is missing: keepdim? Look."),
        (None, (3,), {}, "yours is None: did you forget to `return` the result? Look."),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_said_beside_the_right_one(found, wanted, sizes, message):
    with pytest.raises(checks.Wrong) as raised:
        checks.shape(found, wanted, "Look.", **sizes)
    assert str(raised.value) == message


def test_close_says_the_same_of_shapes():
    with pytest.raises(checks.Wrong, match="in another order: transposed"):
        checks.close(torch.zeros(3, 2), torch.zeros(2, 3))


# ---- pictures


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show, in place of showing it."""
    from dlcourse import plotting

    kept = []
    monkeypatch.setattr(checks.runtime, "has_front_end", lambda: True)
    monkeypatch.setattr(plotting, "show_images", lambda images, titles: kept.append((images, titles)))
    return kept


@pytest.mark.parametrize(("C", "H", "W"), [(1, 4, 5), (3, 6, 4)])
def test_a_picture_shows_yours_awaited_and_the_difference(shown, C, H, W):
    wanted = torch.rand(C, H, W) * 255
    found = wanted.clone()
    found[:, 1, 2] += 100
    with pytest.raises(checks.Wrong, match="values differ"):
        checks.close(found, wanted, picture=True)
    [((yours, awaited, difference), titles)] = shown
    assert titles == ["yours", "awaited", "difference"]
    assert yours.shape == awaited.shape == (C, H, W)
    assert 0 <= min(yours.min(), awaited.min()) <= max(yours.max(), awaited.max()) <= 1  # one scale for both
    assert difference.shape == (H, W)
    assert difference.argmax() == W + 2
    assert difference.max() == 1


def test_no_picture_where_nobody_asked_where_it_is_right_or_where_nobody_looks(shown, monkeypatch):
    a, b = torch.zeros(4, 4), torch.ones(4, 4)
    with pytest.raises(checks.Wrong):
        checks.close(a, b)
    checks.close(a, a, picture=True)
    monkeypatch.setattr(checks.runtime, "has_front_end", lambda: False)
    with pytest.raises(checks.Wrong):
        checks.close(a, b, picture=True)
    assert shown == []


def test_a_picture_that_cannot_be_drawn_leaves_the_message(monkeypatch, capfd):
    monkeypatch.setattr(checks.runtime, "has_front_end", lambda: True)
    with pytest.raises(checks.Wrong, match="2 of 2 values differ"):
        checks.close(torch.zeros(2), torch.ones(2), picture=True)
    assert capfd.readouterr() == ("", "")


# ---- budgets


def test_parameters_within_the_budget_pass_and_frozen_or_shared_ones_are_free():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))  # 20 and 20
    assert checks.parameters(model, 40)
    model[1].weight = model[0].weight
    assert checks.parameters(model, 24)
    model[0].bias.requires_grad_(False)
    assert checks.parameters(model, 20)


def test_too_many_parameters_are_counted_and_the_largest_layer_is_named():
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
    with pytest.raises(checks.Wrong) as raised:
        checks.parameters(model, 100_000, "Narrow it.")
    assert str(raised.value) == (
        "at most 100,000 parameters to train are allowed; yours has 407,050: 401,408 of them are 0.weight, (512, 784). Narrow it."
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, r"yours is None: did you forget to `return` it\?$"),
        (nn.Linear, r"yours is the class Linear: make one, Linear\(...\)\.$"),
        (3, r"yours is a int\.$"),
    ],
)
def test_what_is_no_model_has_no_parameters(model, message):
    with pytest.raises(checks.Wrong, match="a model, an nn.Module, should come; " + message):
        checks.parameters(model, 10)


class Clocks:
    """The two clocks of `seconds`: reading 0 at its start, then what is given."""

    def __init__(self, monkeypatch, clock, processor):
        for name, seconds in (("monotonic", clock), ("process_time", processor)):
            monkeypatch.setattr(checks.time, name, iter([0.0, seconds]).__next__)


def test_too_many_seconds_are_said(monkeypatch):
    Clocks(monkeypatch, 5.0, 3.217)
    with pytest.raises(checks.Wrong) as raised, checks.seconds(2, "A loop over pixels?"):
        pass
    assert str(raised.value) == "at most 2 seconds are allowed; yours took 3.22. A loop over pixels?"


@pytest.mark.parametrize(("clock", "processor"), [(9.0, 1.0), (1.0, 9.0)])
def test_a_busy_machine_and_many_cores_cost_nothing(monkeypatch, clock, processor):
    Clocks(monkeypatch, clock, processor)
    with checks.seconds(2):
        pass


def test_while_grading_the_clock_counts_and_three_times_as_much_is_allowed(monkeypatch):
    monkeypatch.setenv("DLCOURSE_GRADING", "1")
    Clocks(monkeypatch, 5.9, 0.0)
    with checks.seconds(2):
        pass
    Clocks(monkeypatch, 6.1, 0.0)
    with pytest.raises(checks.Wrong, match=r"at most 6 seconds are allowed; yours took 6\.1"), checks.seconds(2):
        pass


def test_seconds_are_really_measured_and_an_error_inside_is_not_hidden():
    with pytest.raises(checks.Wrong, match="yours took"), checks.seconds(0.01):
        sum(range(3_000_000))
    with pytest.raises(KeyError), checks.seconds(0):
        {}["x"]


# ---- trained, not memorised


class Split:
    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs, labels


def three_kinds(count, seed):
    """Points (N, 2) round three centres that lie well apart."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=random)
    centres = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    return Split(centres[labels] + torch.randn(count, 2, generator=random), labels)


EXAMPLES, UNSEEN = three_kinds(120, 1), three_kinds(60, 2)


def nearest(inputs, labels):
    return lambda new: labels[torch.cdist(new, inputs).argmin(1)]


def network(inputs, labels):
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
    descent = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        descent.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        descent.step()
    return model


@pytest.mark.parametrize("train", [nearest, network])
@pytest.mark.parametrize("count", [30, 60])
def test_honest_training_passes(train, count, capfd):
    assert checks.trained(train, EXAMPLES, three_kinds(count, 3), 0.9) is True
    assert capfd.readouterr() == ("", "")


def test_an_honest_model_passes_with_every_seed_where_shuffled_labels_would_accuse_it():
    two = Split(*(x[EXAMPLES.labels < 2] for x in (EXAMPLES.inputs, EXAMPLES.labels)))
    new = Split(*(x[UNSEEN.labels < 2] for x in (UNSEEN.inputs, UNSEEN.labels)))

    def centres(inputs, labels):
        middle = torch.stack([inputs[labels == k].mean(0) for k in range(2)])
        return lambda points: -torch.cdist(points, middle)

    shuffled = []
    for seed in range(20):
        assert checks.trained(centres, two, new, 0.9, seed=seed)
        order = torch.randperm(len(two.labels), generator=torch.Generator().manual_seed(seed))
        shuffled.append(checks._accuracy(centres(two.inputs, two.labels[order]), new, ""))
    assert max(shuffled) > 0.9


def test_wrong_labels_are_all_wrong_and_of_all_other_classes():
    labels = torch.tensor([2, 5, 9]).repeat(50)
    wrong = checks._wrong_labels(labels, 0)
    assert (wrong != labels).all()
    assert {(a, b) for a, b in zip(labels.tolist(), wrong.tolist(), strict=True)} == {(2, 5), (2, 9), (5, 2), (5, 9), (9, 2), (9, 5)}  # fmt: skip
    assert torch.equal(wrong, checks._wrong_labels(labels, 0))


def looks_up(inputs, labels):
    return lambda new: UNSEEN.labels


def ignores_its_arguments(inputs, labels):
    return nearest(EXAMPLES.inputs, EXAMPLES.labels)


def trains_on_the_test_too(inputs, labels):
    return nearest(torch.cat([inputs, UNSEEN.inputs]), torch.cat([labels, UNSEEN.labels]))


@pytest.mark.parametrize("train", [looks_up, ignores_its_arguments, trains_on_the_test_too])
def test_a_leak_is_found_and_named(train):
    with pytest.raises(checks.Wrong) as raised:
        checks.trained(train, EXAMPLES, UNSEEN, 0.9, "See section 3.")
    said = str(raised.value)
    assert said.startswith("trained on wrong labels, yours gets ")
    assert "of the new examples right, guessing 40.0%. So it knows them from elsewhere: " in said
    assert said.endswith("from no variable of another cell, never from the test's labels. See section 3.")


def test_what_is_learned_by_heart_and_what_is_not_learned_are_told_apart():
    def by_heart(inputs, labels):
        return lambda new: torch.where((new[:, None] == inputs).all(2).any(1), nearest(inputs, labels)(new), 0)

    with pytest.raises(checks.Wrong) as raised:
        checks.trained(by_heart, EXAMPLES, UNSEEN, 0.9)
    assert str(raised.value).startswith("90.0% of 60 new examples should be right; yours gets ")
    assert str(raised.value).endswith(
        "of the examples it was trained on it gets 100.0%: it learned these by heart and no rule."
    )
    with pytest.raises(checks.Wrong, match=r"trained on it gets .*: is it trained for long enough\?$"):
        checks.trained(lambda inputs, labels: lambda new: torch.zeros(len(new)), EXAMPLES, UNSEEN, 0.9)


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (None, r"training should return a model or a function; yours returns None: did you forget to `return` it\?"),
        (0.97, "yours returns a float"),
        (lambda new: None, "yours is None"),
        (lambda new: torch.zeros(3), r"the shape should be \(N,\), here \(60,\); yours is \(3,\)"),
        (
            lambda new: torch.full((len(new), 3), torch.nan),
            "your scores are nan or infinite: is the learning rate too large",
        ),
    ],
)
def test_a_prediction_of_the_wrong_form_is_said(predict, message):
    with pytest.raises(checks.Wrong, match=message):
        checks.trained(lambda inputs, labels: predict, EXAMPLES, UNSEEN, 0.9)


def test_both_trainings_start_from_the_same_seed_and_the_examples_stay_as_they_were():
    drawn = []

    def vandal(inputs, labels):
        drawn.append((torch.rand(1).item(), np.random.rand()))
        predict = nearest(inputs.clone(), labels.clone())
        inputs.zero_(), labels.zero_()
        return predict

    kept = EXAMPLES.inputs.clone(), EXAMPLES.labels.clone()
    assert checks.trained(vandal, EXAMPLES, UNSEEN, 0.9, seed=5)
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]
    assert torch.equal(EXAMPLES.inputs, kept[0])
    assert torch.equal(EXAMPLES.labels, kept[1])


def test_inputs_may_be_words():
    words = Split(("a", "b") * 10, torch.tensor([0, 1] * 10))
    assert checks.trained(lambda x, y: lambda new: [int(y[x.index(w)]) for w in new], words, words, 1.0)


def test_nothing_to_train_or_measure_on_is_the_authors_error():
    for examples, unseen in ((Split(torch.ones(4, 2), torch.ones(4)), UNSEEN), (EXAMPLES, Split(torch.ones(0, 2), torch.ones(0)))):  # fmt: skip
        with pytest.raises(ValueError, match="trained: pass examples of at least 2 classes, and unseen ones"):
            checks.trained(nearest, examples, unseen, 0.9)


def test_all_of_it_works_through_the_graders_proxies():
    """The student's names at one end of a wire, the checks at the other; tests/staff grades with real processes."""
    from dlcourse.staff import wire

    def spoilt(inputs, labels):
        return lambda new: UNSEEN.labels

    space = {"network": network, "spoilt": spoilt, "make": lambda: nn.Linear(4, 3)}
    box, judge = wire.Peer(None, is_judge=False), wire.Peer(None, is_judge=True)
    judge.classes, box.names = set(), lambda item, name: space[name]
    judge.exchange = lambda head, blob: box.serve(box.parse(head), blob)
    box.exchange = lambda head, blob: judge.serve(judge.parse(head), blob)
    far = {name: judge.request("name", "test", name) for name in space}
    assert checks.trained(far["network"], EXAMPLES, UNSEEN, 0.9)
    with pytest.raises(checks.Wrong, match=r"trained on wrong labels, yours gets 100\.0%"):
        checks.trained(far["spoilt"], EXAMPLES, UNSEEN, 0.9)
    assert checks.parameters(far["make"](), 15)
    with pytest.raises(checks.Wrong, match=r"12 of them are weight, \(3, 4\)"):
        checks.parameters(far["make"](), 14)
    assert checks.shape(far["make"]()(torch.zeros(2, 4)), ("B", "K"), B=2, K=3)
