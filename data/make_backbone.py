"""Make the course's own backbone, dlcourse/files/glyph_backbone.safetensors: a small ResNet that read coloured print.

    python data/make_backbone.py [FILE]

One thread, about ten CPU minutes. Data, order and start are seeded; another processor or version of torch rounds
otherwise, so that the weights come out alike, not the same.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from safetensors.torch import save_file

from dlcourse import data, models, training, transforms

FILE = Path(__file__).parents[1] / "dlcourse" / "files" / "glyph_backbone.safetensors"
ARGUMENTS = {"channels": 3, "classes": 36, "width": 16, "blocks": 1}
SEED, EPOCHS, EACH = 0, 10, 1500  # images of each class


def main(file: Path = FILE) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    options = {"classes": 36, "colour": True, "train": 36 * EACH}
    glyphs = data.load("glyphs", **options)
    seen = data.load("glyphs", **options, fonts="seen")
    network = models.ResNet(**ARGUMENTS)
    normalise = transforms.Normalise.of(glyphs.train)
    model = torch.nn.Sequential(normalise, network)
    began = time.process_time()
    training.fit(
        model, glyphs.train, epochs=EPOCHS, batch_size=128, lr=0.01, optimizer="adamw", weight_decay=0.05,
        schedule="one_cycle", augment=transforms.Augment(crop=2, rotate=10, scale=0.15, colour=0.2), seed=SEED,
        precision="float32", device="cpu",
    )  # fmt: skip
    spent = time.process_time() - began
    scores = {
        name: training.evaluate(model, part).accuracy for name, part in (("seen", seen.test), ("unseen", glyphs.test))
    }
    header = {
        "model": "ResNet",
        "arguments": json.dumps(ARGUMENTS),
        "mean": json.dumps([round(float(x), 6) for x in normalise.mean.flatten()]),
        "std": json.dumps([round(float(x), 6) for x in normalise.std.flatten()]),
        "channels": "3",
        "size": "32",
        "classes": json.dumps(glyphs.classes),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, file, header)
    count = sum(p.numel() for p in network.parameters())
    size = file.stat().st_size
    print(f"{file.name}: {count:,} parameters, {size:,} bytes, {spent:.0f} CPU seconds, torch {torch.__version__}")
    print(f"{glyphs.note}")
    print(f"accuracy on fonts of the training {scores['seen']:.3f}, on fonts held out {scores['unseen']:.3f}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
