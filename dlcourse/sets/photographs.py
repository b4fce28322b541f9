"""Photographs that lie inside installed packages, to look at filters, features and styles without a network.

load("photographs")                                        fifteen, colour, 256 x 256
load("photographs", size=128, names=("camera", "coffee"))
"""

import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path

import numpy as np
import torch

_SKLEARN = "scikit-learn", "sklearn", "datasets/images"
_MATPLOTLIB = "matplotlib", "matplotlib", "mpl-data/sample_data"
_SKIMAGE = "scikit-image", "skimage", "data"
# Licences and authors as the packages state them: scikit-learn in datasets/images/README.txt (its address there says
# who took the flower), scikit-image in the docstrings of skimage.data. matplotlib says nothing of its one, a portrait.
_PHOTOGRAPHS = {  # (distribution, package, folder), file, licence and author
    "china": (_SKLEARN, "china.jpg", "CC BY 2.0, danielbuechele"),
    "flower": (_SKLEARN, "flower.jpg", "CC BY 2.0, vultilion"),
    "hopper": (_MATPLOTLIB, "grace_hopper.jpg", "public domain, US Navy"),
    "astronaut": (_SKIMAGE, "astronaut.png", "public domain, NASA"),
    "brick": (_SKIMAGE, "brick.png", "CC0, CC0Textures"),
    "camera": (_SKIMAGE, "camera.png", "CC0, Lav Varshney"),
    "chelsea": (_SKIMAGE, "chelsea.png", "CC0, Stefan van der Walt"),
    "clock": (_SKIMAGE, "clock_motion.png", "public domain, Stefan van der Walt"),
    "coffee": (_SKIMAGE, "coffee.png", "CC0, Rachel Michetti"),
    "coins": (_SKIMAGE, "coins.png", "no known restrictions, Brooklyn Museum"),
    "grass": (_SKIMAGE, "grass.png", "CC0, linolafett"),
    "gravel": (_SKIMAGE, "gravel.png", "CC0, CC0Textures"),
    "hubble": (_SKIMAGE, "hubble_deep_field.jpg", "public domain, NASA"),
    "moon": (_SKIMAGE, "moon.png", "public domain, NASA"),
    "rocket": (_SKIMAGE, "rocket.jpg", "public domain, SpaceX"),
}


def make(name: str, size: int = 256, names: tuple[str, ...] = tuple(_PHOTOGRAPHS)) -> dict:
    """One photograph a class, scaled and cut about its centre to size x size; the grey ones have three equal channels.

    The test split is empty: so few photographs are there to look at, not to measure on.
    """
    if isinstance(names, str) or not names or not set(names) <= set(_PHOTOGRAPHS):
        raise ValueError(f"load: names={names!r}: pass some of {tuple(_PHOTOGRAPHS)}")
    if not 1 <= size <= 1024:
        raise ValueError(f"load: size={size!r}: pass 1 to 1024, in pixels")
    files = [_file(one) for one in names]
    pixels = np.stack([_opened(file, size) for file in files])
    labels = torch.arange(len(names))
    packages = sorted({_PHOTOGRAPHS[one][0][0] for one in names} | {"pillow"})
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
    return {
        "train": {"inputs": images, "labels": labels},
        "test": {"inputs": images[:0], "labels": labels[:0]},
        "classes": tuple(names),
        "source": f"inside the installed {', '.join(dict.fromkeys(_PHOTOGRAPHS[one][0][0] for one in names))}",
        "licence": "; ".join(f"{one}: {_PHOTOGRAPHS[one][2]}" for one in names),
        "note": f"{versions}: {len(names)} photographs, sha256 {hashlib.sha256(pixels).hexdigest()[:12]}",
    }


def _file(one: str) -> Path:
    """Found without importing the package, which would cost a second."""
    (distribution, package, folder), file, _ = _PHOTOGRAPHS[one]
    spec = importlib.util.find_spec(package)
    if spec is not None and spec.origin is not None and (found := Path(spec.origin).parent / folder / file).exists():
        return found
    others = tuple(name for name, (where, *_) in _PHOTOGRAPHS.items() if where[0] != distribution)
    raise ModuleNotFoundError(
        f"load: the photograph {one} comes with {distribution}: pip install --upgrade {distribution}, "
        f"or pass names={others}"
    )


def _opened(file: Path, size: int) -> np.ndarray:
    from PIL import Image, ImageOps

    with Image.open(file) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS))
