"""`fit` and `evaluate`: the loop is the plain one, whatever is switched on; a run that stopped goes on bit for bit."""

import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dlcourse import data, models, runtime, training, transforms
from dlcourse.data import Split


@pytest.fixture(autouse=True)
def one_thread_and_no_assignment(monkeypatch):
    monkeypatch.setattr(runtime.session, "assignment", "a test")  # a started assignment computes in float32
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def two_heaps(n=60, role="train"):
    """Two well-separated heaps of points."""
    labels = torch.arange(n) % 2
    points = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) * 0.3
    return Split(points + (4 * labels - 2)[:, None], labels, role)


def pictures(n=40, size=8, classes=3, channels=1):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, channels, size, size), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(n) % classes, "train")


def line():
    torch.manual_seed(0)
    return nn.Linear(2, 2)


def noisy_net():
    """Dropout and batch norm: a run repeats only if their state does, too."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.state_dict().values()])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", lambda p: torch.optim.RMSprop(p, lr=0.05)])
def test_fit_learns_what_is_easy(optimizer):
    heaps = two_heaps()
    history = training.fit(line(), heaps, heaps, epochs=8, batch_size=16, lr=0.1, optimizer=optimizer, quiet=True)
    assert history.test_accuracy[-1] == 1
    assert history.loss[-1] < history.loss[0]
    assert len(history.loss) == len(history.accuracy) == len(history.test_loss) == len(history.lr) == 8
    assert history.seconds > 0


def test_one_step_is_the_plain_gradient_step():
    heaps, model, reference = two_heaps(), line(), line()
    training.fit(model, heaps, epochs=1, batch_size=60, lr=0.5, quiet=True)
    F.cross_entropy(reference(heaps.inputs), heaps.labels).backward()
    assert torch.allclose(model.weight, reference.weight - 0.5 * reference.weight.grad, atol=1e-6)


def test_fit_is_the_loop_that_a_student_would_write():
    digits = data.load("digits").train.take(torch.arange(300))
    torch.manual_seed(0)
    ours, theirs = models.MLP(64, 16, 10), models.MLP(64, 16, 10)
    theirs.load_state_dict(ours.state_dict())
    training.fit(ours, digits, epochs=2, batch_size=32, lr=0.1, momentum=0.9, weight_decay=0.01, seed=5, quiet=True)
    opt = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    order = torch.Generator().manual_seed(5)
    for _ in range(2):
        for batch in torch.randperm(300, generator=order).split(32):
            loss = F.cross_entropy(theirs(digits.inputs[batch] / 255), digits.labels[batch])
            opt.zero_grad()
            loss.backward()
            opt.step()
    assert torch.allclose(weights(ours), weights(theirs), atol=1e-6)


def test_the_same_seed_gives_the_same_model_and_another_does_not():
    heaps, nets = two_heaps(), [line(), line(), line()]
    for model, seed in zip(nets, (1, 1, 2), strict=True):
        training.fit(model, heaps, epochs=2, batch_size=7, lr=0.1, seed=seed, quiet=True)
    assert torch.equal(nets[0].weight, nets[1].weight)
    assert not torch.equal(nets[0].weight, nets[2].weight)


def test_a_short_last_batch_counts_by_its_examples():
    logits = torch.eye(2)[torch.tensor([0, 0, 0, 0, 1, 1])] * 5
    split = Split(logits, torch.tensor([0, 0, 0, 1, 1, 0]))
    assert training.evaluate(nn.Identity(), split, batch_size=4).accuracy == pytest.approx(4 / 6)  # not (3/4 + 1/2) / 2


@pytest.mark.parametrize("mode", [True, False])
def test_evaluate_leaves_the_mode_and_takes_no_gradient(mode):
    model = nn.Sequential(nn.Dropout(0.5), line()).train(mode)
    split = two_heaps()
    assert training.evaluate(model, split) == training.evaluate(model, split)  # no dropout
    assert model.training is mode
    assert model[1].weight.grad is None


def test_fit_prints_to_stdout_only_and_quiet_prints_nothing(capfd):
    training.fit(line(), two_heaps(), two_heaps(role="test"), epochs=3, batch_size=16, lr=0.1)
    told = capfd.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[0].startswith("epoch   1/3  loss ")
    assert ", test " in told.out
    training.fit(line(), two_heaps(), two_heaps(role="valid"), epochs=1, batch_size=16, lr=0.1)
    assert ", valid " in capfd.readouterr().out
    training.fit(line(), two_heaps(), epochs=1, batch_size=16, lr=0.1, quiet=True)
    assert capfd.readouterr() == ("", "")


def test_a_long_epoch_says_how_it_goes(monkeypatch, capsys):
    clock = iter(range(0, 1000, 6))
    monkeypatch.setattr(training.time, "monotonic", lambda: next(clock))
    training.fit(line(), two_heaps(), epochs=1, batch_size=16, lr=0.1)
    assert " so far" in capsys.readouterr().out


# ---- shapes and labels of every kind


@pytest.mark.parametrize(("b", "k", "t"), [(2, 3, 4), (5, 7, 6)])
def test_cross_entropy_takes_scores_of_classes_of_tokens_and_of_masks(b, k, t):
    generator = torch.Generator().manual_seed(b)
    shapes = [((b, k), (b,)), ((b, t, k), (b, t)), ((b, k, t, t + 1), (b, t, t + 1))]
    for scores, labels in shapes:
        scores = torch.randn(scores, generator=generator)
        labels = torch.randint(1, k, labels, generator=generator)
        classes_last = scores.movedim(1, -1) if scores.dim() == 4 else scores
        right = classes_last.log_softmax(-1).gather(-1, labels.unsqueeze(-1))
        assert training.cross_entropy(scores, labels) == pytest.approx(-float(right.mean()), rel=1e-5)
    scores, shares = torch.randn(b, k, generator=generator), torch.rand(b, k, generator=generator).softmax(1)
    expected = -(shares * scores.log_softmax(1)).sum(1).mean()
    assert training.cross_entropy(scores, shares) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("length", [5, 9])
def test_cross_entropy_of_tokens_does_not_count_the_filling(length):
    generator = torch.Generator().manual_seed(0)
    scores, labels = (
        torch.randn(3, length, 7, generator=generator),
        torch.randint(1, 7, (3, length), generator=generator),
    )
    labels[0, 2:] = 0
    expected = F.cross_entropy(scores[labels > 0], labels[labels > 0])
    assert training.cross_entropy(scores, labels) == pytest.approx(float(expected))


def test_accuracy_of_tokens_does_not_count_the_filling():
    labels = torch.tensor([[1, 2, 0, 0], [2, 0, 0, 0]])
    scores = F.one_hot(torch.tensor([[1, 1, 0, 0], [2, 0, 0, 0]]), 3).float() * 9
    assert training.evaluate(nn.Identity(), Split(scores, labels)).accuracy == pytest.approx(2 / 3)


def test_a_language_model_is_trained_like_everything_else():
    tokens = torch.tensor([[1, 2, 3, 4, 1, 2, 3, 4]] * 20)
    windows = Split(tokens[:, :-1], tokens[:, 1:], "train")
    torch.manual_seed(0)
    model = models.RecurrentLM(5, width=16)
    history = training.fit(model, windows, epochs=60, batch_size=10, lr=0.02, optimizer="adam", clip=1.0, quiet=True)
    assert history.accuracy[-1] == 1


def test_a_tuple_of_inputs_becomes_the_arguments_of_the_model():
    torch.manual_seed(0)
    source = torch.randint(3, 9, (30, 6))
    target = torch.cat([torch.ones(30, 1, dtype=torch.int64), source], 1)
    lengths = torch.stack([torch.full((30,), 6), torch.full((30,), 7)], 1)
    copies = Split((source, target), torch.cat([source, torch.full((30, 1), 2)], 1), "train", lengths)
    model = models.Seq2Seq(9, 9, width=16)
    history = training.fit(model, copies, epochs=3, batch_size=8, lr=0.02, optimizer="adam", quiet=True)
    assert history.loss[-1] < history.loss[0]
    assert training.evaluate(model, copies).loss == pytest.approx(
        training.evaluate(model, copies, batch_size=7).loss, abs=1e-5
    )


def test_masks_are_counted_by_their_pixels():
    images, masks = pictures(12).inputs, (pictures(12).inputs[:, 0] > 127).long()
    history = training.fit(
        nn.Conv2d(1, 2, 1), Split(images, masks, "train"), epochs=30, batch_size=4, lr=5.0, quiet=True
    )
    assert history.accuracy[-1] > 0.9


def test_numbers_are_learned_with_a_loss_of_theirs_and_have_no_accuracy(capsys):
    points = two_heaps().inputs
    split = Split(points, points @ torch.tensor([[1.0], [2.0]]), "train")
    history = training.fit(nn.Linear(2, 1), split, split, epochs=90, batch_size=20, lr=0.1, loss=F.mse_loss)
    assert history.test_loss[-1] < 1e-3
    assert math.isnan(history.accuracy[-1])
    assert "nan" not in capsys.readouterr().out


def test_bytes_become_0_to_1_exactly_as_torchvision_has_them():
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(training.as_float(every), every.float() / 255)
    assert torch.equal(training.as_float(torch.tensor([1, 300])), torch.tensor([1, 300]))


# ---- what can be switched on


def test_cosine_and_one_cycle_move_the_rate_as_torch_does():
    rates = {}
    for schedule in ("cosine", "one_cycle", lambda opt, steps: torch.optim.lr_scheduler.ExponentialLR(opt, 0.5)):
        history = training.fit(line(), two_heaps(), epochs=4, batch_size=60, lr=0.1, schedule=schedule, quiet=True)
        rates[schedule if isinstance(schedule, str) else "half"] = history.lr
    assert rates["cosine"][1] == pytest.approx(0.05)
    assert rates["cosine"][-1] == pytest.approx(0, abs=1e-12)
    assert max(rates["one_cycle"]) == pytest.approx(0.1, rel=0.2)
    assert rates["one_cycle"][-1] < 0.01
    assert rates["half"] == pytest.approx([0.05, 0.025, 0.0125, 0.00625])


def test_clip_shortens_the_gradient_to_its_length_and_lets_shorter_ones_be():
    heaps, start = two_heaps(), line()
    lengths = {}
    for clip in (None, 1e-3, 1e3):
        model = line()
        training.fit(model, heaps, epochs=1, batch_size=60, lr=1.0, clip=clip, quiet=True)
        lengths[clip] = float((weights(model) - weights(start)).norm())
    assert lengths[1e-3] == pytest.approx(1e-3, rel=1e-3)
    assert lengths[1e3] == pytest.approx(lengths[None], rel=1e-5)
    assert lengths[None] > 0.1


def test_parameters_may_have_rates_of_their_own_and_frozen_ones_stay():
    model = noisy_net()
    model[0].weight.requires_grad_(False)
    before = [model[0].weight.clone(), model[4].weight.clone()]
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[4].parameters(), "lr": 1e-3}]
    training.fit(model, two_heaps(), epochs=1, batch_size=60, lr=9.0, parameters=groups, quiet=True)
    assert torch.equal(model[0].weight, before[0])
    step = (model[4].weight - before[1]).abs().max()
    assert 0 < step < 1e-2  # its own rate, not 9


def test_augment_gets_the_training_batches_and_never_the_test(monkeypatch):
    seen = []

    def augment(batch, index, generator):
        seen.append((batch.role, len(batch)))
        return transforms.Augment(crop=1, flip=0.5)(batch, index, generator)

    split = pictures()
    valid = Split(split.inputs, split.labels, "test")
    training.fit(models.SmallCNN(1, 3, 4), split, valid, epochs=2, batch_size=16, lr=0.1, augment=augment, quiet=True)
    assert seen == [("train", 16), ("train", 16), ("train", 8)] * 2


def test_mixup_is_learned_with_shares_of_classes():
    augment = transforms.Augment(mixup=0.4, classes=2)
    split = pictures(60, classes=2)
    split.inputs[split.labels == 1] = 255 - split.inputs[split.labels == 1] // 8
    split.inputs[split.labels == 0] //= 8
    torch.manual_seed(0)
    model = models.MLP(64, 16, 2)
    history = training.fit(model, split, split, epochs=5, batch_size=20, lr=0.1, augment=augment, quiet=True)
    assert history.test_accuracy[-1] == 1
    assert 0.5 < history.accuracy[-1] <= 1


def test_balanced_shows_a_rare_class_as_often_as_the_others():
    split = two_heaps(200)
    rare = split.take(torch.cat([torch.arange(0, 200, 2), torch.tensor([1, 3])]))  # 100 of one, 2 of the other
    seen = []

    def count(batch, index, generator):
        seen.extend(batch.labels.tolist())
        return batch.inputs, batch.labels

    training.fit(line(), rare, epochs=20, batch_size=16, lr=0.1, balanced=True, augment=count, quiet=True)
    assert sum(seen) / len(seen) == pytest.approx(0.5, abs=0.05)


def test_patience_stops_and_goes_back_to_the_best_epoch():
    heaps = two_heaps()
    valid = Split(heaps.inputs[:10], 1 - heaps.labels[:10], "valid")  # turned round: it only gets worse
    model = line()
    history = training.fit(model, heaps, valid, epochs=50, batch_size=20, lr=0.05, patience=3, quiet=True)
    assert (len(history.loss), history.best) == (4, 1)
    assert training.evaluate(model, valid).loss == pytest.approx(history.test_loss[0])


def test_patience_does_not_look_at_the_test_split():
    with pytest.raises(ValueError, match=r"patience looks at the second split .* cannot be the test split"):
        training.fit(line(), two_heaps(), two_heaps(role="test"), epochs=2, batch_size=8, lr=0.1, patience=1)
    with pytest.raises(ValueError, match="cannot be the test split"):
        training.fit(line(), two_heaps(), epochs=2, batch_size=8, lr=0.1, patience=1)


def test_images_are_laid_out_for_convolutions_and_the_model_comes_back_as_it_was():
    layouts = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.score = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            layouts.append(x.is_contiguous(memory_format=torch.channels_last))
            return self.score(self.conv(x).mean((2, 3)))

    model = Spy().eval()
    same = model.conv.weight
    training.fit(model, pictures(channels=3), epochs=1, batch_size=16, lr=0.1, quiet=True)
    assert all(layouts)
    assert model.conv.weight is same
    assert model.conv.weight.is_contiguous()
    assert not model.training


def test_on_a_cpu_bfloat16_is_for_convolutions_where_the_hardware_has_it_and_for_no_assignment(monkeypatch):
    seen = []

    class Spy(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            x = self.layer(x)
            seen.append(x.dtype)
            return x.flatten(1)[:, :3]

    def used(layer, has, started, **options):
        monkeypatch.setattr(runtime, "_has_bfloat16", lambda device: has)
        monkeypatch.setattr(runtime.session, "assignment", started)
        seen.clear()
        training.fit(Spy(layer), pictures(8), epochs=1, batch_size=8, lr=0.1, device="cpu", quiet=True, **options)
        return seen[0]

    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    assert used(nn.Conv2d(1, 3, 3), True, "") == torch.bfloat16
    assert used(nn.Conv2d(1, 3, 3), False, "") == torch.float32
    assert used(nn.Conv2d(1, 3, 3), True, "lab07_convolution") == torch.float32
    assert used(linear, True, "") == torch.float32
    assert used(linear, False, "hw1", precision="bfloat16") == torch.bfloat16


def test_deterministic_is_switched_back():
    training.fit(line(), two_heaps(), epochs=1, batch_size=16, lr=0.1, deterministic=True, quiet=True)
    assert not torch.are_deterministic_algorithms_enabled()


def test_live_curves_are_drawn_where_somebody_looks(monkeypatch):
    from dlcourse import plotting

    drawn = []
    monkeypatch.setattr(
        plotting, "live_curves", lambda **_: lambda curves, last=False: drawn.append((set(curves), last))
    )
    training.fit(line(), two_heaps(), two_heaps(role="test"), epochs=3, batch_size=16, lr=0.1, live=True)
    assert drawn == [({"train", "test"}, False)] * 3 + [({"train", "test"}, True)]


# ---- checkpoints


def run(model, epochs, path, **options):
    options = {"optimizer": "adamw", "schedule": None, "batch_size": 7, "lr": 0.01, "quiet": True} | options
    return training.fit(model, two_heaps(), two_heaps(role="valid"), epochs=epochs, checkpoint=path, **options)


@pytest.mark.parametrize("schedule", [None, "cosine"])
def test_a_run_that_was_interrupted_goes_on_bit_for_bit(tmp_path, schedule):
    whole, options = noisy_net(), {"schedule": schedule, "patience": 9}
    expected = run(whole, 6, None, **options)
    calls = []

    def stop(scores, labels):
        calls.append(1)
        if len(calls) == 30:  # in the fourth epoch
            raise KeyboardInterrupt
        return F.cross_entropy(scores, labels)

    with pytest.raises(KeyboardInterrupt):
        run(noisy_net(), 6, tmp_path / "run.pt", loss=stop, **options)
    torch.manual_seed(99)
    resumed = nn.Sequential(*noisy_net())
    for p in resumed.parameters():
        nn.init.normal_(p)  # whatever a new kernel begins with
    history = run(resumed, 6, tmp_path / "run.pt", **options)
    assert torch.equal(weights(resumed), weights(whole))
    assert (history.loss, history.test_loss, history.lr) == (expected.loss, expected.test_loss, expected.lr)


def test_a_finished_run_is_not_trained_again(tmp_path):
    model = noisy_net()
    first = run(model, 2, tmp_path / "run.pt")
    again = noisy_net()
    assert run(again, 2, tmp_path / "run.pt").loss == first.loss
    assert torch.equal(weights(again), weights(model))
    assert len(run(again, 3, tmp_path / "run.pt").loss) == 3  # one epoch more


def test_a_run_killed_while_it_writes_leaves_the_checkpoint_before(tmp_path):
    run(noisy_net(), 1, tmp_path / "run.pt")
    code = f"""
import os, sys, torch
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from tests.test_training import noisy_net, run
save = torch.save
def half(state, file):
    save(state, file); file.flush(); file.truncate(500); os.kill(os.getpid(), 9)
torch.save = half
run(noisy_net(), 3, {str(tmp_path / "run.pt")!r})
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == -9
    assert len(run(noisy_net(), 2, tmp_path / "run.pt").loss) == 2


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no checkpoint at all"])
def test_a_damaged_checkpoint_is_named_and_left_alone(tmp_path, damage):
    path = tmp_path / "run.pt"
    run(noisy_net(), 1, path)
    path.write_bytes(broken := damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"run\.pt cannot be read .*damaged or no checkpoint of fit: move it away"):
        run(noisy_net(), 2, path)
    assert path.read_bytes() == broken


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    run(noisy_net(), 1, tmp_path / "run.pt")
    with pytest.raises(
        ValueError, match=r"run\.pt is of a run with batch_size=7, this one has 8: pass what that run had"
    ):
        run(noisy_net(), 2, tmp_path / "run.pt", batch_size=8)
    torch.manual_seed(0)
    with pytest.raises(
        ValueError, match=r"run\.pt does not fit this model: Error\(s\) in loading state_dict for Linear"
    ):
        run(line(), 2, tmp_path / "run.pt")
    torch.save({"my": 1}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt cannot be read"):
        run(noisy_net(), 2, tmp_path / "other.pt")


def test_a_full_disk_is_said_and_the_last_checkpoint_kept(tmp_path):
    run(noisy_net(), 1, tmp_path / "run.pt")
    before = (tmp_path / "run.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # no file may grow beyond it: like a disk that is full
    try:
        with pytest.raises(OSError, match=r"run\.pt cannot be written: .*The one of the epoch before is kept"):
            run(noisy_net(), 2, tmp_path / "run.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "run.pt").read_bytes() == before
    assert os.listdir(tmp_path) == ["run.pt"]


# ---- several processes

TOGETHER = """
import json, os, sys, torch
sys.path.insert(0, {root!r})
from tests.test_training import line, two_heaps
from dlcourse import models, runtime, training
torch.set_num_threads(1)
torch.manual_seed(0)
model = models.MLP(2, 16, 2)
history = training.fit(model, two_heaps(61), two_heaps(31, "test"), epochs=3, batch_size=12, lr=0.1, momentum=0.9,
                       clip=1.0, device="cpu", precision="float32", checkpoint={checkpoint!r})
if runtime.rank() == 0:
    weights = [p.tolist() for p in model.parameters()]
    print(json.dumps([history.loss, history.accuracy, history.test_loss, history.test_accuracy, weights]))
"""


@pytest.mark.slow
def test_two_processes_under_torchrun_train_the_same_model_as_one(tmp_path):
    def result(command, name):
        code = tmp_path / f"{name}.py"
        code.write_text(TOGETHER.format(root=str(Path(__file__).parents[1]), checkpoint=str(tmp_path / f"{name}.pt")))
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, *command, str(code)], capture_output=True, text=True, env=env, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("epoch   3/3") == 1  # one process speaks
        return json.loads(done.stdout.splitlines()[-1])

    one = result([], "one")
    two = result(["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"], "two")
    for ours, theirs in zip(one, two, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert torch.allclose(torch.tensor(a), torch.tensor(b), atol=1e-6)


def test_a_compiled_model_trains_the_same(monkeypatch):
    real, losses = torch.compile, []
    monkeypatch.setattr(torch, "compile", lambda model: real(model, backend="eager"))  # the C++ compiler takes a minute
    for compile in (False, True):
        torch.manual_seed(0)
        model = models.MLP(2, 8, 2)
        losses.append(
            training.fit(model, two_heaps(), epochs=2, batch_size=20, lr=0.1, compile=compile, quiet=True).loss
        )
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


# ---- what is refused


def test_an_empty_split_is_refused():
    empty = two_heaps().take(torch.tensor([], dtype=torch.int64))
    with pytest.raises(ValueError, match="fit: the training split has 0 examples: is a mask or a slice empty"):
        training.fit(line(), empty, epochs=1, batch_size=4, lr=0.1)
    with pytest.raises(ValueError, match="evaluate: the split has 0 examples"):
        training.evaluate(line(), empty)


def test_a_loss_that_is_no_number_stops_the_training_with_advice():
    with pytest.raises(ValueError, match=r"fit: the loss is (nan|inf) in epoch \d: try an lr below 1e\+30, or clip=1"):
        training.fit(noisy_net(), two_heaps(), epochs=9, batch_size=4, lr=1e30, quiet=True)


@pytest.mark.parametrize(("label", "range"), [(2, "0 to 2"), (-1, "-1 to 1")])
def test_a_label_without_a_score_is_refused(label, range):
    heaps = two_heaps()
    heaps.labels[3] = label
    with pytest.raises(ValueError, match=f"fit: labels run from {range}, the model has 2 scores: pass 0 to 1"):
        training.fit(line(), heaps, epochs=1, batch_size=60, lr=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adagrod"}, 'there is no optimizer \'adagrod\': choose "sgd", "adam" or "adamw"'),
        ({"schedule": "cosin"}, 'there is no schedule \'cosin\': choose "cosine" or "one_cycle"'),
        ({"precision": "float8"}, 'there is no precision \'float8\': choose "float32" or "bfloat16"'),
        ({"batch_size": 0}, "batch_size is 0: pass 1 or more"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(options, message):
    with pytest.raises(ValueError, match=message):
        training.fit(line(), two_heaps(), **({"epochs": 1, "batch_size": 4, "lr": 0.1} | options))


def test_a_model_without_parameters_to_train_is_refused():
    with pytest.raises(ValueError, match="no parameter to train: are all of them frozen"):
        training.fit(line().requires_grad_(False), two_heaps(), epochs=1, batch_size=4, lr=0.1)


def test_inputs_and_labels_must_be_as_many():
    heaps = two_heaps()
    with pytest.raises(ValueError, match="fit: 59 inputs, but 60 labels: pass one for each"):
        training.fit(line(), Split(heaps.inputs[:-1], heaps.labels), epochs=1, batch_size=4, lr=0.1)


def test_texts_are_sent_to_be_made_tokens():
    with pytest.raises(ValueError, match=r"not all tensors: texts become tokens with text\.tokens"):
        training.fit(line(), Split(("a", "b"), torch.tensor([0, 1])), epochs=1, batch_size=1, lr=0.1)


def test_a_narrow_strided_one_by_one_convolution_damages_no_memory():
    """torch 2.14 writes beyond its memory there with channels_last on a CPU; the allocator is told to look."""
    code = (
        "import torch\nfrom torch import nn\nfrom dlcourse import training\nfrom dlcourse.data import Split\n"
        "layers = nn.Conv2d(4, 8, 1, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)\n"
        "train = Split(torch.rand(128, 4, 28, 28), torch.arange(128) % 2, 'train')\n"
        "model = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), *layers)\n"
        "training.fit(model, train, epochs=10, batch_size=32, lr=0.01, quiet=True)\nprint('trained')\n"
    )
    environment = {**os.environ, "MALLOC_CHECK_": "3", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "trained\n", done.stderr
