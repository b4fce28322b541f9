"""Figures in one style: colour-blind safe, labelled, with a sentence for those who cannot see them.

Draw with matplotlib as you know it and end with `plotting.show("what one sees")`.
"""

import asyncio
import base64
import importlib.util
import io
import logging
import math
import threading
import time
import traceback
import warnings

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its note about a new font cache would go to stderr

import matplotlib as mpl  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.transforms import Bbox  # noqa: E402

from dlcourse import runtime  # noqa: E402

# Okabe and Ito's colours, told apart with any colour vision
BLUE, ORANGE, GREEN, PINK, SKY, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#6E6E6E"

# Fonts for what matplotlib's own lacks (Chinese, Japanese, Korean, Devanagari, Thai ...): those of the usual systems
_FONTS = (
    "Noto Sans CJK JP|Noto Sans CJK SC|Noto Sans CJK KR|Droid Sans Fallback|WenQuanYi Micro Hei|Noto Sans Devanagari|"
    "Noto Sans Bengali|Noto Sans Tamil|Noto Sans Thai|Hiragino Sans|PingFang SC|Apple SD Gothic Neo|Arial Unicode MS|"
    "Kohinoor Devanagari|Yu Gothic|Microsoft YaHei|Malgun Gothic|Nirmala UI|Leelawadee UI|Segoe UI Symbol|GNU Unifont"
).split("|")

STYLE = {
    "figure.figsize": (6.4, 3.8),
    "figure.dpi": 110,
    "figure.facecolor": "white",  # a card that looks the same on a dark page and in print
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,  # inches
    "font.family": ["DejaVu Sans", *sorted(set(mpl.font_manager.get_font_names()) & set(_FONTS), key=_FONTS.index)],
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.prop_cycle": mpl.cycler(color=[BLUE, ORANGE, GREEN, PINK, SKY, GREY])
    + mpl.cycler(linestyle=["-", "--", "-.", ":", "-", "--"]),  # told apart in print, too
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E2E2E2",
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "image.cmap": "gray",
}
mpl.rcParams.update(STYLE)

_MARGIN = 0.12  # inches of white above a figure, between it and what a cell printed
_caught: list | None = None  # while a slider draws
_frames: list | None = None  # while a still slider collects its figures


class Unfit(ValueError):
    """What came cannot be drawn; a notebook shows the sentence without the lines of code in between."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [f"ValueError: {self}"]


def show(alt: str = "") -> None:
    """Show every open figure and close it. `alt` says in words what one sees, for screen readers."""
    figures = [plt.figure(number) for number in plt.get_fignums()]
    if _caught is not None:
        _caught.extend(_bundle(figure, alt) for figure in figures)
    elif _frames is not None:
        _frames.extend(_pixels(figure) for figure in figures)
    elif runtime.in_notebook():
        for figure in figures:
            _display(figure, alt)
    elif mpl.get_backend().lower() in _windows():
        plt.show()
    plt.close("all")


def show_images(images, titles=None, columns: int = 8, *, alt: str = "") -> None:
    """Draw images in a grid, all on one scale of brightness.

    images   (N, H, W), (N, 1, H, W) grey or (N, 3, H, W) colour, or a list of (H, W); uint8 0 to 255 or float
    titles   one for each image; None: no titles
    columns  images a row; fewer where titles are long
    alt      what one sees; "": number, size and titles
    """
    pictures = _pictures(images)
    if titles is not None and len(titles) != len(pictures):
        raise Unfit(f"show_images: {len(titles)} titles for {len(pictures)} images: pass one for each")
    names = [""] * len(pictures) if titles is None else [str(title) for title in titles]
    tile = max(1.05, 0.085 * max(len(line) for name in names for line in name.split("\n")))  # inches
    above = 0 if titles is None else 0.07 + 0.18 * max(name.count("\n") + 1 for name in names)
    columns = max(1, min(columns, len(pictures), int(9.6 / tile)))
    rows = -(-len(pictures) // columns)
    step, edge = tile + 0.05 + above, 0.05 * tile
    figure = plt.figure(figsize=(tile * columns, step * rows), layout="none")
    axis = figure.add_axes((0, 0, 1, 1))  # one for all, in inches: 24 axes would take ten times as long to draw
    low, high = _brightness(pictures)
    for i, picture in enumerate(pictures):
        x, y = i % columns * tile, (rows - 1 - i // columns) * step
        tall, wide = (tile * 0.9 * side / max(picture.shape[:2]) for side in picture.shape[:2])
        x, y = x + (tile - wide) / 2, y + edge + (0.9 * tile - tall) / 2
        axis.imshow(picture, vmin=low, vmax=high, extent=(x, x + wide, y, y + tall), aspect="auto")
        axis.text(x + wide / 2, y + tall + 0.05, names[i], fontsize=10, ha="center", va="bottom")
    axis.axis("off")
    axis.set(xlim=(0, tile * columns), ylim=(0, step * rows))
    height, width = pictures[0].shape[:2]
    said = "" if titles is None else ": " + ", ".join(names)
    show(alt or f"{len(pictures)} images of {height} by {width} pixels{said}")


def show_curves(
    curves,
    *,
    xlabel: str,
    ylabel: str,
    baseline: tuple[str, float] | None = None,
    mark: tuple[str, float] | None = None,
    log: bool = False,
    log_x: bool = False,
) -> None:
    """Draw one line for each entry, over 1, 2, 3 and so on.

    curves    name: list of numbers, such as {"train": history.loss}
    xlabel    what is counted, such as "epoch"
    ylabel    what is measured, with its unit, such as "loss (nats)"
    baseline  name and height of a dashed line to beat, such as ("majority", 0.1)
    mark      name and place of a vertical line, such as ("stopped", 12)
    log       True: each grid line stands for ten times the one below
    log_x     True: the same from left to right, for curves that fall at once and then creep
    """
    _, axis = plt.subplots()
    show(_draw_curves(axis, curves, xlabel, ylabel, baseline, mark, log, log_x))


def live_curves(*, ylabel: str, xlabel: str = "epoch", every: float = 2.0):
    """Curves that grow while a model trains: returns update(curves, last=False), which draws them in place.

    every  seconds between two drawings; last=True draws at once

    Without somebody to look, as in the grader or a program, update does nothing.
    """
    if not runtime.has_front_end():
        return lambda curves, last=False: None
    from IPython.display import display

    picture, due = None, 0.0

    def update(curves, last: bool = False) -> None:
        nonlocal picture, due
        if not any(map(len, curves.values())) or (time.monotonic() < due and not last):
            return
        figure = Figure()  # unknown to pyplot: nothing stays open when training is interrupted
        alt = _draw_curves(figure.subplots(), curves, xlabel, ylabel)
        data, metadata = _bundle(figure, alt)
        if picture is None:
            picture = display(data, raw=True, metadata=metadata, display_id=True)
        else:
            picture.update(data, raw=True, metadata=metadata)
        due = time.monotonic() + every

    return update


def _draw_curves(axis, curves, xlabel, ylabel, baseline=None, mark=None, log=False, log_x=False) -> str:
    """The lines, and what one sees in words."""
    curves = {name: [_plain(value) for value in values] for name, values in curves.items()}
    for name, values in curves.items():
        axis.plot(range(1, len(values) + 1), values, label=name, marker="o" if len(values) == 1 else None)
    if baseline is not None:
        axis.axhline(baseline[1], color="black", linestyle="--", linewidth=1.2, label=baseline[0])
    if mark is not None:
        axis.axvline(mark[1], color="black", linestyle=":", linewidth=1.6, label=f"{mark[0]} at {mark[1]:g}")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if log:
        axis.set_yscale("log")
        _plain_ticks(axis.yaxis, axis.get_ylim())
    if log_x:
        axis.set_xscale("log")
        _plain_ticks(axis.xaxis, axis.get_xlim())
    else:
        axis.xaxis.get_major_locator().set_params(integer=True)  # no epoch 2.5
    _legend(axis)
    ends = ", ".join(f"{name} ends at {line[-1]:.3g}" for name, line in curves.items() if len(line))
    beat = f"; the baseline {baseline[0]} is at {baseline[1]:.3g}" if baseline else ""
    stop = f"; {mark[0]} at {xlabel} {mark[1]:g}" if mark else ""
    return f"{ylabel} over {xlabel}: {ends}{beat}{stop}"


def slider(draw, **ranges: tuple[float, float, float]) -> None:
    """Let a slider call `draw`, which makes one figure; without a notebook, show three positions.

    draw    takes the names below as arguments
    ranges  name=(low, high, start): three whole numbers (int) let the slider stop at whole numbers only
    """
    for name, (low, high, start) in ranges.items():
        if not low <= start <= high:
            raise Unfit(f"slider: {name} starts at {start}, not in {low} to {high}: pass (low, high, start)")
    if runtime.has_front_end() and importlib.util.find_spec("ipywidgets"):
        _live_slider(draw, ranges)
    else:
        _still_slider(draw, ranges)


def _live_slider(draw, ranges):
    """Sliders and the picture below them.

    JupyterLab 4.4 and newer delivers a slider's messages in a second thread of the kernel (a subshell), while a cell
    runs. pyplot is not made for that, so all drawing is left to the thread of the cells, between two cells.
    """
    import ipywidgets
    from IPython.display import display

    wide, names = ipywidgets.Layout(width="32em"), {"description_width": "initial"}
    sliders, picture = {}, ipywidgets.Output()
    for name, (low, high, start) in ranges.items():
        whole = _whole(low, high, start)
        step = max(1, int(_step(high - low))) if whole else _step(high - low)
        start = min(high, low + round((start - low) / step) * step)  # else the browser moves it there, and draws anew
        sliders[name] = (ipywidgets.IntSlider if whole else ipywidgets.FloatSlider)(
            round(start, 9), min=low, max=high, step=step, description=name, layout=wide, style=names
        )

    def redraw():
        waiting.clear()
        try:
            picture.outputs = _outputs(draw, {name: slider.value for name, slider in sliders.items()})
        except Exception as error:
            lines = traceback.format_exc().splitlines()
            out = {"output_type": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": lines}
            picture.outputs = (out,)

    def moved(_):
        if not waiting:  # one drawing for all moves since the last
            waiting.append(True)
            cells.call_soon_threadsafe(redraw)

    waiting, cells = [], asyncio.get_running_loop()
    picture.outputs = _outputs(draw, {name: slider.value for name, slider in sliders.items()})
    _leave_figures_to_the_cells()  # now that matplotlib has chosen its backend
    for slider in sliders.values():
        slider.observe(moved, "value")
    display(ipywidgets.VBox([*sliders.values(), picture]))


def _whole(*numbers: float) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _step(span: float) -> float:
    """1, 2 or 5 times a power of ten: about a hundredth of the span."""
    power = 10.0 ** math.floor(math.log10(span / 100))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= span / 100 * 0.999)


def _outputs(draw, values) -> tuple[dict, ...]:
    """What a notebook shows of the figures of one call of `draw`."""
    global _caught
    _caught = []
    try:
        draw(**values)
        show()
        return tuple({"output_type": "display_data", "data": d, "metadata": m} for d, m in _caught)
    finally:
        _caught = None
        plt.close("all")


class _WithTheCells:
    """A callback that runs in the thread of the cells only; IPython takes it for the one that it replaces."""

    def __init__(self, callback):
        self.callback = callback

    def __call__(self):
        if threading.current_thread() is threading.main_thread():
            self.callback()

    def __eq__(self, other):
        return other is self or other == self.callback

    __hash__ = None


def _leave_figures_to_the_cells():
    """Keep matplotlib from showing and closing the half-drawn figures of a cell whenever a slider moves."""
    from IPython import get_ipython

    events = get_ipython().events
    for callback in list(events.callbacks["post_execute"]):
        if getattr(callback, "__module__", "").startswith("matplotlib"):  # _WithTheCells is of dlcourse
            events.unregister("post_execute", callback)
            events.register("post_execute", _WithTheCells(callback))


def _still_slider(draw, ranges):
    global _frames
    _frames = frames = []
    try:
        for towards in (0, None, 1):  # halfway down, at the start, halfway up
            values = {name: r[2] if towards is None else (r[2] + r[towards]) / 2 for name, r in ranges.items()}
            draw(**{name: int(value) if _whole(*ranges[name]) else value for name, value in values.items()})
            show()
    finally:
        _frames = None
        plt.close("all")
    wide = 9.6 / len(frames)  # inches
    tall = wide * max(frame.shape[0] / frame.shape[1] for frame in frames)
    _, axes = plt.subplots(1, len(frames), figsize=(9.6, tall), squeeze=False)
    for axis, frame in zip(axes.flat, frames, strict=True):
        axis.imshow(frame)
        axis.axis("off")
    show(f"three positions of the slider {' and '.join(ranges)}: low, start, high")


def _display(figure, alt):
    from IPython.display import display

    data, metadata = _bundle(figure, alt)
    display(data, raw=True, metadata=metadata)


def _bundle(figure, alt) -> tuple[dict, dict]:
    buffer = io.BytesIO()
    width, height = figure.get_size_inches()
    with warnings.catch_warnings():
        # of a script without a font, or without support in an older matplotlib: it is drawn as well as can be
        warnings.filterwarnings("ignore", message="(?s)Glyph .* missing|Matplotlib currently does not support")
        figure.savefig(buffer, format="png", bbox_inches=Bbox.from_extents(0, 0, width, height + _MARGIN))
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": alt or "a figure"}
    return data, {"image/png": {"alt": alt}}


def _plain_ticks(axis, limits) -> None:
    """10 and 100 in place of powers of ten; 20 and 50 as well where there is room."""
    low, high = limits
    room = "125" if high / low < 1e3 else "1"
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in room else "")


def _legend(axis) -> None:
    """Above the axes, in as many columns as fit."""
    handles, names = axis.get_legend_handles_labels()
    if not names:
        return
    wide = [0.72 + 0.085 * len(name) for name in names]  # inches
    columns = len(names)
    while columns > 1:
        # as matplotlib fills them: each column as many, the first ones one more where they do not come out even
        if sum(max(part) for part in np.array_split(wide, columns)) <= axis.figure.get_figwidth():
            break
        columns -= 1
    axis.figure.legend(handles, names, loc="outside upper left", ncols=columns, borderpad=0.2, columnspacing=1.5)


def _plain(value) -> float:
    return float(value.detach() if isinstance(value, torch.Tensor) else value)


def _pixels(figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def _windows() -> set[str]:
    """Backends that open a window; the others would only warn when asked to show."""
    interactive = mpl.backends.BackendFilter.INTERACTIVE
    return {name.lower() for name in mpl.backends.backend_registry.list_builtin(interactive)}


def _pictures(images) -> list[np.ndarray]:
    try:
        pictures = [torch.as_tensor(image).detach().cpu() for image in images]
    except (TypeError, ValueError, RuntimeError):  # of torch: None, words, ragged lists
        raise Unfit("show_images: these are no images: is one None, for want of a `return`?") from None
    if not pictures:
        raise Unfit("show_images: 0 images came: is a mask or a slice empty?")
    if pictures[0].dim() == 1:
        raise Unfit(f"show_images: one image is {tuple(pictures[0].shape)}: pass a lone one as [image]")
    return [_picture(image) for image in pictures]


def _picture(image) -> np.ndarray:
    if image.dim() == 3 and image.shape[0] == 1:
        image = image[0]
    elif image.dim() == 3 and image.shape[0] == 3:
        image = image.permute(1, 2, 0)
    elif image.dim() != 2:
        raise Unfit(f"show_images: an image is {tuple(image.shape)}: pass (H, W) or (C, H, W), C 1 or 3")
    return image.numpy() if image.dtype == torch.uint8 else image.float().numpy()


def _brightness(pictures) -> tuple[float, float]:
    if pictures[0].dtype == np.uint8:
        return 0, 255
    low, high = min(p.min() for p in pictures), max(p.max() for p in pictures)
    return (0, 1) if low >= 0 and high <= 1 else (low, high)
