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
import traceback

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its note about a new font cache would go to stderr

import matplotlib as mpl  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.transforms import Bbox  # noqa: E402

from dlcourse import runtime  # noqa: E402

# Okabe and Ito's colours, told apart with any colour vision
BLUE, ORANGE, GREEN, PINK, SKY, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#6E6E6E"

STYLE = {
    "figure.figsize": (6.4, 3.8),
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
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


def show_images(images, titles=None, columns: int = 8) -> None:
    """Draw images in a grid, all on one scale of brightness.

    images   (N, H, W), (N, 1, H, W) grey or (N, 3, H, W) colour, or a list of (H, W); uint8 0 to 255 or float
    titles   one for each image; None: no titles
    columns  images a row
    """
    pictures = _pictures(images)
    if titles is not None and len(titles) != len(pictures):
        raise Unfit(f"show_images: {len(titles)} titles for {len(pictures)} images: pass one for each")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    size = (1.05 * columns, (1.1 if titles is None else 1.35) * rows)  # inches
    _, axes = plt.subplots(rows, columns, figsize=size)
    low, high = _brightness(pictures)
    for i, axis in enumerate(np.atleast_1d(axes).flat):
        axis.axis("off")
        if i < len(pictures):
            axis.imshow(pictures[i], vmin=low, vmax=high)
            axis.set_title("" if titles is None else str(titles[i]), fontsize=10)
    height, width = pictures[0].shape[:2]
    names = "" if titles is None else ": " + ", ".join(str(title) for title in titles)
    show(f"{len(pictures)} images of {height} by {width} pixels{names}")


def show_curves(
    curves,
    *,
    xlabel: str,
    ylabel: str,
    baseline: tuple[str, float] | None = None,
    log: bool = False,
    log_x: bool = False,
) -> None:
    """Draw one line for each entry, over 1, 2, 3 and so on.

    curves    name: list of numbers, such as {"train": history.loss}
    xlabel    what is counted, such as "epoch"
    ylabel    what is measured, with its unit, such as "loss (nats)"
    baseline  name and height of a dashed line to beat, such as ("majority", 0.1)
    log       True: each grid line stands for ten times the one below
    log_x     True: the same from left to right, for curves that fall at once and then creep
    """
    curves = {name: [_plain(value) for value in values] for name, values in curves.items()}
    _, axis = plt.subplots()
    for name, values in curves.items():
        axis.plot(range(1, len(values) + 1), values, label=name, marker="o" if len(values) == 1 else None)
    if baseline is not None:
        axis.axhline(baseline[1], color="black", linestyle="--", linewidth=1.2, label=baseline[0])
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if log:
        axis.set_yscale("log")
        _plain_ticks(axis.yaxis, axis.get_ylim())
    if log_x:
        axis.set_xscale("log")
        _plain_ticks(axis.xaxis, axis.get_xlim())
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderpad=0)
    ends = ", ".join(f"{name} ends at {line[-1]:.3g}" for name, line in curves.items() if len(line))
    beat = f"; the baseline {baseline[0]} is at {baseline[1]:.3g}" if baseline else ""
    show(f"{ylabel} over {xlabel}: {ends}{beat}")


def slider(draw, **ranges: tuple[float, float, float]) -> None:
    """Let a slider call `draw`, which makes one figure; without a notebook, show three positions.

    draw    takes the names below as arguments
    ranges  name=(low, high, start)
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

    wide, names = ipywidgets.Layout(width="32em"), {"description_width": "3em"}
    sliders, picture = {}, ipywidgets.Output()
    for name, (low, high, start) in ranges.items():
        step = _step(high - low)
        start = min(high, low + round((start - low) / step) * step)  # else the browser moves it there, and draws anew
        sliders[name] = ipywidgets.FloatSlider(
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
            draw(**{name: r[2] if towards is None else (r[2] + r[towards]) / 2 for name, r in ranges.items()})
            show()
    finally:
        _frames = None
        plt.close("all")
    _, axes = plt.subplots(1, len(frames), figsize=(9.6, 3.0), squeeze=False)
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
    figure.savefig(buffer, format="png", bbox_inches=Bbox.from_extents(0, 0, width, height + _MARGIN))
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": alt or "a figure"}
    return data, {"image/png": {"alt": alt}}


def _plain_ticks(axis, limits) -> None:
    """10 and 100 in place of powers of ten; 20 and 50 as well where there is room."""
    low, high = limits
    room = "125" if high / low < 1e3 else "1"
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in room else "")


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
