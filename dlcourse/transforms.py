"""Augmentation of whole batches, with a draw of its own for every image; normalisation and its inverse.

    augment = transforms.Augment(crop=4, flip=0.5, colour=0.2)
    images, labels = augment(digits.train, batch, generator)

Each step is also a function. All take images (B, C, H, W), bytes 0 to 255 or floats 0 to 1, and give back images of
the same shape, kind and device: augment first, normalise after. They draw from the generator you pass, which lives
where the images live: torch.Generator(images.device).manual_seed(0).
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn


class Augment:
    """Apply the steps you name, in that order, to a batch of a training split.

    split    .inputs (N, C, H, W); .labels (N,) classes or (N, H, W) masks, int64; .role, which must be "train"
    index    (B,), int64: which examples; None: all
    images   (B, C, H, W), returned first
    labels   (B,); with masks (B, H, W), moved like their images; with mixup (B, K), shares of the K classes

    A step is a function below, its value the second argument: Augment(crop=4, flip=0.5, mixup=0.2, classes=10).

    It takes a split and not images because only a split can say what it is. Two locks keep it off what is measured:
    ValueError for a split whose role is not "train" (a split made by hand has to say so), and wherever gradients are
    off, as they are while one measures. Test-time augmentation, a method of its own, calls the functions below.
    """

    def __init__(self, *, classes: int | None = None, **steps: float):
        for name in steps:
            if name not in _STEPS:
                raise ValueError(f"Augment: there is no step {name!r}: choose from {', '.join(_STEPS)}")
        if "mixup" in steps and (list(steps)[-1] != "mixup" or classes is None):
            raise ValueError("Augment: mixup comes last and needs classes=K: Augment(..., mixup=0.2, classes=10)")
        self.steps, self.classes = steps, classes

    def __repr__(self) -> str:
        return f"Augment({', '.join(f'{name}={value}' for name, value in self.steps.items())})"

    def __call__(self, split, index: Tensor | None, generator: Generator) -> tuple[Tensor, Tensor]:
        _only_training("Augment", split)
        if not torch.is_grad_enabled():
            raise ValueError("Augment: gradients are off, so this looks like a test: take augment out of evaluation")
        images, labels = split.inputs, split.labels
        _check_labels(images, labels, masks_fit="mixup" not in self.steps)
        if index is not None:
            images, labels = images.index_select(0, index), labels.index_select(0, index)
        for name, value in self.steps.items():
            if name == "mixup":
                return mixup(images, labels, generator, value, classes=self.classes)
            before = generator.get_state() if name in _MOVES and labels.dim() == 3 else None
            images = _STEPS[name](images, generator, value)
            if before is not None:  # the same draws again, for the masks
                generator.set_state(before)
                labels = _STEPS[name](labels.unsqueeze(1), generator, value).squeeze(1)
        return images, labels


def crop(images: Tensor, generator: Generator, pad: int = 4) -> Tensor:
    """Shift each image by up to `pad` pixels both ways; what comes in at the edge is 0.

    images   (B, C, H, W)
    returns  (B, C, H, W)

    Every run of W pixels of the padded images is a row of one overlapping view, so a single index_select cuts all.
    """
    b, c, h, w = _check("crop", images, generator, pad, whole=True, below=min(images.shape[-2:]))
    padded = F.pad(images, (pad, pad, pad, pad)).contiguous()
    tall, wide = h + 2 * pad, w + 2 * pad
    top, left = torch.randint(2 * pad + 1, (2, b, 1, 1), generator=generator, device=images.device)
    image = torch.arange(b * c, device=images.device).view(b, c, 1)
    row = image * tall + top + torch.arange(h, device=images.device)  # (B, C, H), counted over all padded images
    runs = padded.as_strided((padded.numel() - w + 1, w), (1, 1))
    return runs.index_select(0, (row * wide + left).flatten()).view(b, c, h, w)


def flip(images: Tensor, generator: Generator, share: float = 0.5) -> Tensor:
    """Mirror a `share` of the images, left to right.

    images   (B, C, H, W)
    returns  (B, C, H, W)
    """
    _check("flip", images, generator, share)
    mirrored = (_uniform(images, generator, 0, 1) < share).flatten()
    place = torch.arange(len(images), device=images.device) + len(images) * mirrored
    return torch.cat([images, images.flip(3)]).index_select(0, place)


def rotate(images: Tensor, generator: Generator, degrees: float = 15.0) -> Tensor:
    """Turn each image about its middle by up to `degrees` either way; the corners that come in are 0.

    images   (B, C, H, W); int64 masks take the nearest pixel, all others are interpolated
    returns  (B, C, H, W)
    """
    _check("rotate", images, generator, degrees)
    return _affine(images, _uniform(images, generator, -degrees, degrees) * (math.pi / 180), 1)


def scale(images: Tensor, generator: Generator, by: float = 0.1) -> Tensor:
    """Enlarge or shrink each image about its middle, by a factor between 1 / (1 + by) and 1 + by.

    images   (B, C, H, W); int64 masks take the nearest pixel, all others are interpolated
    returns  (B, C, H, W)
    """
    _check("scale", images, generator, by)
    factor = (1 + by) ** _uniform(images, generator, -1, 1)
    return _affine(images, torch.zeros_like(factor), factor)


def colour(images: Tensor, generator: Generator, by: float = 0.2) -> Tensor:
    """Change brightness, contrast and, of 3 channels, saturation, each by a factor between 1 - by and 1 + by.

    images   (B, C, H, W)
    returns  (B, C, H, W)
    """
    _check("colour", images, generator, by, light=True)
    brightness, contrast, saturation = (_uniform(images, generator, 1 - by, 1 + by) for _ in range(3))
    light = images.float() * brightness
    middle = light.mean((1, 2, 3), keepdim=True)
    light = torch.lerp(middle, light, contrast)
    if images.shape[1] == 3:
        grey = light.mean(1, keepdim=True)
        light = torch.lerp(grey, light, saturation)
    return _back(light, images)


def noise(images: Tensor, generator: Generator, std: float = 0.05) -> Tensor:
    """Add normal noise to every pixel; `std` is a share of the range from black to white.

    images   (B, C, H, W)
    returns  (B, C, H, W)
    """
    _check("noise", images, generator, std, light=True)
    normal = torch.randn(images.shape, generator=generator, device=images.device)
    return _back(images.float() + normal * (std * _white(images)), images)


def erase(images: Tensor, generator: Generator, share: float = 0.5) -> Tensor:
    """Put noise over a rectangle in a `share` of the images: 2 to 40 % of the area, 0.3 to 3.3 times as high as wide.

    images   (B, C, H, W)
    returns  (B, C, H, W)

    Source: Zhong et al. 2020, arXiv 1708.04896.
    """
    h, w = _check("erase", images, generator, share)[2:]
    area = _uniform(images, generator, 0.02, 0.4) * (h * w)
    shape = torch.exp(_uniform(images, generator, math.log(0.3), math.log(3.3)))
    high, wide = (area * shape).sqrt().clamp(1, h), (area / shape).sqrt().clamp(1, w)
    top, left = _uniform(images, generator, 0, 1) * (h - high), _uniform(images, generator, 0, 1) * (w - wide)
    chosen = _uniform(images, generator, 0, 1) < share
    static = torch.rand(images.shape, generator=generator, device=images.device) * _white(images)
    return torch.where(_box(images, top, left, high, wide) & chosen, static.to(images.dtype), images)


def cutout(images: Tensor, generator: Generator, side: int = 8) -> Tensor:
    """Set a square of `side` pixels to 0 in each image; its middle may be at the edge, so that less is covered.

    images   (B, C, H, W)
    returns  (B, C, H, W)

    Source: DeVries and Taylor 2017, arXiv 1708.04552.
    """
    h, w = _check("cutout", images, generator, side, whole=True)[2:]
    top = (_uniform(images, generator, 0, 1) * h).floor() - side // 2
    left = (_uniform(images, generator, 0, 1) * w).floor() - side // 2
    return images.masked_fill(_box(images, top, left, side, side), 0)


def mixup(images: Tensor, labels: Tensor, generator: Generator, alpha: float = 0.2, *, classes: int):
    """Blend each image with another of the batch, and their labels in the same shares.

    images   (B, C, H, W)
    labels   (B,), int64: 0 to K - 1, where K is `classes`
    returns  (B, C, H, W), the blended images
    shares   (B, K), float32: how much of each class; F.cross_entropy takes them as they are

    alpha    the shares are drawn from Beta(alpha, alpha): near 0 one image rules, 1 gives every blend alike
    Source: Zhang et al. 2018, arXiv 1710.09412; one-line symmetric beta: Devroye 1996, doi 10.1145/256562.256593.
    """
    _check("mixup", images, generator, alpha)
    _check_labels(images, labels, masks_fit=False)
    if images.device.type == "cpu" and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"mixup: labels run to {labels.max()}, but there are {classes} classes: pass classes=K")
    u, v, side = (_uniform(images, generator, 0, 1) for _ in range(3))
    spread = (u ** (-1 / max(alpha, 1e-6)) - 1) * torch.cos(2 * math.pi * v) ** 2
    mine = 0.5 + torch.where(side < 0.5, -0.5, 0.5) / (1 + 1 / spread).sqrt()
    other = torch.randperm(len(images), generator=generator, device=images.device)
    shares, mine_flat = F.one_hot(labels, classes).float(), mine.view(-1, 1)
    blend = mine * images.float() + (1 - mine) * images[other].float()
    return _back(blend, images, clamp=False), mine_flat * shares + (1 - mine_flat) * shares[other]


class Normalise(nn.Module):
    """Take the mean of each channel away and divide by its standard deviation; `inverse` undoes it.

    images   (B, C, H, W): bytes 0 to 255 or floats 0 to 1
    returns  (B, C, H, W), float: about mean 0 and standard deviation 1

    mean, std  one number a channel, for pixels from 0 to 1: Normalise((0.5,), (0.25,)), or Normalise.of(digits.train)

    It is a layer without parameters: nn.Sequential(Normalise(...), model) normalises train and test alike, and a saved
    model keeps its numbers.
    """

    def __init__(self, mean, std):
        super().__init__()
        mean, std = (torch.as_tensor(x, dtype=torch.float32).reshape(1, -1, 1, 1).clone() for x in (mean, std))
        if mean.shape != std.shape or not (std > 0).all() or not mean.isfinite().all():
            raise ValueError(
                f"Normalise: mean {mean.flatten().tolist()}, std {std.flatten().tolist()}: "
                "pass one number a channel for each, every std above 0"
            )
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def of(cls, split) -> "Normalise":
        """Measured on a training split (.inputs (N, C, H, W)): the test split must not be known, not even its mean."""
        _only_training("Normalise.of", split)
        if split.inputs.dim() != 4 or not len(split.inputs):
            raise ValueError(f"Normalise.of: inputs are {tuple(split.inputs.shape)}: pass images (N, C, H, W), N > 0")
        white = _white(split.inputs)
        by_channel = [torch.std_mean(channel.float()) for channel in split.inputs.unbind(1)]  # one in memory at a time
        return cls([float(mean) / white for _, mean in by_channel], [float(std) / white for std, _ in by_channel])

    def forward(self, images: Tensor) -> Tensor:
        self._fits("Normalise", images)
        light = images.to(self.mean.dtype) / 255 if images.dtype == torch.uint8 else images
        return (light - self.mean) / self.std

    def inverse(self, images: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        """Back to pixels (B, C, H, W): bytes, each one exactly as it was, or floats 0 to 1 with dtype=torch.float32."""
        self._fits("Normalise.inverse", images)
        light = images * self.std + self.mean
        return (light * 255).round().clamp(0, 255).byte() if dtype == torch.uint8 else light.to(dtype)

    def _fits(self, who, images):
        channels = self.mean.shape[1]
        if images.dim() != 4 or images.shape[1] != channels:
            raise ValueError(f"{who}: images are {tuple(images.shape)}: pass (B, {channels}, H, W)")


_MOVES = {"crop": crop, "flip": flip, "rotate": rotate, "scale": scale}  # masks move with their images
_STEPS = _MOVES | {"colour": colour, "noise": noise, "erase": erase, "cutout": cutout, "mixup": mixup}


def _uniform(images: Tensor, generator: Generator, low: float, high: float) -> Tensor:
    """One number for each image, (B, 1, 1, 1)."""
    return torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device) * (high - low) + low


def _affine(images: Tensor, angle: Tensor, factor) -> Tensor:
    cos, sin = (torch.cos(angle) / factor).flatten(), (torch.sin(angle) / factor).flatten()
    h, w = images.shape[2:]
    nil = torch.zeros_like(cos)
    theta = torch.stack([cos, -sin * h / w, nil, sin * w / h, cos, nil], 1).view(-1, 2, 3)  # in halves of the image
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    mode = "nearest" if images.dtype == torch.int64 else "bilinear"
    return _back(F.grid_sample(images.float(), grid, mode=mode, align_corners=False), images, clamp=False)


def _box(images: Tensor, top, left, high, wide) -> Tensor:
    """True inside of one rectangle for each image, (B, 1, H, W)."""
    y = torch.arange(images.shape[2], device=images.device).view(1, 1, -1, 1)
    x = torch.arange(images.shape[3], device=images.device)
    return (y >= top) & (y < top + high) & (x >= left) & (x < left + wide)


def _white(images: Tensor) -> int:
    return 255 if images.dtype == torch.uint8 else 1


def _back(light: Tensor, images: Tensor, clamp: bool = True) -> Tensor:
    """Numbers as the kind that the images came in."""
    light = light.clamp_(0, _white(images)) if clamp else light
    return light.to(images.dtype) if images.is_floating_point() else light.round_().to(images.dtype)


def _only_training(who: str, split) -> None:
    role = getattr(split, "role", None)
    if role != "train":
        raise ValueError(
            f"{who}: the role of this split is {role!r}: pass the training split, or where you made it yourself say "
            'Split(inputs, labels, role="train")'
        )


def _check_labels(images: Tensor, labels: Tensor, masks_fit: bool) -> None:
    classes, masks = (len(images),), (len(images), *images.shape[2:])
    if labels.dtype != torch.int64 or (labels.shape != classes and not (masks_fit and labels.shape == masks)):
        raise ValueError(
            f"Augment: labels are {tuple(labels.shape)} {labels.dtype}: pass int64 {classes}"
            + (f", or masks {masks}" if masks_fit else "; mixup cannot blend masks")
        )


def _check(who, images, generator, amount, *, whole=False, below=math.inf, light=False) -> torch.Size:
    if images.dim() != 4 or not images.numel():
        raise ValueError(f"{who}: images are {tuple(images.shape)}: pass a batch (B, C, H, W) of one image or more")
    if not images.is_floating_point() and images.dtype not in (torch.uint8, torch.int64):
        raise ValueError(f"{who}: images are {images.dtype}: pass bytes 0 to 255 (uint8) or floats 0 to 1")
    if generator.device.type != images.device.type:
        raise ValueError(
            f"{who}: the images are on {images.device.type}, the generator on {generator.device.type}: "
            "make it with torch.Generator(images.device)"
        )
    if not 0 <= amount < below or (whole and int(amount) != amount):
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"{who}: {amount} came: pass {kind} from 0 up" + (f", below {below}" * (below < math.inf)))
    if light and images.device.type == "cpu" and images.is_floating_point() and images.amin() < 0:
        raise ValueError(f"{who}: there are pixels below 0, so the images are normalised: augment first")
    return images.shape
