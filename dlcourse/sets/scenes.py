"""Pictures of several objects, with everything that can be asked about them: masks, boxes, captions, counts.

load("scenes")                                  what is at each pixel?  labels are masks (N, H, W)
load("scenes", target="boxes", objects=(1, 1))  where is it?            labels are boxes (N, 1, 4)
load("scenes", target="captions", objects=(2, 2), side=64)              "a red circle left of a blue star"
"""

import math

import numpy as np
import torch

from dlcourse.sets import store

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
COLOURS = {
    "red": (214, 40, 40),
    "yellow": (250, 205, 40),
    "green": (45, 165, 75),
    "blue": (45, 95, 215),
    "pink": (245, 120, 190),
    "white": (245, 245, 245),
}
_TARGETS = ("masks", "boxes", "box_classes", "captions", "counts")
_MOST = 5  # objects
_AT_ONCE = 500  # scenes: all at once would take gigabytes


def make(
    name: str,
    train: int = 4_000,
    test: int = 1_000,
    side: int = 32,
    objects: tuple[int, int] = (1, 3),
    target: str = "masks",
) -> dict:
    """What `target` names becomes the labels, the rest is in "more"; M is the largest number of objects, objects[1].

    masks        (N, side, side), int64: the class of each pixel, 0 is the background
    boxes        (N, M, 4), float32: left, top, right, bottom in pixels, around all that one sees of each object;
                 a row of -1 where there is no object; a later one lies over the earlier ones
    box_classes  (N, M), int64: the class of each box, or -1
    captions     N texts: "a red circle left of a blue star"; the longer way, across or down, says how they are named
    counts       (N,), int64: the number of objects

    At least half of each object is seen. The classes are "background" and the shapes; of counts the numbers.
    """
    _refuse(train, test, side, objects, target)
    key = {"train": train, "test": test, "side": side, "objects": list(objects), "code": 1}
    kept = store.cached(name, key, lambda: _all(test + train, side, *objects))
    known = _known(kept)
    ground = 100 * float((known["masks"] == 0).float().mean())
    parts = {}
    for part, rows in (("test", slice(test)), ("train", slice(test, None))):  # more for train leave the test as it is
        mine = {what: x[rows] for what, x in known.items()}
        parts[part] = {"inputs": mine.pop("inputs"), "labels": mine.pop(target), "more": mine}
    return parts | {
        "classes": tuple(map(str, range(objects[1] + 1))) if target == "counts" else ("background", *SHAPES),
        "source": "drawn here",
        "licence": "CC0",
        "note": f"{ground:.0f} % of the pixels are background",
    }


def _refuse(train, test, side, objects, target) -> None:
    if target not in _TARGETS:
        raise ValueError(f"load: target={target!r}: choose one of {', '.join(_TARGETS)}")
    if side not in (32, 64):
        raise ValueError(f"load: side={side!r}: pass 32 or 64, in pixels")
    if min(train, test) < 1:
        raise ValueError(f"load: {train} scenes for train and {test} for test: pass 1 or more of both")
    two = isinstance(objects, tuple | list) and len(objects) == 2 and all(isinstance(n, int) for n in objects)
    if not two or not 1 <= objects[0] <= objects[1] <= _MOST:
        raise ValueError(f"load: objects={objects!r}: pass the fewest and the most, such as (1, 3), of 1 to {_MOST}")


def _known(kept: dict[str, np.ndarray]) -> dict:
    classes = torch.from_numpy(kept["shapes"]).long()
    return {
        "inputs": torch.from_numpy(kept["images"]),
        "masks": torch.from_numpy(kept["masks"]).long(),
        "boxes": torch.from_numpy(kept["boxes"]),
        "box_classes": torch.where(classes < 0, -1, classes + 1),
        "captions": store.unpack(kept["captions"]),
        "counts": (classes >= 0).sum(1),
    }


# ---- what is in a scene


def _all(count: int, side: int, fewest: int, most: int) -> dict[str, np.ndarray]:
    """Scenes are drawn until `count` of them show at least half of each object."""
    random = np.random.RandomState(0)
    found: list[dict] = []
    while sum(len(some["images"]) for some in found) < count:
        scenes = _placed(random, fewest, most)
        painted, seen = _painted(random, scenes, side)
        found.append({what: x[(seen >= 0.5).all(1)] for what, x in (scenes | painted).items()})
    whole = {what: np.concatenate([some[what] for some in found])[:count] for what in found[0]}
    captions = map(_caption, whole["shapes"], whole["colours"], whole["centres"])
    return {what: whole[what] for what in ("images", "masks", "boxes", "shapes")} | {"captions": store.pack(captions)}


def _placed(random, fewest: int, most: int) -> dict[str, np.ndarray]:
    """Objects (N, M) that lie apart and in a clear order; lengths are shares of the picture's side."""
    there = np.arange(most) < random.randint(fewest, most + 1, (_AT_ONCE, 1))
    radii, centres = np.zeros(there.shape), np.zeros((*there.shape, 2))
    bad = np.arange(_AT_ONCE)
    while len(bad):
        radii[bad] = random.uniform(0.19, 0.31, (len(bad), most)) * min(1, 3 / most)
        r = radii[bad, :, None]
        centres[bad] = r + (1 - 2 * r) * random.uniform(size=(len(bad), most, 2))
        bad = bad[~_clear(centres[bad], radii[bad], there[bad])]
    return {
        "shapes": np.where(there, random.randint(len(SHAPES), size=there.shape), -1),
        "colours": random.randint(len(COLOURS), size=there.shape),
        "radii": radii,
        "centres": centres,
        "turns": random.uniform(-0.35, 0.35, there.shape),  # radians
        "textures": random.randint(3, size=there.shape),  # plain, stripes, checks
    }


def _clear(centres: np.ndarray, radii: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Do they lie apart, and by a sixteenth of the side: which way is the longer, who comes first on it?"""
    gaps = np.linalg.norm(centres[:, :, None] - centres[:, None], axis=-1)
    near = gaps < 0.55 * (radii[:, :, None] + radii[:, None])
    pairs = there[:, :, None] & there[:, None] & ~np.eye(there.shape[1], dtype=bool)
    extent = np.ptp(np.where(there[..., None], centres, centres[:, :1]), axis=1)
    along = np.take_along_axis(centres, extent.argmax(1)[:, None, None], 2)[..., 0]
    steps = np.diff(np.sort(np.where(there, along, np.arange(10, 10 + there.shape[1])), axis=1))
    ordered = (abs(extent[:, 0] - extent[:, 1]) > 1 / 16) & (steps > 1 / 16).all(1)
    return ~(near & pairs).any((1, 2)) & (ordered | (there.sum(1) == 1))


def _caption(shapes: np.ndarray, colours: np.ndarray, centres: np.ndarray) -> str:
    centres, names = centres[shapes >= 0], list(COLOURS)
    axis = np.ptp(centres, axis=0).argmax()  # the first of two where there is but one object
    things = [f"a {names[colours[i]]} {SHAPES[shapes[i]]}" for i in centres[:, axis].argsort()]
    return (" left of ", " above ")[axis].join(things)


# ---- how it looks


def _painted(random, scenes: dict[str, np.ndarray], side: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Images, masks and boxes, and which share (N, M) of each object is seen."""
    n, most = scenes["shapes"].shape
    image, owner, sizes = _ground(random, n, side), np.zeros((n, side, side), np.uint8), np.ones((n, most))
    for m in range(most):
        for k in range(len(SHAPES)):
            rows = np.flatnonzero(scenes["shapes"][:, m] == k)
            one = {what: x[rows, m] for what, x in scenes.items()}
            u, v = _within(one, side)
            pixels = _DISTANCES[k](u, v) * (one["radii"] * side).astype(np.float32)[:, None, None]
            _over(image, rows, np.clip(0.35 - pixels / 5, 0, 0.3), np.float32(0))  # a soft shadow
            _over(image, rows, np.clip(0.5 - pixels, 0, 1), _paint(one, u, v))  # antialiased
            owner[rows] = np.where(pixels < 0, m + 1, owner[rows])
            sizes[rows, m] = (pixels < 0).sum((1, 2))
    mine = owner[:, None] == np.arange(1, most + 1)[:, None, None]
    labels = np.concatenate([np.zeros((n, 1), np.uint8), (scenes["shapes"] + 1).astype(np.uint8)], 1)
    masks = np.take_along_axis(labels, owner.reshape(n, -1), 1).reshape(owner.shape)
    seen = np.where(scenes["shapes"] < 0, 1, mine.sum((2, 3)) / sizes)
    image += np.frombuffer(random.bytes(image.size), np.uint8).reshape(image.shape) * np.float32(16 / 255) - 8
    images = np.clip(image, 0, 255).astype(np.uint8).transpose(0, 3, 1, 2)
    return {"images": images, "masks": masks, "boxes": _boxes(mine)}, seen


def _ground(random, n: int, side: int) -> np.ndarray:
    """(N, side, side, 3): two dull colours that flow into each other, or end in stripes and spots."""
    y, x = _grid(side)
    waves = 0
    for _ in range(3):
        fx, fy, start = (random.uniform(-a, a, (n, 1, 1)).astype(np.float32) for a in (14, 14, 3.2))
        waves = waves + np.cos(fx * x + fy * y + start)
    share = 0.5 + 0.5 * np.tanh(random.uniform(0.4, 3, (n, 1, 1)).astype(np.float32) * waves)
    two = random.uniform(50, 145, (2, n, 1, 1, 1)) + random.uniform(-22, 22, (2, n, 1, 1, 3))
    first, second = two.astype(np.float32)
    return first + (second - first) * share[..., None]


def _within(one: dict[str, np.ndarray], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel lies as the object sees it: (0, 0) is its centre, lengths are its radius."""
    y, x = _grid(side)
    cx, cy, radius, turn = (
        value.astype(np.float32)[:, None, None] for value in (*one["centres"].T, one["radii"], one["turns"])
    )
    x, y = (x - cx) / radius, (y - cy) / radius
    return x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)


def _paint(one: dict[str, np.ndarray], u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Each object's colour, darker where its texture is, and a little lighter at its upper left."""
    kind = one["textures"][:, None, None]
    wave = np.sin(8 * u) * np.where(kind == 2, np.sin(8 * v), 1)
    dark = np.where(kind > 0, 0.3 * np.clip(0.5 + 2 * wave, 0, 1), 0)
    light = np.clip(1 - dark - 0.08 * (u + v), 0, 1.1)
    return np.array(list(COLOURS.values()), np.float32)[one["colours"]][:, None, None] * light[..., None]


def _over(image: np.ndarray, rows: np.ndarray, cover: np.ndarray, paint: np.ndarray) -> None:
    image[rows] += cover[..., None] * (paint - image[rows])


def _boxes(mine: np.ndarray) -> np.ndarray:
    """mine (N, M, H, W), bool: the pixels of each object; the edges between pixels count 0, 1, ..., side."""
    sides = []
    for axis in (2, 3):  # left and right, then top and bottom
        some = mine.any(axis)
        sides.append((some.argmax(2), some.shape[2] - some[..., ::-1].argmax(2)))
    (left, right), (top, bottom) = sides
    boxes = np.stack([left, top, right, bottom], 2).astype(np.float32)
    return np.where(mine.any((2, 3))[..., None], boxes, np.float32(-1))


def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(*[(np.arange(side, dtype=np.float32) + 0.5) / side] * 2, indexing="ij")


# ---- shapes: how far is (u, v) outside (above 0) or inside? All fit into a circle of radius 1.


def _circle(u, v):
    return np.hypot(u, v) - 0.88


def _square(u, v):
    return np.maximum(abs(u), abs(v)) - 0.74


def _triangle(u, v):
    return np.maximum(v, 0.866 * abs(u) - 0.5 * v) - 0.5


def _star(u, v):
    """Five times, and mirrored, the line from a tip at 1 to the notch beside it at 0.45, 36 degrees on."""
    step = math.pi / 5
    turned = abs((np.arctan2(u, -v) + step) % (2 * step) - step)
    slope = math.atan2(1 - 0.45 * math.cos(step), 0.45 * math.sin(step))  # of the line's normal
    return np.hypot(u, v) * np.cos(turned - slope) - math.cos(slope)


def _cross(u, v):
    u, v = abs(u), abs(v)
    return np.maximum(np.maximum(u, v) - 0.94, np.minimum(u, v) - 0.32)


def _ring(u, v):
    return abs(np.hypot(u, v) - 0.68) - 0.25


_DISTANCES = (_circle, _square, _triangle, _star, _cross, _ring)  # as in SHAPES
