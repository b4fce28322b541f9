"""Quiz 3: sizes, parameters and pictures of convolutional networks."""

from dataclasses import replace

from dlcourse import quiz

TITLE = "Quiz 3: sizes of convolutional networks"

# ---- words


def words(draw):
    channels, filters, size = draw.integer(2, 12), draw.integer(13, 40), draw.one_of((3, 5, 7))
    text = f"""A layer `nn.Conv2d({channels}, {filters}, kernel_size={size})` has a bias, and a ReLU follows it. How many of each?

1. kernels: slices of {size} by {size} weights, each sliding over one channel
2. filters
3. feature maps that come out for one image
4. biases

Type the four numbers in this order."""
    kernels = channels * filters
    because = (
        f"A filter has a kernel for each channel that comes in, {channels} of them: {channels} x {filters} = {kernels} kernels. "
        f"Their {channels} results are added up, with one bias for the filter, and ReLU is applied to each value: one "
        f"feature map. So {filters} filters, {filters} maps, {filters} biases; what comes out is a block of {filters} "
        "channels, height and width."
    )
    tempting = {
        (filters,) * 4: "a kernel taken for a filter. A filter is a stack of kernels, one for each channel.",
        (
            kernels,
            filters,
            filters,
            kernels,
        ): "a bias for each kernel. The kernels of a filter are added up first, and then share one.",
        (kernels, filters, kernels, filters): "a map for each kernel. Those of a filter are added up to one map.",
        (kernels, filters, channels, filters): "the maps that come in.",
        (channels, filters, filters, filters): "the kernels of one filter. There are as many in each of the others.",
    }
    return quiz.wholes(
        text, (kernels, filters, filters, filters), because, tempting, channels=channels, filters=filters
    )


# ---- output size


def size(draw):
    height, width = draw.some_of(range(7, 15), 2)
    kernel, stride, pad = draw.one_of((3, 5)), draw.integer(1, 3), draw.integer(1, 2)
    pad = min(pad, kernel // 2)
    channels, filters = draw.integer(1, 4), draw.integer(5, 40)
    rows, columns = ((n + 2 * pad - kernel) // stride + 1 for n in (height, width))
    if rows == columns:
        return size(draw)

    def at(step, around, extra=1):
        return (filters, *(max(1, (n + 2 * around - kernel) // step + extra) for n in (height, width)))

    text = (
        f"The picture shows one channel of an image of {channels} x {height} x {width} (channels, height, width). It goes "
        f"through `nn.Conv2d({channels}, {filters}, kernel_size={kernel}, stride={stride}, padding={pad})`. What comes out? "
        "Type channels, height and width."
    )
    because = (
        f"Along an edge of n pixels a kernel has (n + 2 x {pad} - {kernel}) / {stride} + 1 places, rounded down: "
        f"({height} + {2 * pad} - {kernel}) // {stride} + 1 = {rows}, ({width} + {2 * pad} - {kernel}) // {stride} + 1 = "
        f"{columns}. And there is one channel for each filter: {filters}."
    )
    tempting = {
        at(stride, 0): "without the padding.",
        (
            filters,
            *((n + pad - kernel) // stride + 1 for n in (height, width)),
        ): "padding on one side only. It goes all round.",
        at(stride, pad, 0): "without the + 1: the place where the kernel begins counts, too.",
        (
            filters,
            *(-(-(n + 2 * pad - kernel) // stride) + 1 for n in (height, width)),
        ): "rounded up: a kernel that hangs over the edge has no place.",
        at(1, pad): "every place. With a stride the kernel leaves some out.",
        (channels, rows, columns): "the channels that come in. What comes out has one for each filter.",
        (filters, columns, rows): "height and width swapped.",
    }
    answer = (filters, rows, columns)
    tempting = {wrong: why for wrong, why in tempting.items() if wrong != answer and min(wrong) > 0}
    return quiz.wholes(
        text, answer, because, tempting, picture=lambda: _draw_size(height, width, kernel, stride, pad),
        filters=filters, height=height, width=width, kernel=kernel, stride=stride, pad=pad, channels=channels,
    )  # fmt: skip


def _draw_size(height, width, kernel, stride, pad):
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(6.4, 4.2))
    for row in range(-pad, height + pad):
        for column in range(-pad, width + pad):
            inside = 0 <= row < height and 0 <= column < width
            face = "#DCE9F2" if inside else "white"
            axis.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor="#9A9A9A", linewidth=0.7))
            if not inside:
                axis.text(column + 0.5, row + 0.5, "0", ha="center", va="center", fontsize=7, color=plotting.GREY)
    for place, colour, style in ((0, plotting.BLUE, "-"), (stride, plotting.ORANGE, "--")):
        box = Rectangle((place - pad, -pad), kernel, kernel, fill=False, edgecolor=colour, linewidth=3, linestyle=style)
        axis.add_patch(box)
    axis.set(xlim=(-pad - 0.3, width + pad + 0.3), ylim=(height + pad + 0.3, -pad - 0.3))
    axis.set_title("blue: the kernel's first place, orange: its second", fontsize=11)
    axis.set_aspect("equal")
    axis.axis("off")
    return (
        f"A grid of {height} rows and {width} columns with {pad} ring{'s' * (pad > 1)} of zeros around it; a square of "
        f"{kernel} by {kernel} in its corner, and another one {stride} to the right"
    )


# ---- parameters of a layer


def weights(draw):
    channels, filters, kernel = draw.integer(2, 32), draw.integer(4, 64), draw.one_of((3, 5, 7))
    side = draw.one_of((28, 32, 64, 224))
    if channels == filters:
        return weights(draw)
    answer = filters * (channels * kernel * kernel + 1)
    text = (
        f"`nn.Conv2d({channels}, {filters}, kernel_size={kernel})` works on images of {side} by {side} pixels. **How many "
        "parameters** does it have?"
    )
    because = (
        f"A filter has {channels} x {kernel} x {kernel} weights and 1 bias, and there are {filters}: {filters} x "
        f"({channels} x {kernel} x {kernel} + 1) = {answer:,}. The size of the image does not matter: the same weights slide "
        "over it, which is why convolutions are so small."
    )
    tempting = {
        answer - filters: "without the biases, one for each filter.",
        filters * (kernel * kernel + 1): "as if a filter looked at one channel. It looks at all of them.",
        filters * channels * (kernel * kernel + 1): "a bias for each kernel. A filter has one.",
        answer * side * side: "times the pixels. All places share the same weights.",
        channels * kernel * kernel + 1: "one filter only.",
    }
    return quiz.whole(text, answer, because, tempting, channels=channels, filters=filters, kernel=kernel)


# ---- pooling


def pool(draw):
    kind = draw.one_of(("maximum", "average"))
    cells = [draw.integer(-9, 9) for _ in range(16)]
    blocks = [[cells[4 * (2 * r + i) + 2 * c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 1) for c in (0, 1)]
    if kind == "average":  # whole numbers, please
        for at, block in enumerate(blocks):
            place = 4 * (2 * (at // 2) + 1) + 2 * (at % 2) + 1
            cells[place] -= sum(block) % 4
            block[3] = cells[place]
    made = {"maximum": tuple(max(b) for b in blocks), "average": tuple(sum(b) // 4 for b in blocks)}
    answer, other = made[kind], made["average" if kind == "maximum" else "maximum"]
    loudest = tuple(max(b, key=abs) for b in blocks)
    if len(set(answer)) < 4 or other == answer or (kind == "maximum" and loudest == answer):
        return pool(draw)
    text = f"""The picture shows a feature map. **{kind.capitalize()} pooling** with a window of 2 by 2 and stride 2 makes a map of 2 by 2
of it. Which four numbers stand in it? Type the upper row, then the lower one."""
    what = (
        "Each window of 2 by 2 gives its largest number"
        if kind == "maximum"
        else "Each window of 2 by 2 gives the mean of its four numbers"
    )
    why = (
        "A maximum says: somewhere here the filter found what it looks for. There is nothing to learn in it, and it shifts "
        "little when the picture does."
        if kind == "maximum"
        else "A mean says how much of it there was in all. There is nothing to learn in it."
    )
    because = f"{what}, and the windows do not overlap: {answer}. {why}"
    tempting = {
        other: f"that is {'average' if kind == 'maximum' else 'maximum'} pooling.",
        (answer[0], answer[2], answer[1], answer[3]): "column by column. Rows come first, as in every tensor.",
    }
    if kind == "maximum":
        tempting[loudest] = "the number farthest from 0. The maximum knows the sign: 3 is more than -8."
    else:
        tempting[tuple(sum(b) for b in blocks)] = "the sums. A mean is a quarter of them."
    columns = tuple(cells[4 * i + j] for i, j in ((0, 0), (0, 2), (2, 0), (2, 2)))
    if columns != answer:
        tempting[columns] = "every second number: that is a stride without a window."
    if len({answer, *tempting}) <= len(tempting):
        return pool(draw)
    return quiz.wholes(text, answer, because, tempting, picture=lambda: _draw_pool(cells), kind=kind, cells=cells)


def _draw_pool(cells):
    from matplotlib import pyplot as plt

    _, axis = plt.subplots(figsize=(6.4, 3.2))
    rows = [cells[4 * row : 4 * row + 4] for row in range(4)]
    axis.imshow(rows, cmap="PuOr_r", vmin=-16, vmax=16)
    for row in range(4):
        for column in range(4):
            axis.text(column, row, f"{rows[row][column]}".replace("-", "−"), ha="center", va="center", fontsize=15)
    axis.set(xticks=[n - 0.5 for n in range(5)], yticks=[n - 0.5 for n in range(5)], xticklabels=[], yticklabels=[])
    axis.grid(color="white", linewidth=2)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return "A map of 4 by 4 numbers, row by row: " + "; ".join(", ".join(map(str, row)) for row in rows)


# ---- which kernel made this map

KERNELS = {
    "upright": ([[1, 0, -1], [1, 0, -1], [1, 0, -1]], "takes the right from the left: answers at upright edges, where left and right differ."),
    "level": ([[1, 1, 1], [0, 0, 0], [-1, -1, -1]], "takes the lower from the upper: answers at level edges, where above and below differ."),
    "blur": ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], "adds up the neighbourhood: the picture, blurred. Its weights do not add up to 0, so even surfaces stay bright."),
    "spots": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "takes the neighbours from the middle: answers at every edge, in whichever direction, and most at lone dots."),
}  # fmt: skip


def maps(draw):
    key = draw.one_of(list(KERNELS))
    top, left, tall, wide = draw.integer(2, 4), draw.integer(2, 4), draw.integer(9, 13), draw.integer(5, 8)
    dot, bar = draw.integer(3, 14), draw.integer(12, 17)
    image = [[0.0] * 20 for _ in range(20)]
    for row in range(top, top + tall):  # a door, an upright post, a dot, the ground
        for column in range(left, left + wide):
            image[row][column] = 1.0
    for row in range(2, 15):
        image[row][bar] = image[row][bar + 1] = 0.8
    image[dot][bar - 1 - draw.integer(0, 1) if bar - 3 > left + wide else 19] = 1.0
    for column in range(20):
        image[17][column] = image[18][column] = 0.7
    weights = KERNELS[key][0]
    text = f"""The picture shows an image, and below it four feature maps of it: white is positive, black negative, grey 0.
**Which map was made by this kernel?** (It slides as in `nn.Conv2d`: what lies under it is multiplied and added up.)

```
{chr(10).join(" ".join(f"{weight:3d}" for weight in row) for row in weights)}
```"""
    options = {name: ("", f"the map of another kernel, which {why}") for name, (_, why) in KERNELS.items()}
    because = f"This kernel {KERNELS[key][1]}"
    made = quiz.choice(draw, text, key, options, because, kernel=key)
    order = sorted(KERNELS, key=lambda name: made.options[name][0])
    return replace(made, picture=lambda: _draw_maps(image, order))


def slide(image, kernel):
    """A valid cross-correlation, on lists."""
    places = range(len(image) - 2)
    return [
        [sum(kernel[i][j] * image[r + i][c + j] for i in range(3) for j in range(3)) for c in places] for r in places
    ]


def _draw_maps(image, order):
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(9.6, 4.8))
    grid = figure.add_gridspec(2, 4)
    axes = [figure.add_subplot(grid[0, 1:3]), *(figure.add_subplot(grid[1, n]) for n in range(4))]
    axes[0].imshow(image, vmin=0, vmax=1)
    axes[0].set_title("image")
    for axis, name, letter in zip(axes[1:], order, quiz.LETTERS, strict=False):
        values = slide(image, KERNELS[name][0])
        top = max(abs(value) for row in values for value in row)
        axis.imshow(values, vmin=-top, vmax=top)
        axis.set_title(letter)
    for axis in axes:
        axis.axis("off")
    seen = {"upright": "bright and dark stripes at the upright edges", "level": "bright and dark stripes at the level edges",
            "blur": "the image, blurred", "spots": "thin outlines all round, and a bright dot"}  # fmt: skip
    maps = "; ".join(f"{letter}, {seen[name]}" for letter, name in zip(quiz.LETTERS, order, strict=False))
    return f"An image of a door, a post, a dot and the ground. Its maps: {maps}"


# ---- receptive field


def sees(draw):
    kernels = [draw.one_of((3, 5)), 2, draw.one_of((3, 5)), draw.one_of((3, 5, 7))]
    strides = [1, 2, 1, draw.integer(1, 2)]
    fields, jump, field = [], 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * jump
        jump *= stride
        fields.append(field)
    lines = [
        f"| {n} | {'max pooling' if n == 2 else 'convolution'} | {kernel} x {kernel} | {stride} |"
        for n, (kernel, stride) in enumerate(zip(kernels, strides, strict=True), 1)
    ]
    text = "\n".join(
        ["Four layers, one after the other:", "", "| layer | what | window | stride |", "|---|---|---|---|", *lines, "",
         "How many pixels **wide** is the patch of the image on which one value behind layer 4 depends (its receptive field)?"]
    )  # fmt: skip
    because = (
        f"Begin with 1 and add (window - 1) for each layer, times all strides before it: 1 + {kernels[0] - 1} = "
        f"{fields[0]}, + {kernels[1] - 1} = {fields[1]}, then each step is 2 pixels wide: + {kernels[2] - 1} x 2 = {fields[2]}, "
        f"+ {kernels[3] - 1} x 2 = {fields[3]}. The stride of layer 4 would matter to a fifth one only."
    )
    tempting = {
        1
        + sum(
            kernel - 1 for kernel in kernels
        ): "as if pooling had no stride. Behind it one step is two pixels of the image.",
        sum(kernels): "the windows added up. They overlap: a layer adds its window less 1.",
        kernels[0]
        * kernels[1]
        * kernels[2]
        * kernels[3]: "the windows multiplied. That would need windows that do not overlap.",
        kernels[3]: "the last layer alone. It looks at maps that have looked at maps.",
    }
    if strides[3] == 2:
        late = 1 + kernels[0] - 1 + 2 * (kernels[1] - 1) + 2 * (kernels[2] - 1) + 4 * (kernels[3] - 1)
        tempting[late] = "a layer's own stride is counted for it. It matters to the layers behind it."
    tempting = {wrong: why for wrong, why in tempting.items() if wrong != fields[3]}
    return quiz.whole(text, fields[3], because, tempting, kernels=kernels, strides=strides)


# ---- the size that everybody gets wrong once


def flatten(draw):
    side, channels = draw.one_of((24, 28, 32, 36, 40)), draw.one_of((1, 3))
    first, second = draw.one_of((6, 8, 12, 16)), draw.one_of((16, 20, 24, 32))
    kernel, pad = draw.one_of(((3, 0), (3, 1), (5, 0), (5, 2)))
    if first == second:
        return flatten(draw)

    def behind(padding, pools=2):
        n = side
        for at in range(2):
            n = n + 2 * padding - kernel + 1
            n = n // 2 if at < pools else n
        return n

    last = behind(pad)
    classes = draw.integer(3, 26)
    convolution = f"kernel_size={kernel}{f', padding={pad}' if pad else ''}"
    text = f"""The images are {channels} x {side} x {side}. Which number belongs in place of the question mark?

```python
net = nn.Sequential(
    nn.Conv2d({channels}, {first}, {convolution}), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d({first}, {second}, {convolution}), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(?, {classes}),
)
```"""
    one = side + 2 * pad - kernel + 1
    two = one // 2 + 2 * pad - kernel + 1
    because = (
        f"Side by side: {side}, convolution {one}, pooling {one // 2}, convolution {two}, pooling {last}. ReLU changes no size. "
        f"{second} maps of {last} by {last} are {second} x {last} x {last} = {second * last * last:,} numbers. A wrong one stops "
        'with "mat1 and mat2 shapes cannot be multiplied", which names the right one.'
    )
    tempting = {
        second
        * side
        * side
        // 16: "the side halved twice. Without enough padding each convolution takes off a rim as well.",
        second * behind(0) ** 2: "without the padding.",
        last * last: "one map. Flatten takes all of them.",
        second * last: "a side in place of an area.",
        second * behind(pad, 1) ** 2: "one pooling only.",
        first * second * last * last: "the maps of both layers multiplied. Those of the first end in the second.",
    }
    answer = second * last * last
    tempting = {wrong: why for wrong, why in tempting.items() if wrong != answer}
    return quiz.whole(
        text, answer, because, tempting, picture=lambda: _draw_flatten(side, channels, first, second, classes),
        side=side, kernel=kernel, pad=pad, second=second, first=first,
    )  # fmt: skip


def _draw_flatten(side, channels, first, second, classes):
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(9.6, 2.6))
    blocks = [(channels, 1.5), (first, 1.35), (first, 0.8), (second, 0.7), (second, 0.42)]
    names = [f"image\n{channels} x {side} x {side}", f"convolution\n{first} x ? x ?", f"pooling\n{first} x ? x ?",
             f"convolution\n{second} x ? x ?", f"pooling\n{second} x ? x ?", "flat\n?", f"scores\n{classes}"]  # fmt: skip
    for at, (count, size) in enumerate(blocks):
        for layer in reversed(range(min(count, 6))):
            place = (1.9 * at - size / 2 + 0.06 * layer, -size / 2 + 0.06 * layer)
            axis.add_patch(Rectangle(place, size, size, facecolor="#DCE9F2", edgecolor=plotting.BLUE, linewidth=1))
    for at, tall in ((5, 1.9), (6, 0.9)):
        axis.add_patch(
            Rectangle((1.9 * at - 0.06, -tall / 2), 0.12, tall, facecolor="#DCE9F2", edgecolor=plotting.BLUE)
        )
    for at, name in enumerate(names):
        axis.text(1.9 * at, -1.45, name, ha="center", va="center", fontsize=10)
    axis.set(xlim=(-1.1, 12.3), ylim=(-1.8, 1.25))
    axis.set_aspect("equal")
    axis.axis("off")
    return f"Blocks from left to right: an image of {channels} x {side} x {side}, convolution and pooling twice with ever smaller maps of unknown size, a flat row, {classes} scores"


QUESTIONS = (words, size, weights, pool, maps, sees, flatten)
