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
