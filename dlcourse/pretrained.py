"""Networks that have learned already: take the body of one, put a head of your own on it, and a few examples do.

    model = pretrained.backbone("glyphs", classes=10)  # the body is frozen: only the new head learns
    images = model.prepare(digits.train.inputs)        # grey 8 x 8 becomes what the body knows, colour 32 x 32
    model.thaw()                                       # now all of it learns: see `rates`

The course has a small body of its own; larger ones come from torchvision, or from a file.
"""

import json
import re
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from dlcourse import models, transforms
from dlcourse.sets import download, store

GLYPHS = Path(__file__).parent / "files" / "glyph_backbone.safetensors"
FILES = (".safetensors", ".pt", ".pth", ".th")
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}  # of its training images, by channel
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()


class Backbone(nn.Module):
    """A body that has learned to see, and a head that scores what it sees; `backbone` makes one.

    images    (B, 3, S, S): bytes, or floats 0 to 1; S is `size`. It normalises them itself
    returns   (B, K), scores

    body, head  the two parts; all but the last layer is body
    names       what the K scores stand for, where the head is the one that it was trained with; else ()
    size        side of the images that the body was trained on. A convolutional body also works at another, less well:
                set model.size = 96, for example, to save time

    Raises ValueError where the images do not fit. That they are normalised already is seen on the CPU only: to look at
    the numbers would make a GPU wait.
    """

    def __init__(self, body: nn.Module, head: nn.Module, *, name, mean, std, size, names=(), zoom=1.0, filter=None):
        super().__init__()
        self.normalise, self.body, self.head = transforms.Normalise(mean, std), body, head
        self.name, self.size, self.names, self.frozen = name, size, tuple(names), False
        self._zoom, self._filter = zoom, filter or "bilinear"

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self._seen(images))

    def features(self, images: Tensor) -> Tensor:
        """What the head is given: numbers that tell kinds of images apart.

        images   (B, 3, S, S)
        returns  (B, D)
        """
        seen = self._seen(images)
        return seen.mean((2, 3)) if seen.dim() == 4 else seen

    def prepare(self, images: Tensor) -> Tensor:
        """Make images of any size fit: the shorter side is scaled, the middle cut out, grey becomes three channels.

        images   (B, C, H, W), C is 1 or 3: bytes, or floats 0 to 1
        returns  (B, 3, S, S), of the same kind; bytes take a quarter of the room

        As the body's images were prepared when it was trained: most ImageNet bodies cut 224 out of 256 pixels.
        """
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as resizing

        wanted = self.normalise.mean.shape[1]
        if images.dim() != 4 or images.shape[1] not in (1, wanted):
            raise ValueError(f"prepare: images are {tuple(images.shape)}: pass (B, {wanted}, H, W) or (B, 1, H, W)")
        images = resizing.resize(images, [round(self.size * self._zoom)], InterpolationMode(self._filter))
        images = resizing.center_crop(images, [self.size, self.size]).expand(-1, wanted, -1, -1)
        return images.clamp(0, 1) if images.is_floating_point() else images  # a cubic filter overshoots

    def freeze(self, frozen: bool = True) -> "Backbone":
        """Only the head learns: the body's weights and its batch norm statistics stay, and its dropout is off."""
        self.frozen = frozen
        self.body.requires_grad_(not frozen)
        return self.train(self.training)

    def thaw(self) -> "Backbone":
        """All of it learns."""
        return self.freeze(False)

    def train(self, mode: bool = True) -> "Backbone":
        super().train(mode)
        if self.frozen:
            self.body.eval()
        return self

    def __repr__(self) -> str:
        learn = sum(p.numel() for p in self.parameters() if p.requires_grad)
        every = sum(p.numel() for p in self.parameters())
        return f"{self.name} for images {self._shape()}: {learn:,} of {every:,} parameters learn"

    def _shape(self) -> str:
        return f"(B, {self.normalise.mean.shape[1]}, {self.size}, {self.size})"

    def _seen(self, images: Tensor) -> Tensor:
        if images.dim() != 4 or images.shape[1:] != (self.normalise.mean.shape[1], self.size, self.size):
            raise ValueError(
                f"{self.name}: images are {tuple(images.shape)}: pass {self._shape()}; "
                "model.prepare(images) makes them fit"
            )
        if images.dtype != torch.uint8 and images.device.type == "cpu" and images.numel():
            low, high = (float(x) for x in images.aminmax())
            if low < -0.01 or high > 1.01:
                raise ValueError(
                    f"{self.name}: images run from {low:.2f} to {high:.2f}: pass bytes, or floats 0 to 1 that are not "
                    "normalised, the model does it itself"
                )
        return self.body(self.normalise(images))


def backbone(name: str | Path, classes: int | None, *, freeze: bool = True, weights="default") -> Backbone:
    """A trained network by name, its last layer replaced by a new one for your classes.

    name      "glyphs", the course's own, which comes with it (images 32 x 32); one of torchvision's classifiers, such
              as "resnet18" (224 x 224, downloaded once); or a file: .safetensors whose header says what it holds, as
              the course's own does, or .th, a CIFAR-10 ResNet of github.com/akamaster/pytorch_resnet_cifar10
    classes   K, for a new head that starts at random, as torch's Linear does; None: the head that it was trained with,
              whose classes are in `names`
    freeze    True: only the head learns, until you say thaw()
    weights   "default": those that belong to the name; None: a random start, to compare with; or a file with others,
              .safetensors or a state_dict of torch.save. Half precision becomes float32

    Raises ValueError where there is no such network, or a file is damaged, holds another, or holds code, which is
    never run; sets.Missing where a download is needed and impossible.
    """
    if classes is not None and (not isinstance(classes, int) or classes < 1):
        raise ValueError(f"backbone: classes is {classes!r}: pass how many there are, or None for the head it has")
    if name == "glyphs" or Path(name).suffix in FILES:
        make, file, about = _described(GLYPHS if name == "glyphs" else Path(name))
    else:
        make, file, about = _torchvision(name)
    network = make()
    if weights is not None:
        _fill(network, about["name"], file() if weights == "default" else Path(weights))
    if classes is not None:
        about["names"] = ()
    body, head = _cut(network, classes)
    model = Backbone(body, head, **about)
    return model.freeze() if freeze else model


def rates(model: Backbone, *, head: float = 1e-2, body: float = 1e-3) -> list[dict]:
    """Two learning rates: the new head has far to go, the body should not forget what it knows.

    returns  parameters in groups, for training.fit(..., parameters=rates(model)) and for torch's optimizers

    Raises ValueError while the body is frozen.
    Source: Howard and Ruder 2018, arXiv 1801.06146, discriminative fine-tuning, here with two rates.
    """
    if model.frozen:
        raise ValueError("rates: the body is frozen, so no rate moves it: call model.thaw() first")
    return [{"params": list(part.parameters()), "lr": lr} for part, lr in ((model.head, head), (model.body, body))]


# ---- where networks come from: (a function that makes one, a function that says where its weights are, all about it)


def _torchvision(name: str) -> tuple[Callable, Callable, dict]:
    import torchvision.models as zoo

    if name not in zoo.list_models(module=zoo):
        raise ValueError(
            f'backbone: there is no network {str(name)!r}: choose "glyphs", a file ({", ".join(FILES)}) or one of '
            "torchvision.models.list_models(), such as resnet18 or mobilenet_v3_small"
        )
    weights = zoo.get_model_weights(name).DEFAULT
    fits = weights.transforms()
    size = fits.crop_size[0]
    options = {"weights": None}
    if name in ("googlenet", "inception_v3"):  # one row of scores, also while training
        options |= {"aux_logits": False, "transform_input": True, "init_weights": True}
    elif name.startswith("vit_"):
        options |= {"image_size": size}
    about = {"name": name, "mean": fits.mean, "std": fits.std, "size": size, "names": weights.meta["categories"]}
    about |= {"zoom": fits.resize_size[0] / size, "filter": fits.interpolation.value}
    return partial(zoo.get_model, name, **options), partial(_downloaded, name, weights), about


def _downloaded(name: str, weights) -> Path:
    file = store.folder() / "weights" / weights.url.rsplit("/", 1)[1]
    checksum = torch.hub.HASH_REGEX.search(file.name)[1]
    download.fetch(name, file.parent, {file.name: (checksum, [weights.url])}, "glyphs", who="backbone")
    return file


def _described(file: Path) -> tuple[Callable, Callable, dict]:
    """A network of dlcourse.models that the file itself describes."""
    header, _ = _read(file)
    try:
        make = partial(getattr(models, header["model"]), **json.loads(header["arguments"]))
        _cut(make(), None)  # is it a network?
        mean, std, names = (json.loads(header[key]) for key in ("mean", "std", "classes"))
        about = {"name": file.stem, "mean": mean, "std": std, "size": int(header["size"]), "names": names}
    except (KeyError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"backbone: the header of {file} does not describe a network of dlcourse.models "
            f"({type(error).__name__}: {error}): say which it is, such as backbone('resnet18', weights={str(file)!r})"
        ) from None
    return make, lambda: file, about


def _read(file: Path) -> tuple[dict, dict[str, Tensor]]:
    """What a file says of itself, and its tensors. Nothing in it is ever run."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    if not file.is_file():
        raise ValueError(f"backbone: there is no file {file}")
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as opened:
                return opened.metadata() or {}, load_file(file)
        with warnings.catch_warnings(action="ignore"):  # torch warns of newer pickles
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in many ways
        why = "it is cut short or damaged: get it anew"
        if "unsupported" in str(error).lower():  # so says torch's reader of pickles
            why = "it holds more than tensors, so opening it could run code: ask for a state_dict, or .safetensors"
        raise ValueError(f"backbone: {file} was not opened: {why}") from None
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"backbone: {file} holds no state_dict, which is tensors by name: save model.state_dict()")
    if "module.linear.bias" in state and "module.layer3.0.conv1.weight" in state:
        return _cifar(state)
    return {}, state


def _cifar(state: dict[str, Tensor]) -> tuple[dict, dict[str, Tensor]]:
    """A checkpoint of akamaster/pytorch_resnet_cifar10, trained in parallel, in the names of our ResNet."""
    blocks = len([name for name in state if re.fullmatch(r"module\.layer1\.\d+\.conv1\.weight", name)])
    ours = {}
    for name, value in state.items():
        name = name.removeprefix("module.")
        name = re.sub(r"^layer(\d)\.(\d+)", lambda m: f"stages.{(int(m[1]) - 1) * blocks + int(m[2])}", name)
        name = re.sub(r"^conv1", "stem.0", re.sub(r"^bn1", "stem.1", name))
        for theirs, our in ((".conv1", ".first"), (".conv2", ".second"), (".bn", ".norm"), ("linear", "scores")):
            name = name.replace(theirs, our)
        ours[name] = value
    arguments = {"channels": 3, "classes": 10, "blocks": blocks, "padded": True}
    header = {"arguments": arguments, "classes": CIFAR10, **IMAGENET}
    return {"model": "ResNet", "size": "32"} | {key: json.dumps(value) for key, value in header.items()}, ours


# ---- weights and heads


def _fill(network: nn.Module, name: str, file: Path) -> None:
    _, state = _read(file)
    for key in list(state):  # in place: torch hangs version numbers on it
        value = state.pop(key)
        key = str(key).removeprefix("module.")  # trained in parallel
        if not key.lower().startswith("aux"):  # scores that only help to train
            state[re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)", r"\1\2", key)] = value  # DenseNet's old names
    wanted = network.state_dict()
    lost = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    more = [key for key in state if key not in wanted]
    other = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    if lost or more or other:
        faults = [f"it lacks {_some(lost)}"] if lost else []
        faults += [f"it has {_some(more)} besides"] if more else []
        for key in other[:1]:
            faults.append(f"{_some(other)} is {tuple(state[key].shape)}, awaited {tuple(wanted[key].shape)}")
        raise ValueError(f"backbone: {file} does not fit {name}: {'; '.join(faults)}: pass the file of this network")
    network.load_state_dict(state)


def _some(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _cut(network: nn.Module, classes: int | None) -> tuple[nn.Module, nn.Module]:
    """Body and head: the head is the layer that makes the scores, or a new one."""
    layers = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    place = "scores" if hasattr(network, "scores") else layers[-1]
    last = network.get_submodule(place)
    if isinstance(last, nn.Conv2d):  # SqueezeNet scores every place, then takes the mean
        pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        head = [network.classifier, nn.Flatten()] if classes is None else [*pool, nn.Linear(last.in_channels, classes)]
        return network.features, nn.Sequential(*head)
    network.set_submodule(place, nn.Identity())
    return network, last if classes is None else nn.Linear(last.in_features, classes)
