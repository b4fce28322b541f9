"""How fast `training.fit` is: samples a second beside the floor, a student's loop, fastai, Lightning and skorch.

    python benchmarks/training.py [--rounds R] [--models mlp,cnn] [--device cpu|cuda]

Floor: forward, backward and step on one fixed batch of float32, with the same optimizer and nothing else: no loop on
real data can be faster at the same precision. Every number is the difference of a run of 3 epochs and one of 1, so that
starting up counts for nobody. All loops take turns in each round; shown are medians, and medians of a round's ratios.
On the CPU the clock is the processor time of this process, on one thread; what DataLoader workers spend is not in it.
On CUDA it is wall clock. Peers get ready float tensors, which flatters them: the student's loop reads PIL images.
Peers that are not installed (pip install fastai lightning skorch) are left out.
"""

import argparse
import importlib.util
import logging
import os
import statistics
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from dlcourse import data, models, runtime, training

BATCH, LR = 128, 1e-3


class Case:
    """A model and data of the shape that it is made for."""

    def __init__(self, name, model, split, classes):
        self.name, self.model, self.split, self.classes = name, model, split, classes
        self.is_image = split.inputs.dim() == 4

    def fresh(self):
        torch.manual_seed(0)
        return self.model()


def random_split(shape, classes, count):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)
    return data.Split(images, torch.randint(classes, (count,), generator=generator), "train")


def names_split(count, vocabulary=60, classes=18):
    """Lengths as of names of countries in many languages: mostly 5 to 12 characters, a few of 30."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.exp(2.1 + 0.45 * torch.randn(count, generator=generator)).long().clamp(2, 45)
    tokens = torch.randint(1, vocabulary, (count, int(lengths.max())), generator=generator)
    tokens[torch.arange(tokens.shape[1]) >= lengths[:, None]] = 0
    return data.Split(tokens, torch.randint(classes, (count,), generator=generator), "train", lengths)


def windows_split(count, length=64, vocabulary=80):
    tokens = torch.randint(1, vocabulary, (count, length + 1), generator=torch.Generator().manual_seed(0))
    return data.Split(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), "train")


def cases(scale):
    def mlp(size):
        return lambda: models.MLP(size, 256, 128, 10)

    return [
        Case("MLP, 28 x 28 grey", mlp(784), random_split((1, 28, 28), 10, int(25_600 * scale)), 10),
        Case("MLP, 32 x 32 colour", mlp(3072), random_split((3, 32, 32), 10, int(12_800 * scale)), 10),
        Case(
            "CNN, 28 x 28 grey", lambda: models.SmallCNN(1, 10), random_split((1, 28, 28), 10, int(3_840 * scale)), 10
        ),
        Case(
            "CNN, 32 x 32 colour", lambda: models.SmallCNN(3, 10), random_split((3, 32, 32), 10, int(2_560 * scale)), 10
        ),
        Case(
            "LSTM classifier",
            lambda: models.RecurrentClassifier(60, 18, 128, "lstm"),
            names_split(int(3_840 * scale)),
            18,
        ),
        Case("GPT, 3 layers, width 96", lambda: models.GPT(80, 64), windows_split(int(640 * scale)), 80),
    ]


def floor(case, epochs, device, dtype=torch.float32):
    """One batch, over and over; the same optimizer and layout as fit."""
    model = case.fresh().to(
        device, memory_format=torch.channels_last if "CNN" in case.name else torch.contiguous_format
    )
    batch = case.split.take(torch.arange(min(BATCH, len(case.split))))
    inputs, labels = training.as_float(batch.inputs).to(device), batch.labels.to(device)
    if "CNN" in case.name:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    opt = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    for _ in range(epochs * -(-len(case.split) // BATCH)):
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            scores = model(inputs)
        training.cross_entropy(scores.float(), labels).backward()
        opt.step()
        opt.zero_grad()


def floor_bf16(case, epochs, device):
    floor(case, epochs, device, torch.bfloat16)


def plain_floor(case, epochs, device):
    """The floor of performance.md: torch's default optimizer and layout, as a student writes it."""
    model = case.fresh().to(device)
    batch = case.split.take(torch.arange(min(BATCH, len(case.split))))
    inputs, labels = training.as_float(batch.inputs).to(device), batch.labels.to(device)
    opt = torch.optim.Adam(model.parameters(), lr=LR)
    for _ in range(epochs * -(-len(case.split) // BATCH)):
        training.cross_entropy(model(inputs), labels).backward()
        opt.step()
        opt.zero_grad()


def fit_float32(case, epochs, device):
    fit(case, epochs, device, "float32")


def fit(case, epochs, device, precision=None):
    training.fit(
        case.fresh(),
        case.split,
        epochs=epochs,
        batch_size=BATCH,
        lr=LR,
        optimizer="adam",
        precision=precision,
        device=device,
        quiet=True,
    )


class Pictures(Dataset):
    """What a student finds in most tutorials: PIL images, transforms one by one."""

    def __init__(self, split):
        from torchvision.transforms import Compose, Normalize, ToTensor
        from torchvision.transforms.functional import to_pil_image

        channels = split.inputs.shape[1]
        self.images = [to_pil_image(image) for image in split.inputs]
        self.labels = split.labels.tolist()
        self.transform = Compose([ToTensor(), Normalize((0.5,) * channels, (0.5,) * channels)])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(self.images[i]), self.labels[i]


class Texts(Dataset):
    """One by one, padded by the collate function to the longest of the batch."""

    def __init__(self, split):
        self.items = [(row[:n], label) for row, n, label in zip(split.inputs, split.lengths, split.labels, strict=True)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

    @staticmethod
    def collate(items):
        rows, labels = zip(*items, strict=True)
        return nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.stack(labels)


def student_loader(case, workers):
    if case.is_image:
        if not hasattr(case, "pictures"):
            case.pictures = Pictures(case.split)
        return DataLoader(case.pictures, BATCH, shuffle=True, num_workers=workers)
    if case.split.lengths is not None:
        return DataLoader(Texts(case.split), BATCH, shuffle=True, num_workers=workers, collate_fn=Texts.collate)
    return DataLoader(TensorDataset(case.split.inputs, case.split.labels), BATCH, shuffle=True, num_workers=workers)


def student(case, epochs, device, workers=0):
    loader, model = student_loader(case, workers), case.fresh().to(device)
    opt = torch.optim.Adam(model.parameters(), lr=LR)
    running = 0.0
    for _ in range(epochs):
        for inputs, labels in loader:
            inputs, labels = inputs.to(device), labels.to(device)
            opt.zero_grad()
            loss = training.cross_entropy(model(inputs), labels)
            loss.backward()
            opt.step()
            running += loss.item()


def student_2_workers(case, epochs, device):
    student(case, epochs, device, workers=2)


def tensor_loader(case):
    """The best that the peers' users do: ready tensors, batched by torch."""
    if case.split.lengths is not None:
        return student_loader(case, 0)
    if not hasattr(case, "tensors"):
        case.tensors = TensorDataset(training.as_float(case.split.inputs), case.split.labels)
    return DataLoader(case.tensors, BATCH, shuffle=True)


def fastai(case, epochs, device):
    import fastai.callback.progress  # noqa: F401  (it gives learners their no_bar)
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import Adam

    loader = tensor_loader(case)
    loaders = DataLoaders(loader, [], device=device)
    learn = Learner(loaders, case.fresh(), loss_func=training.cross_entropy, opt_func=Adam, lr=LR, train_bn=True)
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs)


def lightning(case, epochs, device):
    import lightning.pytorch as pl

    class Lit(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = case.fresh()

        def training_step(self, batch, _):
            return training.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=LR)

    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Lit(), tensor_loader(case))


def skorch(case, epochs, device):
    from skorch import NeuralNet

    class Loss(nn.Module):
        def forward(self, scores, labels):
            return training.cross_entropy(scores, labels)

    tensor_loader(case)
    source = Texts(case.split) if case.split.lengths is not None else case.tensors
    options = {"iterator_train__collate_fn": Texts.collate} if case.split.lengths is not None else {}
    net = NeuralNet(
        case.fresh(),
        Loss,
        optimizer=torch.optim.Adam,
        lr=LR,
        max_epochs=epochs,
        batch_size=BATCH,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        device=str(device),
        **options,
    )
    net.fit(source, None)


def rate(loop, case, device) -> float:
    """Samples a second, start-up taken out."""

    def clock():
        if device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    spent = []
    for epochs in (1, 3):
        began = clock()
        loop(case, epochs, device)
        spent.append(clock() - began)
    return 2 * len(case.split) / (spent[1] - spent[0])


def table(case, rows) -> None:
    """Each loop's rate as a share of the floor's, and how much faster fit with its defaults is."""
    print(f"\n### {case.name} ({len(case.split):,} examples an epoch, {len(rows)} rounds)\n")
    print("| loop | samples a second | share of the float32 floor | `fit` is faster by |\n|---|---|---|---|")
    for name in rows[0]:
        share = statistics.median(row[name] / row["floor"] for row in rows)
        gain = statistics.median(row["fit"] / row[name] for row in rows)
        print(
            f"| {name} | {statistics.median(row[name] for row in rows):,.0f} | {share:.2f} | {gain:.2f} |", flush=True
        )
    for fitted, its_floor in (("fit, float32", "floor"), ("fit", "floor, bfloat16")):
        if its_floor in rows[0]:
            share = statistics.median(row[fitted] / row[its_floor] for row in rows)
            print(f"\n{fitted} against the {its_floor}: {share:.2f}", end="")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", default="", help="words that the model's name begins with, such as MLP,GPT")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scale", type=float, default=1.0, help="how many times the examples")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    device = torch.device(asked.device)
    torch.set_num_threads(1)
    has_bf16 = runtime.precision(device) == torch.bfloat16
    loops = {"floor": floor, "floor as a student writes it": plain_floor, "fit, float32": fit_float32, "fit": fit}
    loops |= {"floor, bfloat16": floor_bf16} if has_bf16 else {}
    loops |= {"student's loop": student, "student's loop, 2 workers": student_2_workers}
    loops |= {f.__name__: f for f in (fastai, lightning, skorch) if importlib.util.find_spec(f.__name__)}
    print(f"torch {torch.__version__}, {device}, bfloat16 in hardware: {'yes' if has_bf16 else 'no'}, batch {BATCH}")
    for case in cases(asked.scale):
        if asked.models and not case.name.startswith(tuple(asked.models.split(","))):
            continue
        for loop in loops.values():
            loop(case, 1, device)  # imports, caches
        table(case, [{name: rate(loop, case, device) for name, loop in loops.items()} for _ in range(asked.rounds)])


if __name__ == "__main__":
    main()
