"""Printed characters, drawn in the fonts that come with matplotlib: any number, with fonts held out for the test.

    data.load("glyphs")                                           # 10 digits, grey, 28 x 28
    data.load("glyphs", classes=36, colour=True)                  # digits and capitals, in colour, 32 x 32
    data.load("glyphs", characters="ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # whatever can be typed
    data.load("glyphs", fonts="seen")                             # test examples in the fonts of the training

difficulty, 0 to 1, is how far a character may stray from a clean one. At 0.5, the default, of a 28 x 28 image:

    shift up to 2.5 pixels, turn 12 degrees, scale 0.8 to 1.25, slant 0.15, ink down to 0.65 of white, noise up to 0.07
    of the range, a piece of another character at the edge of half of the images, blur in half of them

In colour, ink and ground have random colours, the ground runs from one colour to another, and light ink on dark ground
is as frequent as dark on light. With 62 classes some characters are the same in some fonts (0 O o, 1 I l, and the small
and the capital c, s, v, w, x, z, since size tells nothing): nobody reaches 1.00 there.
"""

import hashlib
import string

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcourse.sets import store

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
TEST_FONTS = ("STIXGeneralItalic", "STIXGeneralBolIta", "cmti10", "cmtt10", "cmss10", "STIXGeneral mono")
TRAIN_FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique", "DejaVuSansMono",
    "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique", "DejaVuSerif", "DejaVuSerif-Bold",
    "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic", "STIXGeneral", "STIXGeneralBol", "STIXGeneral sans",
    "STIXGeneralBol sans", "cmr10", "cmb10", "cmmi10",
)  # fmt: skip
FONTS = TRAIN_FONTS + TEST_FONTS  # more["fonts"] counts along this list
_VERSION = 1  # of the drawing: another number, and everything is drawn again
_ALPHABETS = {  # STIX has whole alphabets elsewhere in Unicode: first letter, first digit
    "STIXGeneral sans": (0x1D5A0, 0x1D7E2),
    "STIXGeneralBol sans": (0x1D5D4, 0x1D7EC),
    "STIXGeneral mono": (0x1D670, 0x1D7F6),
}
_SIDE, _HEIGHT = 64, 45  # of the pictures that are turned and scaled, and of a capital in them; in pixels


def make(
    name: str,
    *,
    classes: int = 10,
    characters: str | None = None,
    colour: bool = False,
    difficulty: float = 0.5,
    fonts: str = "unseen",
    train: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> dict:
    """classes: the first so many of digits, capitals, small letters; characters: those instead.

    train, test  examples, of all classes together; None: 600 and 100 of each class
    fonts        of the test: "unseen" in training, or "seen"
    """
    characters = _characters(classes, characters)
    if not 0 <= difficulty <= 1:
        raise ValueError(f"load: difficulty is {difficulty}: pass a number from 0 to 1")
    if fonts not in ("unseen", "seen"):
        raise ValueError(f'load: fonts is {fonts!r}: choose "unseen" or "seen"')
    counts = [600 * len(characters) if train is None else train, 100 * len(characters) if test is None else test]
    for count in counts:
        if not isinstance(count, int) or count < len(characters):
            raise ValueError(f"load: {count} glyphs of {len(characters)} classes: pass at least one of each")
    version = _matplotlib_version()
    key = {"code": _VERSION, "matplotlib": version, "characters": characters, "colour": colour}
    key |= {"difficulty": difficulty, "fonts": fonts, "counts": counts, "seed": seed}
    found = store.cached("glyphs", key, lambda: draw_both(characters, colour, difficulty, fonts, counts, seed))
    digest = hashlib.sha256(np.ascontiguousarray(found["train_images"])).hexdigest()[:12]
    return {
        "train": _part(found, "train"),
        "test": _part(found, "test"),
        "classes": tuple(characters),
        "source": f"drawn by dlcourse in {len(TRAIN_FONTS)} + {len(TEST_FONTS)} faces of the DejaVu, STIX and Computer "
        f"Modern fonts that come with matplotlib {version}",
        "licence": "the images: CC0; the fonts: Bitstream Vera and DejaVu licence, SIL OFL 1.1 (STIX), free (BaKoMa)",
        "note": f"matplotlib {version}, {counts[0]:,} + {counts[1]:,} images, sha256 {digest}",
    }


def _part(found: dict, role: str) -> dict:
    images, labels, faces = (torch.from_numpy(found[f"{role}_{what}"]) for what in ("images", "labels", "fonts"))
    return {"inputs": images, "labels": labels, "more": {"fonts": faces}}


def _characters(classes: int, characters: str | None) -> str:
    if characters is None:
        if not isinstance(classes, int) or not 2 <= classes <= len(CHARACTERS):
            raise ValueError(f"load: {classes} classes of glyphs: pass 2 to {len(CHARACTERS)}")
        return CHARACTERS[:classes]
    wrong = sorted(set(characters) - set(CHARACTERS))
    if wrong or len(set(characters)) != len(characters) or len(characters) < 2:
        raise ValueError(f"load: characters are {characters!r}: pass two or more of {CHARACTERS}, each once")
    return characters


def _matplotlib_version() -> str:
    from importlib.metadata import version

    return version("matplotlib")


def draw_both(characters, colour, difficulty, fonts, counts, seed) -> dict[str, np.ndarray]:
    """Images, labels and fonts of both parts by name, `counts` of training and test; kept nowhere."""
    draw = np.random.RandomState(seed)  # its stream never changes, NumPy promises
    atlas = _atlas(characters)
    seen, unseen = np.arange(len(TRAIN_FONTS)), np.arange(len(TRAIN_FONTS), len(FONTS))
    arrays = {}
    for role, count, faces in (("train", counts[0], seen), ("test", counts[1], unseen if fonts == "unseen" else seen)):
        labels = draw.permutation(count) % len(characters)
        chosen = draw.choice(faces, count)
        parts = np.array_split(np.arange(count), -(-count // 1000))  # a thousand at a time, to save memory
        images = [_images(atlas, chosen[part], labels[part], faces, colour, difficulty, draw) for part in parts]
        arrays |= {f"{role}_images": np.concatenate(images), f"{role}_labels": labels, f"{role}_fonts": chosen}
    return arrays


def _atlas(characters: str) -> Tensor:
    """Each character in each face, upright and in the middle: (faces, characters, 64, 64), 0 to 1."""
    from importlib.util import find_spec
    from pathlib import Path

    from PIL import Image, ImageDraw, ImageFont

    folder = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"
    atlas = np.zeros((len(FONTS), len(characters), _SIDE, _SIDE), np.float32)
    for i, face in enumerate(FONTS):
        try:
            font = ImageFont.truetype(folder / f"{face.split()[0]}.ttf", _HEIGHT * 4 // 3)
        except OSError:
            raise ValueError(
                f"load: your matplotlib has no font {face.split()[0]}.ttf: install it again (pip install matplotlib)"
            ) from None
        for j, character in enumerate(characters):
            image = Image.new("L", (_SIDE, _SIDE))
            text = _elsewhere(face, character)
            left, top, right, bottom = font.getbbox(text)
            place = ((_SIDE - left - right) / 2, (_SIDE - top - bottom) / 2)
            ImageDraw.Draw(image).text(place, text, fill=255, font=font)
            atlas[i, j] = np.asarray(image, np.float32) / 255
    return torch.from_numpy(atlas)


def _elsewhere(face: str, character: str) -> str:
    """The character in the alphabet that the face stands for."""
    if face not in _ALPHABETS:
        return character
    letters, digits = _ALPHABETS[face]
    return (
        chr(digits + int(character))
        if character.isdigit()
        else chr(letters + string.ascii_letters.swapcase().index(character))
    )


def _images(atlas, faces, labels, all_faces, colour, difficulty, draw) -> np.ndarray:
    """n images, bytes: (n, 1, 28, 28) or (n, 3, 32, 32)."""
    n, side, channels = len(labels), 32 if colour else 28, 3 if colour else 1
    pixel = 2 / side  # places run from -1 to 1
    ink = _placed(atlas[faces, labels], _uniform(draw, n, 2) * (1 + 3 * difficulty) * pixel, side, difficulty, draw)
    # a piece of another character, somewhere on a circle about the middle
    others = atlas[draw.choice(all_faces, n), draw.randint(atlas.shape[1], size=n)]
    angle = np.pi * _uniform(draw, n, 1)
    distance = 1.05 + 0.15 * _uniform(draw, n, 1)
    away = distance * np.concatenate([np.cos(angle), np.sin(angle)], 1)
    distractor = _placed(others, away, side, difficulty, draw) * column(draw.rand(n) < difficulty)
    ground, ink_colour, other_colour = (colours if colour else _greys)(n, side, difficulty, draw)
    image = torch.lerp(ground, other_colour, distractor * (1 - ink))
    image = torch.lerp(image, ink_colour, ink)
    noise = torch.from_numpy(draw.standard_normal((n, channels, side, side)).astype(np.float32))
    image = image + noise * (0.01 + 0.12 * difficulty) * column(draw.rand(n))
    return (image * 255).round().clamp(0, 255).byte().numpy()


def _placed(glyphs: Tensor, shift: np.ndarray, side: int, difficulty: float, draw) -> Tensor:
    """Turned, scaled, slanted, shifted and a little blurred: (n, 1, side, side), 0 to 1."""
    n = len(glyphs)
    turn = _uniform(draw, n) * np.radians(2 + 20 * difficulty)
    scale = np.exp(_uniform(draw, n) * np.log(1.02 + 0.46 * difficulty))
    slant = _uniform(draw, n) * 0.3 * difficulty
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    there = np.stack([np.stack([cos, sin + slant], 1), np.stack([-sin, cos], 1)], 1)  # from the image to the atlas
    theta = np.concatenate([there, -there @ shift[:, :, None]], 2).astype(np.float32)
    grid = F.affine_grid(torch.from_numpy(theta), [n, 1, 2 * side, 2 * side], align_corners=False)
    ink = F.avg_pool2d(
        F.grid_sample(glyphs[:, None], grid, align_corners=False), 2
    )  # finer, then the mean: smooth edges
    blurred = F.avg_pool2d(ink, 3, 1, 1)
    return torch.lerp(ink, blurred, column(draw.rand(n) * (draw.rand(n) < difficulty)))


def _greys(n: int, side: int, difficulty: float, draw) -> tuple[Tensor, Tensor, Tensor]:
    """Light ink on a dark ground, as in MNIST."""
    ink = 1 - column(draw.rand(n)) * 0.7 * difficulty
    return ink * 0.3 * difficulty * column(draw.rand(n)), ink, ink * column(draw.rand(n))


def colours(n: int, side: int, difficulty: float, draw) -> tuple[Tensor, Tensor, Tensor]:
    """A ground that runs from one colour to another, and two inks that stand out from it."""
    light = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue look (ITU-R BT.601)
    start, end = draw.rand(2, n, 3)
    end = start + (end - start) * difficulty
    middle = ((start + end) / 2) @ light
    inks = []
    for _ in range(2):
        tries = draw.rand(8, n, 3)
        contrast = np.abs(tries @ light - middle)
        first = (contrast > 0.55 - 0.3 * difficulty).argmax(0)  # the first of eight that stands out enough
        first = np.where(contrast.max(0) > 0.55 - 0.3 * difficulty, first, contrast.argmax(0))
        inks.append(torch.from_numpy(tries[first, np.arange(n)].astype(np.float32))[:, :, None, None])
    angle = np.pi * _uniform(draw, n)
    y, x = np.mgrid[:side, :side] / (side - 1) - 0.5
    along = 0.5 + (np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y) / 1.5
    ground = start[:, :, None, None] + (end - start)[:, :, None, None] * along[:, None]
    return torch.from_numpy(ground.astype(np.float32)), *inks


def _uniform(draw, *shape: int) -> np.ndarray:
    """-1 to 1."""
    return draw.uniform(-1, 1, shape)


def column(values: np.ndarray) -> Tensor:
    """One number an image: (n, 1, 1, 1)."""
    return torch.from_numpy(np.asarray(values, np.float32)).view(-1, 1, 1, 1)
