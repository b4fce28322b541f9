"""scikit-learn's handwritten digits, enlarged and painted in colour on coloured ground: where transfer learning pays.

The strokes are a hand's, the colours are of no help, and a few examples do not tell which differences matter. A body
that has seen coloured print knows.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcourse.sets import digits, glyphs

_SIDE = 32


def make(name: str, *, difficulty: float = 0.5, seed: int = 0) -> dict:
    """The split and the labels of "digits"; difficulty, 0 to 1, is as in "glyphs": contrast, ground, noise."""
    if not 0 <= difficulty <= 1:
        raise ValueError(f"load: difficulty is {difficulty}: pass a number from 0 to 1")
    made, draw = digits.make(name), np.random.RandomState(seed)
    for role in ("train", "test"):
        made[role]["inputs"] = _painted(made[role]["inputs"], difficulty, draw)
    return made | {"source": made["source"] + "; enlarged and coloured by dlcourse"}


def _painted(images: Tensor, difficulty: float, draw) -> Tensor:
    """(N, 1, 8, 8) -> (N, 3, 32, 32), bytes."""
    n = len(images)
    large = F.interpolate(images.float() / 255, size=(26, 26), mode="bicubic", align_corners=False)
    ink = F.pad(((large - 0.25) / 0.5).clamp(0, 1), (3, 3, 3, 3))  # steeper edges: a pen, not a fog
    shift = draw.randint(-2, 3, (n, 2))
    ink = torch.stack([torch.roll(one, (int(y), int(x)), (1, 2)) for one, (y, x) in zip(ink, shift, strict=True)])
    ground, ink_colour, _ = glyphs.colours(n, _SIDE, difficulty, draw)
    image = torch.lerp(ground, ink_colour, ink)
    noise = torch.from_numpy(draw.standard_normal(image.shape).astype(np.float32))
    image = image + noise * (0.01 + 0.12 * difficulty) * glyphs.column(draw.rand(n))
    return (image * 255).round().clamp(0, 255).byte()
