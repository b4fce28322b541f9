"""Pictures of data and of what a network makes of them, for any lab.

    pictures.show_set(digits)
    pictures.show_confusion(digits.test.labels, model(images).argmax(1), digits.classes)

Each call draws one figure, says in words what one sees, and refuses in one sentence what it cannot draw.
"""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from dlcourse import plotting
from dlcourse.plotting import BLUE, GREEN, GREY, ORANGE, PINK, SKY, Unfit, mpl, plt

WIDE = 9.6  # inches, the width of a notebook
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, "#E69F00", GREY, "black")  # Okabe and Ito's
MARKERS = "os^DvPX*"


# ---- data


def show_set(dataset) -> None:
    """Draw the training examples of any data set: images class by class, points, masks and boxes; texts are printed.

    dataset  as data.load gives it: .name, .classes and .train, with .inputs and .labels
    """
    if not hasattr(dataset, "train"):
        raise Unfit(f"show_set: this is a {type(dataset).__name__}: pass the whole set, as data.load gives it")
    inputs, labels, classes = dataset.train.inputs, dataset.train.labels, dataset.classes
    by_class = isinstance(labels, Tensor) and labels.dim() == 1 and not labels.is_floating_point()
    if not len(labels):
        raise Unfit(f"show_set: {dataset.name} has 0 training examples: is a mask or a slice empty?")
    if not isinstance(inputs, Tensor) and isinstance(inputs[0], str):
        _print_texts(dataset, labels if by_class else None)
    elif isinstance(inputs, Tensor) and inputs.dim() == 4 and by_class:
        _show_classes(dataset)
    elif isinstance(inputs, Tensor) and inputs.dim() == 4:
        known = {"masks": None, "boxes": None} | getattr(dataset.train, "more", {})
        if isinstance(labels, Tensor) and labels.dim() == 3:
            known["boxes" if labels.is_floating_point() else "masks"] = labels
        boxes = None if known["boxes"] is None else [b[b[:, 0] >= 0] for b in known["boxes"][:8]]  # -1 fills up
        show_scenes(inputs[:8], None if known["masks"] is None else known["masks"][:8], boxes, classes)
    elif isinstance(inputs, Tensor) and inputs.dim() == 2 and inputs.shape[1] <= 2 and inputs.is_floating_point():
        _show_points(dataset, labels if by_class else None)
    else:
        shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise Unfit(f"show_set: inputs are {shape}: pass images (N, C, H, W), points (N, 1) or (N, 2), or texts")


def _show_classes(dataset) -> None:
    """A row of images for each class; of many classes several columns of such rows."""
    labels, classes = dataset.train.labels, _names(dataset.classes, dataset.train.labels)
    kinds = min(len(classes), 64)
    blocks, most = (1, 9) if kinds <= 12 else (3, 3) if kinds <= 36 else (4, 3)
    members = [(labels == k).nonzero().flatten()[:most].tolist() for k in range(kinds)]
    rows, each = -(-kinds // blocks), max(map(len, members))
    tiles = iter(_tiles(dataset.train.inputs[[i for row in members for i in row]], "show_set"))
    height, width = dataset.train.inputs.shape[2:]
    beside = 0.1 * max(map(len, classes)) + 0.15  # inches, for the names
    tile = min(0.62, (WIDE / blocks - beside) / (1.1 * each), 8.4 / (1.1 * rows) * width / height)
    size = (blocks * (1.1 * tile * each + beside), 1.1 * tile * rows * height / width)
    _, axes = plt.subplots(1, blocks, figsize=size, squeeze=False, layout="compressed")
    for block, axis in enumerate(axes.flat):
        part = [k if k < kinds else None for k in range(block * rows, (block + 1) * rows)]
        cells = [next(tiles) if k is not None and j < len(members[k]) else None for k in part for j in range(each)]
        _mosaic(axis, cells, each, rows=["" if k is None else classes[k] for k in part])
    rest = f" (the first {kinds} of {len(classes)})" if kinds < len(classes) else ""
    counts = torch.bincount(labels, minlength=len(classes))
    plotting.show(
        f"{dataset.name}: images of {height} by {width} pixels in {kinds} rows{rest}, a row for each class: "
        f"{', '.join(classes[:kinds])}; {counts.min()} to {counts.max()} training images a class"
    )


def _show_points(dataset, classes_of) -> None:
    inputs, labels = dataset.train.inputs, dataset.train.labels
    _, axis = plt.subplots(figsize=(6.4, 4.4) if inputs.shape[1] == 2 else (6.4, 3.8))
    if inputs.shape[1] == 1:
        axis.plot(inputs[:, 0].numpy(), labels.reshape(len(labels), -1)[:, 0].numpy(), "o", markersize=5, alpha=0.8)
        axis.set(xlabel="input", ylabel="label")
        what = f"inputs {_range(inputs)}, labels {_range(labels)}"
    else:
        what = _scatter(axis, inputs, classes_of, dataset.classes)
        axis.set(xlabel="first feature", ylabel="second feature")
        axis.set_aspect("equal", adjustable="datalim")
    plotting.show(f"{dataset.name}: {len(inputs)} training points, {what}")


def _print_texts(dataset, classes_of) -> None:
    """Printed and not drawn: a browser has fonts for every script, writes Arabic from the right, and lets one copy."""
    inputs, labels = dataset.train.inputs, dataset.train.labels
    if classes_of is None:
        chosen = range(min(10, len(labels)))
        names = [_short(str(labels[i]), 40) for i in chosen]
    else:
        chosen = [int((labels == k).nonzero()[0]) for k in labels.unique().tolist()][:40]
        names = [_names(dataset.classes, labels)[labels[i]] for i in chosen]
    print(f"{dataset.name}: {len(names)} of {len(labels):,} training examples")
    wide = max(map(len, names))
    for i, name in zip(chosen, names, strict=True):
        print(f"{name:<{wide}}  {_short(inputs[i], 100 - wide)}")


def show_transforms(images, steps, draws: int = 3, *, seed: int = 0) -> None:
    """Draw each image as it is and, for each step, several draws of what augmentation makes of it.

    images  (N, C, H, W), a few of them: uint8 0 to 255, or float 0 to 1
    steps   name: transforms.crop, any function of images and a generator, or a transforms.Augment
    """
    if images.dim() != 4 or not 1 <= len(images) <= 8:
        raise Unfit(f"show_transforms: images are {tuple(images.shape)}: pass 1 to 8 images (N, C, H, W)")
    generator = torch.Generator().manual_seed(seed)
    together = max(1, 12 // draws)  # steps side by side
    names = list(steps)
    lines = [names[i : i + together] for i in range(0, len(names), together)]
    across = 1 + (draws * 1.1 + 0.2) * len(lines[0])  # images, and gaps between the steps
    tile = min(1.0, WIDE / across)
    tall = 1.1 * tile * len(images) * images.shape[2] / images.shape[3] + 0.3
    figure = plt.figure(figsize=(tile * across, tall * len(lines)))
    figure.get_layout_engine().set(wspace=0.06)  # more between two steps than between two draws
    for line, part in zip(lines, np.atleast_1d(figure.subfigures(len(lines), 1)), strict=True):
        empty = len(lines[0]) - len(line)
        axes = part.subplots(1, 1 + len(lines[0]), width_ratios=[1] + [draws * 1.1 - 0.1] * len(lines[0]))
        _mosaic(axes[0], _tiles(images, "show_transforms"), 1)
        axes[0].set_title("original", fontsize=10)
        for axis, name in zip(axes[1:], line + [None] * empty, strict=True):
            axis.axis("off")
            if name is not None:
                drawn = torch.stack([_augmented(steps[name], images, generator) for _ in range(draws)], 1)
                _mosaic(axis, _tiles(drawn.flatten(0, 1), "show_transforms"), draws)
                axis.set_title(name, fontsize=10)
    plotting.show(f"{len(images)} images as they are, and {draws} draws each of {', '.join(names)}")


def _augmented(step, images, generator) -> Tensor:
    if not hasattr(step, "steps"):
        return step(images, generator)
    labels = torch.zeros(len(images), dtype=torch.int64)  # a transforms.Augment asks for a split
    return step(SimpleNamespace(inputs=images, labels=labels, role="train"), None, generator)[0]


def show_scenes(images, masks=None, boxes=None, classes=(), *, names=None, titles=None, columns: int = 4) -> None:
    """Draw images with what is in them: a colour for each class of the mask, and boxes.

    images   (N, C, H, W), C 1 or 3: uint8 0 to 255, or float 0 to 1
    masks    (N, H, W), int64: the class of each pixel; class 0 is the background and stays clear
    boxes    for each image (M, 4): left, top, right, bottom in pixels from the upper left corner
    classes  names of the classes, the background first
    names    for each image one name for each of its boxes
    """
    tiles = _tiles(images, "show_scenes")
    n, height, width = tiles.shape[:3]
    if masks is not None and tuple(masks.shape) != (n, height, width):
        raise Unfit(f"show_scenes: masks are {tuple(masks.shape)}: pass {(n, height, width)}, one for each image")
    for what, came in (("boxes", boxes), ("names", names), ("titles", titles)):
        if came is not None and len(came) != n:
            raise Unfit(f"show_scenes: {what} for {len(came)} images, but {n} images came: pass one entry for each")
    columns = min(columns, n)
    rows, side = -(-n // columns), min(2.4, WIDE / columns)
    seen = sorted(set(masks.unique().tolist()) - {0}) if masks is not None else []
    size = (side * columns, side * rows * height / width + 0.4 * bool(seen))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for i, axis in enumerate(axes.flat):
        axis.axis("off")
        if i < n:
            axis.imshow(tiles[i])
            axis.set_title("" if titles is None else str(titles[i]), fontsize=10)
            if masks is not None:
                _paint_mask(axis, tiles[i], masks[i].cpu().numpy())
            if boxes is not None:
                _draw_boxes(axis, torch.as_tensor(boxes[i]), None if names is None else names[i])
    known = {k: str(classes[k]) if k < len(classes) else f"class {k}" for k in seen}
    if seen:
        patches = [mpl.patches.Patch(color=_colour(k - 1), label=known[k]) for k in seen]
        figure.legend(handles=patches, loc="outside lower center", ncols=6)
    painted = f"; masks show {', '.join(known.values())}" if seen else ""
    boxed = f"; {sum(len(b) for b in boxes)} boxes" if boxes is not None else ""
    plotting.show(f"{n} scenes of {height} by {width} pixels{painted}{boxed}")


def _paint_mask(axis, tile, mask) -> None:
    """Over a grey image: on a coloured one nobody could tell the colour of a class."""
    paint = np.repeat(tile.mean(2, keepdims=True), 3, axis=2)
    for k in set(np.unique(mask).tolist()) - {0}:
        paint[mask == k] = 0.3 * paint[mask == k] + 0.7 * np.array(mpl.colors.to_rgb(_colour(k - 1)))
    axis.imshow(paint)


def _draw_boxes(axis, boxes, names) -> None:
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise Unfit(f"show_scenes: boxes of one image are {tuple(boxes.shape)}: pass (M, 4), left, top, right, bottom")
    for j, (left, top, right, bottom) in enumerate(boxes.tolist()):
        for colour, thick in (("black", 3.2), ("white", 1.4)):  # seen on any ground
            style = {"fill": False, "edgecolor": colour, "linewidth": thick}
            axis.add_patch(plt.Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, **style))
        if names is not None:
            style = {"fc": "black", "ec": "none", "pad": 1.5}
            inside = "top" if top < 0.1 * axis.get_ylim()[0] else "bottom"  # else it would be cut off
            axis.text(left, top - 0.5, str(names[j]), fontsize=8, color="white", va=inside, bbox=style, clip_on=True)


# ---- what a model gets right and wrong


def show_confusion(labels, predicted, classes=()) -> None:
    """Draw which class is taken for which: counts, coloured by the share of the class; what is right is grey.

    labels     (N,), int64, the truth
    predicted  (N,), int64, what the model says, such as model(images).argmax(1)
    classes    names; else their numbers
    """
    labels, predicted = torch.as_tensor(labels).cpu(), torch.as_tensor(predicted).cpu()
    both = (labels, predicted)
    if labels.dim() != 1 or labels.shape != predicted.shape or any(_no_classes(x) for x in both):
        came = " and ".join(f"{tuple(x.shape)} {x.dtype}" for x in both)
        raise Unfit(f"show_confusion: labels and predicted are {came}: pass one class each, such as scores.argmax(1)")
    names = _names(classes, torch.cat([labels, predicted]))
    k = len(names)
    counts = torch.bincount(labels * k + predicted, minlength=k * k).view(k, k)
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    side = min(8.4, max(4.2, 0.62 * k))
    figure, axis = plt.subplots(figsize=(side + 1.2, side))
    wrong = shares.masked_fill(torch.eye(k, dtype=torch.bool) | (counts == 0), torch.nan)
    top = max(float(wrong.nan_to_num().max()), 0.1)
    image = axis.imshow(100 * wrong.numpy(), cmap="YlOrBr", vmin=0, vmax=100 * top)
    size = 10 if k <= 12 else 8 if k <= 20 else 6.5
    for i, j in counts.nonzero().tolist():
        if i == j:
            axis.add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, color="#E9E9E9", zorder=1))
        share = f"\n{100 * shares[i, j]:.0f} %" if k <= 12 else ""
        dark = i != j and shares[i, j] > 0.75 * top
        colour = "white" if dark else "#666666" if i == j else "black"
        axis.text(j, i, f"{counts[i, j]}{share}", ha="center", va="center", fontsize=size, color=colour)
    turn = 90 if max(map(len, names)) > (4 if k <= 12 else 2) else 0
    axis.set_xticks(range(k), names, rotation=turn, fontsize=max(size, 8))
    axis.set_yticks(range(k), names, fontsize=max(size, 8))
    axis.set(xlabel="predicted", ylabel="truth")
    axis.grid(False)
    figure.colorbar(image, label="share of the row (%)", shrink=0.6)
    flat = counts.masked_fill(torch.eye(k, dtype=torch.bool), 0).flatten()
    worst = [divmod(cell, k) for cell in flat.argsort(descending=True, stable=True)[:3].tolist() if flat[cell]]
    most = ", ".join(f"{names[i]} taken for {names[j]} {counts[i, j]} times" for i, j in worst)
    right = int(counts.trace())
    plotting.show(f"{right} of {len(labels)} right ({right / len(labels):.1%}); {most or 'nothing is confused'}")


def show_errors(images, labels, scores, classes=(), *, count: int = 10) -> None:
    """Draw the images that a model gets most wrong; "4, not 9 (0.98)": it says 4 with probability 0.98, it is a 9.

    images   (N, C, H, W)
    labels   (N,), int64
    scores   (N, K), as the model gives them, before softmax
    """
    fits = scores.dim() == 2 and len(images) == len(labels) == len(scores) > 0
    if not fits or not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise Unfit(
            f"show_errors: {len(images)} images, {len(labels)} labels, scores {tuple(scores.shape)}: "
            "pass all three of the same examples, scores (N, K) for labels below K"
        )
    scores, labels = scores.detach().cpu().float(), labels.cpu()
    names = _names(classes, labels, scores.shape[1])
    sure, says = scores.softmax(1).max(1)
    loss = torch.nn.functional.cross_entropy(scores, labels, reduction="none")
    wrong = (says != labels).nonzero().flatten()
    worst = wrong[loss[wrong].argsort(descending=True, stable=True)][:count]
    if not len(worst):
        print(f"All {len(labels)} are right: there is no error to show.")
        return
    titles = [f"{names[says[i]]}, not {names[labels[i]]} ({sure[i]:.2f})" for i in worst.tolist()]
    alt = f"{len(worst)} of {len(wrong)} errors among {len(labels)}, the worst first: {'; '.join(titles)}"
    if max(map(len, titles)) > 18:
        titles = [title.replace(", not ", ",\nnot ") for title in titles]
    plotting.show_images(images[worst.to(images.device)], titles, columns=5, alt=alt)


def show_boundary(model, points, labels, classes=()) -> None:
    """Draw what a model says all over the plane: stronger colours are surer, black lines part the classes.

    points  (N, 2), float
    labels  (N,), int64

    model   gives scores (N, K) for points (N, 2), or (N, 1) or (N,) for two classes; it is asked in evaluation mode
    """
    if points.dim() != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise Unfit(
            f"show_boundary: points are {tuple(points.shape)}, labels {tuple(labels.shape)}: pass (N, 2) and (N,)"
        )
    low, high = points.amin(0), points.amax(0)
    margin = 0.08 * (high - low)
    xs, ys = (torch.linspace(a, b, 240) for a, b in torch.stack([low - margin, high + margin], 1).tolist())
    plane = torch.cartesian_prod(xs, ys).view(240, 240, 2).transpose(0, 1).reshape(-1, 2)
    shares = _probabilities(model, plane.to(points)).view(240, 240, -1)
    k = shares.shape[2]
    if k > len(COLOURS) or labels.max() >= k:
        raise Unfit(f"show_boundary: the model gives {k} classes, labels go to {labels.max()}: pass 2 to 8 classes")
    light = 0.5 + 0.5 * torch.tensor([mpl.colors.to_rgb(colour) for colour in COLOURS[:k]])
    _, axis = plt.subplots(figsize=(6.4, 4.6))
    extent = (xs[0].item(), xs[-1].item(), ys[0].item(), ys[-1].item())
    axis.imshow(
        (shares @ light).clamp(0, 1).numpy(), origin="lower", extent=extent, aspect="auto", interpolation="bilinear"
    )
    for c in range(k if k > 2 else 1):
        others = shares[:, :, [j for j in range(k) if j != c]].amax(2)
        lead = (shares[:, :, c] - others).numpy()
        if lead.min() < 0 < lead.max():
            axis.contour(xs.numpy(), ys.numpy(), lead, levels=[0], colors="black", linewidths=1.4)
    what = _scatter(axis, points, labels, classes, edge="white")
    right = (_probabilities(model, points).argmax(1) == labels.cpu()).float().mean()
    axis.set(xlabel="first feature", ylabel="second feature", xlim=extent[:2], ylim=extent[2:])
    axis.locator_params(nbins=6)
    axis.grid(False)
    plotting.show(f"A plane in {k} colours, one a class, and {len(points)} points, {what}: {right:.1%} on their side")


def _probabilities(model, points) -> Tensor:
    """(N, K) for a model that gives scores (N, K), (N, 1) or (N,)."""
    scores = _ask(model, points).cpu().float()
    if scores.dim() not in (1, 2) or len(scores) != len(points):
        raise Unfit(f"show_boundary: {len(points)} points gave scores {tuple(scores.shape)}: a model gives (N, K)")
    if scores.dim() == 1 or scores.shape[1] == 1:
        scores = torch.stack([torch.zeros(len(points)), scores.flatten()], 1)  # sigmoid(x) is softmax of (0, x)
    return scores.softmax(1)


def show_map(features, labels=None, classes=(), *, images=None, words=None, method="pca", most=1000, seed=0) -> None:
    """Lay out examples in the plane so that what has like features lies close together.

    features  (N, D)
    labels    (N,), int64, for the colours
    images    (N, C, H, W), drawn where there is room
    words     N strings, written where there is room
    method    "pca": the two directions of greatest variance; "tsne": van der Maaten and Hinton 2008, by scikit-learn
    most      examples; of more as many are drawn by the seed
    """
    if features.dim() != 2 or len(features) < 3 or features.shape[1] < 2 or not features.isfinite().all():
        raise Unfit(f"show_map: features are {tuple(features.shape)}: pass (N, D) finite numbers, N >= 3 and D >= 2")
    for what, came in (("labels", labels), ("images", images), ("words", words)):
        if came is not None and len(came) != len(features):
            raise Unfit(f"show_map: {len(came)} {what} for {len(features)} rows of features: pass one for each")
    chosen = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))[:most].sort().values
    places, axes = _places(features.detach().cpu().double()[chosen], method, seed)
    kinds = None if labels is None else labels.cpu()[chosen]
    crowd = images is not None or words is not None
    _, axis = plt.subplots(figsize=(WIDE, 6.4) if crowd else (7.4, 5.2))
    what = _scatter(axis, places, kinds, classes, faint=crowd)
    axis.set(xlabel=axes[0], ylabel=axes[1])
    colours = [GREY if words is None else "black"] * len(chosen) if kinds is None else map(_colour, kinds.tolist())
    drawn = ""
    if images is not None:
        drawn = _draw_thumbnails(axis, places, images[chosen.to(images.device)], list(colours))
    elif words is not None:
        drawn = _write_words(axis, places, [_short(str(words[i]), 20) for i in chosen.tolist()], list(colours))
    plotting.show(f"{len(chosen)} of {len(features)} examples by {axes[0]} and {axes[1]}: {what}{drawn}")


def _draw_thumbnails(axis, places, images, colours) -> str:
    kept = _apart(places, [0.27] * len(places), 0.27)
    for i, tile in zip(kept, _tiles(images[kept], "show_map"), strict=True):
        picture = mpl.offsetbox.OffsetImage(tile, zoom=18 / max(tile.shape[:2]))
        frame = {"edgecolor": colours[i], "linewidth": 1.5}
        thumbnail = mpl.offsetbox.AnnotationBbox(picture, places[i].tolist(), pad=0.05, bboxprops=frame)
        axis.add_artist(thumbnail).set_in_layout(False)
    return f"; {len(kept)} of them as pictures"


def _write_words(axis, places, words, colours) -> str:
    kept = _apart(places, [0.09 * len(word) + 0.1 for word in words], 0.19)
    box = {"fc": "white", "ec": "none", "pad": 0.5}  # over the point
    for i in kept:
        axis.text(*places[i].tolist(), words[i], ha="center", va="center", fontsize=9, color=colours[i], bbox=box)
    return f"; {len(kept)} of them as words, such as {', '.join(words[i] for i in kept[:8])}"


def _places(features, method, seed) -> tuple[Tensor, tuple[str, str]]:
    """(N, 2) and the names of the axes."""
    if method == "pca":
        centred = features - features.mean(0)
        _, spread, directions = torch.linalg.svd(centred, full_matrices=False)
        shares = spread.square() / spread.square().sum().clamp(min=1e-12)
        signs = directions[:2].gather(1, directions[:2].abs().argmax(1, keepdim=True)).sign()  # svd's are by chance
        names = (f"{order} direction ({shares[i]:.0%} of the variance)" for i, order in enumerate(("first", "second")))
        return (centred @ (directions[:2] * signs).T).float(), tuple(names)
    if method == "tsne":
        from sklearn.manifold import TSNE

        near = min(30, (len(features) - 1) / 3)
        with warnings.catch_warnings(action="ignore"):  # nothing on stderr, whatever the version
            places = TSNE(perplexity=near, init="pca", random_state=seed).fit_transform(features.float().numpy())
        return torch.from_numpy(places), ("first t-SNE coordinate (no unit)", "second t-SNE coordinate (no unit)")
    raise Unfit(f'show_map: there is no method {method!r}: choose "pca" or "tsne"')


def _apart(places, widths, height) -> list[int]:
    """Those that can be drawn, first come first served, without covering one another; lengths in inches."""
    spread = (places.amax(0) - places.amin(0)).clamp(min=1e-12)
    x, y = ((places - places.amin(0)) / spread * torch.tensor([8.4, 5.4])).T.numpy()  # inches of a figure of 9.6 by 6.4
    widths, kept = np.array(widths), []
    for i in range(len(places)):
        if ((abs(x[i] - x[kept]) > (widths[i] + widths[kept]) / 2) | (abs(y[i] - y[kept]) > height)).all():
            kept.append(i)
    return kept


# ---- inside a network


def show_network(sizes, weights=None, activations=None, *, names=None) -> None:
    """Draw the nodes of a network and what joins them; positive is blue, negative is orange, thick is far from 0.

    sizes        nodes in each layer, such as (5, 3, 3)
    weights      for each two layers a tensor (after, before), as nn.Linear keeps it
    activations  for each layer a tensor (D,) of the numbers in its nodes
    names        of the layers

    Numbers stand on the edges where there is room; of more than 8 nodes some are left out.
    """
    sizes = tuple(sizes)
    weights = None if weights is None else [w.detach().cpu() for w in weights]
    activations = None if activations is None else [a.detach().cpu() for a in activations]
    _check_network(sizes, weights, activations)
    gap = min(2.2 if weights is None else 4.2, (WIDE - 1.2) / (len(sizes) - 1))  # inches from layer to layer
    slots = [_slots(size) for size in sizes]
    pitch = 0.68  # inches from node to node
    tall = pitch * max(map(len, slots))
    _, axis = plt.subplots(figsize=(gap * (len(sizes) - 1) + 1.2, tall + 0.5))
    axis.set(xlim=(-0.6, gap * (len(sizes) - 1) + 0.6), ylim=(-tall / 2 - 0.45, tall / 2))
    axis.set_aspect("equal")
    axis.axis("off")
    spots = [{n: (i * gap, pitch * ((len(s) - 1) / 2 - j)) for j, n in enumerate(s)} for i, s in enumerate(slots)]
    for i in range(len(sizes) - 1):
        _draw_edges(axis, spots[i], spots[i + 1], None if weights is None else weights[i], gap)
    for i, layer in enumerate(spots):
        values = None if activations is None else activations[i]
        for n, (x, y) in layer.items():
            if n is None:
                axis.text(x, y, f"⋮ {sizes[i] - len(layer) + 1} more", ha="center", va="center", fontsize=9)
            else:
                _draw_node(axis, x, y, None if values is None else float(values[n]), values)
        name = f"{names[i]}: {sizes[i]}" if names is not None else str(sizes[i])
        axis.text(i * gap, -tall / 2 - 0.2, name, ha="center", va="center", fontsize=10)
    plotting.show(_network_words(sizes, weights, activations))


def _check_network(sizes, weights, activations) -> None:
    if len(sizes) < 2 or min(sizes) < 1:
        raise Unfit(f"show_network: sizes are {sizes}: pass the nodes of two layers or more, such as (5, 3, 3)")
    awaited = list(zip(sizes[1:], sizes[:-1], strict=True))
    came = awaited if weights is None else [tuple(w.shape) for w in weights]
    if came != awaited:
        raise Unfit(f"show_network: weights are {came}: pass {awaited}, (after, before) for each two layers")
    awaited = [(size,) for size in sizes]
    came = awaited if activations is None else [tuple(a.shape) for a in activations]
    if came != awaited:
        raise Unfit(f"show_network: activations are {came}: pass {awaited}, one example's numbers for each layer")


def _slots(size: int) -> list:
    """Which nodes are drawn, from the top; None for those left out."""
    return list(range(size)) if size <= 8 else [*range(5), None, size - 2, size - 1]


def _draw_node(axis, x, y, value, values) -> None:
    face = "white"
    if value is not None:
        face = _tint(value / max(float(values.abs().max()), 1e-12))
        axis.text(x, y, _number(value), ha="center", va="center", fontsize=9, zorder=4)
    axis.add_patch(plt.Circle((x, y), 0.27, facecolor=face, edgecolor="black", linewidth=1.2, zorder=3))


def _draw_edges(axis, before, after, weights, gap) -> None:
    drawn = [(n, m) for n in before for m in after if n is not None and m is not None]
    largest = 1e-12 if weights is None else max(float(weights.abs().max()), 1e-12)
    numbers = weights is not None and len(drawn) <= 24 and len(after) <= 4 and gap > 2.5
    for n, m in drawn:
        (x0, y0), (x1, y1) = before[n], after[m]
        value = None if weights is None else float(weights[m, n])
        colour = GREY if value is None else BLUE if value >= 0 else ORANGE
        thick = 0.8 if value is None else 0.3 + 3 * abs(value) / largest
        axis.plot([x0, x1], [y0, y1], "-", color=colour, linewidth=thick, zorder=1, alpha=0.8)
        if numbers:  # a column of numbers for each node ahead, so that none covers another
            share = (0.5 + 0.52 * list(after).index(m)) / gap
            at = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
            box = {"fc": "white", "ec": "none", "pad": 0.6}
            axis.text(*at, _number(value), fontsize=8.5, color=colour, ha="center", va="center", bbox=box, zorder=2)


def _network_words(sizes, weights, activations) -> str:
    words = f"A network of {' to '.join(map(str, sizes))} nodes"
    if weights is not None:
        low, high = min(float(w.min()) for w in weights), max(float(w.max()) for w in weights)
        words += f", weights from {_number(low)} to {_number(high)}"
    if activations is not None:
        words += f"; out comes {', '.join(_number(float(a)) for a in activations[-1][:8])}"
    return words


def show_filters(weights, *, shape=None, count: int = 64) -> None:
    """Draw the weights of a first layer as images, on one scale with 0 in the middle.

    weights  (N, C, H, W) of a Conv2d, C 1 or 3; or (N, D) of a Linear, with `shape` where D is no square
    shape    height and width
    """
    weights = weights.detach().cpu().float()
    if weights.dim() == 2:
        side = math.isqrt(weights.shape[1])
        height, width = shape or (side, side)
        if height * width != weights.shape[1]:
            raise Unfit(f"show_filters: {weights.shape[1]} weights are not {height} x {width}: pass shape=(H, W)")
        weights = weights.view(-1, 1, height, width)
    if weights.dim() != 4 or weights.shape[1] not in (1, 3) or not len(weights):
        raise Unfit(
            f"show_filters: weights are {tuple(weights.shape)}: pass (N, 1, H, W) or (N, 3, H, W), "
            "such as weights[:, :1] for one channel"
        )
    most, some = max(float(weights.abs().max()), 1e-12), weights[:count]
    if weights.shape[1] == 3:
        _, axis = _tile_figure(some)
        _mosaic(axis, (0.5 + some / (2 * most)).permute(0, 2, 3, 1).numpy(), _columns(len(some)))
    else:
        _scaled_tiles(some[:, 0], "RdBu", (-most, most), "weight")
    scale = "grey is 0" if weights.shape[1] == 3 else "red is negative, white is 0, blue is positive"
    rest = f" of {len(weights)}" if len(some) < len(weights) else ""
    height, width = weights.shape[2:]
    plotting.show(f"{len(some)}{rest} filters of {height} by {width} weights up to {_number(most)} in size: {scale}")


def show_features(model, layer, image, *, count: int = 32) -> None:
    """Draw what each channel of one layer makes of an image, all on one scale.

    image  (C, H, W), float, as the model takes it

    layer  a part of the model, such as model.blocks[0]; the model is asked in evaluation mode
    """
    if image.dim() != 3:
        raise Unfit(f"show_features: the image is {tuple(image.shape)}: pass one image (C, H, W)")
    caught = []
    hook = layer.register_forward_hook(lambda module, inputs, output: caught.append(output))
    try:
        _ask(model, image.unsqueeze(0))
    finally:
        hook.remove()
    maps = caught[0] if caught else None
    if not isinstance(maps, Tensor) or maps.dim() != 4:
        what = "nothing, for it was not called" if not caught else getattr(maps, "shape", type(maps).__name__)
        raise Unfit(f"show_features: the layer gave {what}: choose one that gives images, (1, C, H, W)")
    maps = maps[0].detach().cpu().float()
    some = maps[:count]
    low, high = float(some.min()), float(some.max())
    _scaled_tiles(some, "viridis", (low, max(high, low + 1e-12)), "activation")
    brightest, silent = int(some.mean((1, 2)).argmax()), int((some.amax((1, 2)) <= 0).sum())
    plotting.show(
        f"{len(some)} of {len(maps)} feature maps of {maps.shape[1]} by {maps.shape[2]}, from {_number(low)} to "
        f"{_number(high)}; the brightest is number {brightest} from 0, {silent} are nowhere above 0"
    )


def show_attention(weights, source, target) -> None:
    """Draw where each target token looks: a row for each, a column for each source token.

    weights  (T, S), each row sums to 1; or (heads, T, S): one map a head
    source   S tokens, strings
    target   T tokens, strings
    """
    weights = torch.as_tensor(weights).detach().cpu().float()
    maps = weights if weights.dim() == 3 else weights.unsqueeze(0)
    t, s = len(target), len(source)
    if maps.dim() != 3 or maps.shape[1:] != (t, s) or not maps.numel():
        raise Unfit(f"show_attention: weights are {tuple(weights.shape)}: pass (T, S) = {(t, s)}, or (heads, {t}, {s})")
    source, target = [_visible(token) for token in source], [_visible(token) for token in target]
    beside = 0.5 + 0.08 * max(map(len, target))  # inches, for what stands left of the cells
    below = 0.6 + 0.08 * max(map(len, source))
    columns = max(1, min(len(maps), 4, int((WIDE - 1) / (0.24 * s + beside))))  # cells that a word can be read beside
    cell = min(0.36, ((WIDE - 1) / columns - beside) / s)
    size = min(10, max(6, 42 * cell))
    turn, rows = 90 if max(map(len, source)) > 2 else 0, -(-len(maps) // columns)
    wide, high = columns * (cell * s + beside) + 1, rows * (cell * t + below + 0.3 * (len(maps) > 1))
    figure, axes = plt.subplots(rows, columns, figsize=(max(wide, 4), max(high, 2)), squeeze=False, layout="compressed")
    for i, axis in enumerate(axes.flat):
        if i >= len(maps):
            axis.axis("off")
            continue
        image = axis.imshow(maps[i].numpy(), cmap="viridis", vmin=0, vmax=max(float(maps.max()), 1e-12))
        axis.set_xticks(range(s), source, rotation=turn, fontsize=size)
        axis.set_yticks(range(t), target, fontsize=size)
        axis.grid(False)
        axis.set(xlabel="source" if i + columns >= len(maps) else "", ylabel="" if i % columns else "target")
        axis.set_title(f"head {i + 1}" if len(maps) > 1 else "", fontsize=11)
    figure.colorbar(image, ax=axes, label="attention weight", shrink=0.8)
    top = maps.mean(0).max(1)
    looks = [f"{target[j]} at {source[top.indices[j]]} ({top.values[j]:.2f})" for j in range(min(t, 12))]
    heads = f", mean of {len(maps)} heads" if len(maps) > 1 else ""
    plotting.show(f"Attention of {t} target over {s} source tokens{heads}; looks most: {', '.join(looks)}")


# ---- training


def show_surface(loss, x, y, paths=None, *, xlabel: str, ylabel: str, unit: str = "loss") -> None:
    """Draw a loss over two numbers as a map with lines of equal height, and how optimisers walked on it.

    loss   function of two numbers, called 3,721 times
    x, y   (low, high), what the map covers
    paths  name: (T, 2), the places after each step, the start first
    """
    for name, (low, high) in (("x", x), ("y", y)):
        if not low < high:
            raise Unfit(f"show_surface: {name} goes from {low} to {high}: pass (low, high)")
    paths = {name: torch.as_tensor(path).detach().cpu().float() for name, path in (paths or {}).items()}
    for name, path in paths.items():
        if path.dim() != 2 or path.shape[1] != 2 or not len(path):
            raise Unfit(f"show_surface: the path of {name} is {tuple(path.shape)}: pass (T, 2)")
    xs, ys = (low + (high - low) * torch.arange(61) / 60 for low, high in (x, y))
    with torch.no_grad():
        heights = torch.tensor([[float(loss(a, b)) for a in xs] for b in ys])
    if not heights.isfinite().any():
        raise Unfit("show_surface: the loss is nowhere finite: choose other limits x and y")
    known = heights.nan_to_num(torch.inf, torch.inf, torch.inf)
    row, column = divmod(int(known.argmin()), 61)
    lowest, highest = float(known.min()), float(heights[heights.isfinite()].max())
    figure, axis = plt.subplots(figsize=(7.4, 4.8))
    levels = lowest + (highest - lowest) * np.linspace(0, 1, 13) ** 3  # dense near the bottom

    def height(value, _=None):  # 1e-15 is 0 where the top is 300
        return _number(value if abs(value) > 1e-6 * highest else 0)

    if highest > lowest:
        ground = (xs.numpy(), ys.numpy(), heights.numpy())
        paler = mpl.colors.ListedColormap(plt.get_cmap("Greys")(np.linspace(0, 0.45, 256)))  # paths are seen on it
        filled = axis.contourf(*ground, levels=levels, cmap=paler, norm=mpl.colors.BoundaryNorm(levels, 256))
        axis.contour(*ground, levels=levels, colors="#8A8A8A", linewidths=0.6)
        told = [level for i, level in enumerate(levels) if i == 0 or height(level) != height(levels[i - 1])]
        figure.colorbar(filled, label=unit, format=height, ticks=told)
    for i, (name, path) in enumerate(paths.items()):
        style = {"marker": MARKERS[i % 8], "color": _colour(i)}
        axis.plot(*path.T.numpy(), "-", markersize=3.5, linewidth=1.4, label=name, **style)
        axis.plot(*path[-1].numpy(), markersize=10, markeredgecolor="white", zorder=5, **style)
    best = (float(xs[column]), float(ys[row]))
    axis.plot(*best, "*", color="black", markersize=14, markeredgecolor="white", linewidth=0, label="lowest", zorder=6)
    axis.set(xlabel=xlabel, ylabel=ylabel, xlim=x, ylim=y)
    axis.grid(False)
    plotting._legend(axis)
    stops = "".join(f"; {name} ends at {_number(p[-1, 0])}, {_number(p[-1, 1])}" for name, p in paths.items())
    at = f"{_number(best[0])}, {_number(best[1])}"
    plotting.show(f"{unit} over {xlabel} and {ylabel}, lowest ({height(lowest)}) at {at}{stops}")


def show_rates(sweeps, *, ylabel: str = "loss (nats)", baseline: tuple[str, float] | None = None) -> None:
    """Draw what came out for each learning rate: the best is marked, those that diverged stand on the upper edge.

    sweeps    name: {rate: loss}; a loss of inf or nan: it diverged
    baseline  name and height of a dashed line to beat
    """
    sweeps = {name: {float(r): float(v) for r, v in sorted(sweep.items())} for name, sweep in sweeps.items()}
    finite = [v for sweep in sweeps.values() for v in sweep.values() if math.isfinite(v)]
    if not finite or any(rate <= 0 for sweep in sweeps.values() for rate in sweep):
        raise Unfit("show_rates: no finite loss, or a rate that is not above 0: pass {name: {rate: loss}}")
    _, axis = plt.subplots()
    edge, words = max(finite) + 0.12 * ((max(finite) - min(finite)) or 1), []
    for i, (name, sweep) in enumerate(sweeps.items()):
        good = {rate: value for rate, value in sweep.items() if math.isfinite(value)}
        bad = [rate for rate in sweep if rate not in good]
        axis.plot(good.keys(), good.values(), marker=MARKERS[i % 8], color=_colour(i), label=name)
        axis.plot(bad, [edge] * len(bad), "x", color=_colour(i), markersize=9, markeredgewidth=2.2)
        words.append(name)
        if good:
            best = min(good, key=good.get)
            axis.plot(best, good[best], "o", markersize=15, markerfacecolor="none", color=_colour(i), markeredgewidth=2)
            words[-1] += f" is best at {best:.3g} ({good[best]:.3g})"
        words[-1] += f", diverges at {', '.join(f'{rate:.3g}' for rate in bad)}" if bad else ", never diverges"
    if baseline is not None:
        axis.axhline(baseline[1], color="black", linestyle="--", linewidth=1.2, label=baseline[0])
    axis.plot([], [], "o", markersize=11, markerfacecolor="none", color="black", label="best")
    if len(finite) < sum(map(len, sweeps.values())):
        axis.plot([], [], "x", color="black", markersize=8, markeredgewidth=2, label="diverged")
    axis.set(xlabel="learning rate", ylabel=ylabel, xscale="log")
    plotting._plain_ticks(axis.xaxis, axis.get_xlim())
    plotting._legend(axis)
    plotting.show(f"{ylabel} over the learning rate: {'; '.join(words)}")


# ---- helpers


def _ask(model, inputs):
    """What a model says in evaluation mode, without gradients; each of its parts is left in its mode."""
    parts = [(part, part.training) for part in model.modules()] if isinstance(model, torch.nn.Module) else []
    try:
        for part, _ in parts:
            part.training = False
        with torch.no_grad():
            return model(inputs)
    finally:
        for part, mode in parts:
            part.training = mode


def _no_classes(labels) -> bool:
    return not len(labels) or labels.is_floating_point() or int(labels.min()) < 0


def _names(classes, labels, least: int = 0) -> list[str]:
    """A name for each class: those given, else its number."""
    count = max(len(classes), int(labels.max()) + 1, least)
    return [str(classes[k]) if k < len(classes) else str(k) for k in range(count)]


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _number(value) -> str:
    """About three digits: -0.37, 12.5, 840; 1.6e-03 where less would be 0.00."""
    value = float(value)
    size = abs(value)
    if 0 < size < 0.005 or size >= 1e5:
        return f"{value:.1e}"
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _visible(token) -> str:
    return str(token).replace(" ", "␣").replace("\n", "↵") or "∅"


def _range(values) -> str:
    return f"{_number(values.min())} to {_number(values.max())}"


def _tint(value: float) -> tuple:
    """White for 0, light blue for 1, light orange for -1."""
    full = np.array(mpl.colors.to_rgb(BLUE if value >= 0 else ORANGE))
    return tuple(1 - (1 - full) * 0.45 * abs(value))


def _scatter(axis, points, labels, classes, *, edge="none", faint=False) -> str:
    """Points with a colour and a marker for each class, and what they are in words."""
    x, y = points.detach().cpu().T.numpy()
    size = 10 if faint else 28
    if labels is None:
        axis.scatter(x, y, s=size, color=GREY if faint else BLUE, alpha=0.5 if faint else 0.8, linewidths=0)
        return "without labels"
    names, labels = _names(classes, labels), labels.cpu().numpy()
    for k in range(len(names)):
        own = labels == k
        style = {"color": _colour(k), "marker": MARKERS[(k + k // 8) % 8], "edgecolors": edge, "linewidths": 0.6}
        axis.scatter(x[own], y[own], s=size, alpha=0.45 if faint else 0.9, label=names[k], **style)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.8 if faint else 1.2)
    return ", ".join(f"{name} ({(labels == k).sum()})" for k, name in enumerate(names))


def _tiles(images, who: str) -> np.ndarray:
    """Images as numbers (N, H, W, 3) between 0 and 1, on one scale of brightness."""
    if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[1] not in (1, 3) or not len(images):
        what = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise Unfit(f"{who}: images are {what}: pass (N, 1, H, W) grey or (N, 3, H, W) colour, N at least 1")
    light = images.detach().cpu()
    low, high = plotting._brightness([light.numpy()])
    light = ((light.float() - low) / max(high - low, 1e-12)).clamp(0, 1)
    return light.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def _columns(count: int) -> int:
    return count if count <= 10 else 8


def _tile_figure(tiles):
    """A figure for a mosaic of tiles (N, ..., H, W)."""
    columns = _columns(len(tiles))
    rows, tile = -(-len(tiles) // columns), 0.82  # inches
    size = (tile * columns + 1.2, tile * rows * tiles.shape[-2] / tiles.shape[-1] + 0.1)
    return plt.subplots(figsize=size, layout="compressed")


def _mosaic(axis, tiles, columns: int, rows=None) -> None:
    """Draw tiles (H, W, 3) side by side on one axis, which is far faster than an axis for each; None leaves a gap."""
    zoom = -(-10 // min(next(tile for tile in tiles if tile is not None).shape[:2]))  # the gap is a tenth of a tile
    tiles = [None if tile is None else tile.repeat(zoom, 0).repeat(zoom, 1) for tile in tiles]
    height, width = next(tile for tile in tiles if tile is not None).shape[:2]
    space = round(width / 10)
    columns = min(columns, len(tiles))
    lines = -(-len(tiles) // columns)
    canvas = np.ones((lines * (height + space) - space, columns * (width + space) - space, 3))
    for i, tile in enumerate(tiles):
        if tile is not None:
            top, left = i // columns * (height + space), i % columns * (width + space)
            canvas[top : top + height, left : left + width] = tile
    axis.imshow(canvas)
    middles = [(height - 1) / 2 + i * (height + space) for i in range(lines if rows else 0)]
    axis.set_yticks(middles, rows or [], fontsize=10)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)


def _scaled_tiles(tiles, cmap, limits, label) -> None:
    """Tiles (N, H, W) of numbers in the colours of a map, with the scale beside them."""
    figure, axis = _tile_figure(tiles)
    colours = mpl.cm.ScalarMappable(mpl.colors.Normalize(*limits), cmap)
    _mosaic(axis, colours.cmap(colours.norm(tiles.numpy()))[..., :3], _columns(len(tiles)))
    figure.colorbar(colours, ax=axis, label=label, shrink=0.8, aspect=15)
