"""A JupyterLab of its own on a free port, and a browser that works in it through its menus."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing outside is asked: the Colab badge stays text
)
SETTINGS = {  # a notebook that is in the page whole, and no pop-ups
    "notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False, "autoStartDefaultKernel": True},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}
NOT_THE_STUDENTS = {"@jupyter/nbgrader": True}
TOKEN = "loopback"
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
SIZE = {"width": 1280, "height": 1600}  # CSS pixels

# Whether every cell has run and the kernel rests: asked again and again, so it must cost next to nothing.
RESTS = """panel => {
  const prompts = [...panel.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].map(p => p.textContent);
  const idle = document.querySelector('#jp-main-statusbar').textContent.includes('| Idle');
  return idle && prompts[0] !== '[ ]:' && !prompts.includes('[*]:');
}"""
# What the page shows of each code cell. A figure of one colour only counts as none.
READ = """panel => {
  const shows = image => {
    const canvas = new OffscreenCanvas(64, 64).getContext('2d');
    canvas.drawImage(image, 0, 0, 64, 64);
    const pixels = new Uint32Array(canvas.getImageData(0, 0, 64, 64).data.buffer);
    return pixels.some(pixel => pixel !== pixels[0]);
  };
  return [...panel.querySelectorAll('.jp-CodeCell')].map(cell => ({
    prompt: cell.querySelector('.jp-InputArea-prompt').textContent,
    text: cell.querySelector('.jp-Cell-outputArea').textContent,
    red: cell.querySelectorAll('[data-mime-type$="jupyter.stderr"], [data-mime-type$="jupyter.error"]').length,
    figures: [...cell.querySelectorAll('.jp-Cell-outputArea img')].filter(i => i.naturalWidth > 99 && shows(i)).length,
    sliders: [...cell.querySelectorAll('.widget-slider')].filter(s => s.offsetWidth > 99).length,
  }));
}"""


def find_browser() -> str | None:
    """The program of a Chromium on this machine."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or next((place for place in PLACES if Path(place).exists()), None)


class Server:
    """`jupyter lab` with folders of its own below `folder`; notebooks lie in `folder`/work."""

    def __init__(self, folder: Path):
        self.work, self.log = folder / "work", folder / "server.log"
        self.work.mkdir()
        for name, values in SETTINGS.items():
            path = folder / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        (folder / "config/labconfig").mkdir(parents=True)
        (folder / "config/labconfig/page_config.json").write_text(json.dumps({"disabledExtensions": NOT_THE_STUDENTS}))
        own = {
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_DATA_DIR": folder / "data",
            "JUPYTER_RUNTIME_DIR": folder / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
            "IPYTHONDIR": folder / "ipython",
            "JUPYTER_TOKEN": TOKEN,
        }
        env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "MPLBACKEND"))}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--ServerApp.root_dir=."]
        command += [
            "--allow-root",
            "--ServerApp.port_retries=999",
            "--LabApp.news_url=None",
            "--LabApp.extension_manager=readonly",
        ]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.work, env=env | {k: str(v) for k, v in own.items()}, stdout=log, stderr=log
            )
        self.running = folder / "runtime" / f"jpserver-{self.process.pid}.json"

    def address(self, seconds: float = 60) -> str:
        """Where a browser finds it, once it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(OSError, ValueError):
                url = json.loads(self.running.read_text())["url"]
                urllib.request.urlopen(f"{url}api", timeout=5).close()
                return f"{url}lab?token={TOKEN}"
            time.sleep(0.1)
        pytest.fail(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()  # it ends its kernels first
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Notebook:
    """One notebook in the browser, worked through JupyterLab's menus. All share the page: loading it takes longest."""

    def __init__(self, page, path: Path):
        self.page, self.path = page, path
        self.menu("File", "Open from Path…")
        page.locator(".jp-Dialog input").fill(path.name)
        page.keyboard.press("Enter")
        bar = page.locator("#jp-main-statusbar")
        self.wait(60, "no kernel", lambda: "| Idle" in (text := bar.inner_text()) and path.name in text)
        if page.locator("#jp-left-stack").is_visible():
            page.keyboard.press("Control+b")  # no file browser: the notebook gets the width

    def menu(self, menu: str, item: str):
        """Choose `item` in the menu `menu`."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{menu}$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).first.click()

    def wait(self, seconds: float, or_else: str, until, step: float = 0.1):
        """What `until` returns, as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := until():
                return found
            self.page.wait_for_timeout(1000 * step)
        pytest.fail(f"{self.path.name}: {or_else} after {seconds:.0f} s")

    def run_all(self, seconds: float = 600) -> list[dict]:
        """Run > Run All Cells; what the page shows of each code cell when all has come to rest."""
        self.menu("Run", "Run All Cells")
        return self.rest(seconds)

    def rest(self, seconds: float = 600) -> list[dict]:
        """What the page shows of each code cell, once all have run and nothing changes any more."""
        panel, seen = self.page.locator(PANEL), [None, None]

        def at_rest():
            if not panel.evaluate(RESTS):
                return None
            seen[:] = seen[1], panel.evaluate(READ)
            return seen[0] == seen[1] and seen[1]

        return self.wait(seconds, "still running", at_rest, step=0.3)

    def turn(self, number: int):
        """Move the first slider of code cell `number` by one step, and wait until its figure changes."""
        cell = self.page.locator(f"{PANEL} .jp-CodeCell").nth(number)
        images = "all => all.map(i => i.src)"
        before = cell.locator("img").evaluate_all(images)
        cell.locator(".widget-slider .noUi-handle").first.press("ArrowRight")
        say = f"the slider of code cell {number + 1} changes nothing"
        self.wait(60, say, lambda: cell.locator("img").evaluate_all(images) not in (before, []))

    def save(self) -> dict:
        """File > Save Notebook; the saved file."""
        before = self.path.stat().st_mtime_ns
        self.menu("File", "Save Notebook")

        def saved():
            with suppress(ValueError):  # read while it is written
                return self.path.stat().st_mtime_ns > before and json.loads(self.path.read_text())

        return self.wait(20, "not saved", saved)

    def shoot(self, folder: Path):
        """The whole notebook as pictures of one window each: <id>-01.png, <id>-02.png and so on."""
        for old in folder.glob(f"{self.path.stem}-*.png"):
            old.unlink()
        scroller = self.page.locator(f"{PANEL} .jp-WindowedPanel-outer")
        height, window = scroller.evaluate("s => [s.scrollHeight, s.clientHeight]")
        step = window - 40  # CSS pixels; a line or two stand in both pictures
        for n in range(max(1, -(-(height - 40) // step))):
            scroller.evaluate("(s, y) => { s.scrollTop = y }", n * step)
            self.page.wait_for_timeout(50)
            self.page.screenshot(path=folder / f"{self.path.stem}-{n + 1:02d}.png")

    def close(self):
        self.page.keyboard.press("Escape")
        self.menu("Kernel", "Shut Down Kernel")
