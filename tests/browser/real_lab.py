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
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
SCROLLER = f"{PANEL} .jp-WindowedPanel-outer"
SIZE = {"width": 1280, "height": 1600}  # CSS pixels

# What the page shows: one entry for each code cell, and the state of the kernel
READ = """panel => ({
  idle: panel.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status === 'idle',
  cells: [...panel.querySelectorAll('.jp-CodeCell')].map(cell => ({
    prompt: cell.querySelector('.jp-InputArea-prompt').textContent,
    text: cell.querySelector('.jp-Cell-outputArea').innerText,
    errors: cell.querySelectorAll('[data-mime-type="application/vnd.jupyter.error"]').length,
    stderr: cell.querySelectorAll('[data-mime-type="application/vnd.jupyter.stderr"]').length,
    figures: [...cell.querySelectorAll('.jp-Cell-outputArea img')].filter(i => i.naturalWidth > 99).length,
    sliders: [...cell.querySelectorAll('.widget-slider')].filter(s => s.offsetWidth > 99).length,
  })),
})"""


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
        own = {
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_DATA_DIR": folder / "data",
            "JUPYTER_RUNTIME_DIR": folder / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
            "IPYTHONDIR": folder / "ipython",
            "JUPYTER_TOKEN": "loopback",
        }
        env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "MPLBACKEND"))}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--ServerApp.root_dir=."]
        command += ["--allow-root", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.work, env=env | {k: str(v) for k, v in own.items()}, stdout=log, stderr=log
            )
        self.running = folder / "runtime" / f"jpserver-{self.process.pid}.json"

    def url(self, seconds: float = 60) -> str:
        """Its address, once it answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(OSError, ValueError):
                url = json.loads(self.running.read_text())["url"]
                urllib.request.urlopen(f"{url}api", timeout=5).close()
                return url
            time.sleep(0.1)
        pytest.fail(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()  # it ends its kernels first
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Notebook:
    """One notebook in the browser, worked through JupyterLab's menus."""

    def __init__(self, page, url: str, path: Path):
        self.page, self.path = page, path
        page.goto(f"{url}lab/workspaces/{path.stem}/tree/{path.name}?token=loopback")
        page.wait_for_selector(f"{PANEL} .jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)
        page.keyboard.press("Control+b")  # no file browser: the notebook gets the width

    def menu(self, menu: str, item: str):
        """Choose `item`, a regular expression, in the menu `menu`."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{menu}$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).first.click()

    def read(self) -> dict:
        return self.page.locator(PANEL).evaluate(READ)

    def run_all(self, seconds: float = 180) -> list[dict]:
        """Run > Run All Cells; what the page shows of each code cell when the kernel has come to rest."""
        self.menu("Run", "Run All Cells")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.page.wait_for_timeout(200)
            seen = self.read()
            prompts = [cell["prompt"] for cell in seen["cells"]]
            if seen["idle"] and "[*]:" not in prompts and prompts[0] != "[ ]:":
                self.page.wait_for_timeout(300)  # the last figure is drawn
                return self.read()["cells"]
        pytest.fail(f"{self.path.name} still runs after {seconds} s: {prompts}")

    def turn(self, number: int):
        """Move the first slider of code cell `number` by one step, and wait until its figure changes."""
        cell = self.page.locator(f"{PANEL} .jp-CodeCell").nth(number)
        before = cell.locator("img").first.get_attribute("src")
        cell.locator(".widget-slider .noUi-handle").first.press("ArrowRight")
        end = time.monotonic() + 20
        while cell.locator("img").count() != 1 or cell.locator("img").get_attribute("src") == before:
            assert time.monotonic() < end, "the figure stays as it was when the slider is moved"
            self.page.wait_for_timeout(50)

    def save(self, seconds: float = 20) -> dict:
        """File > Save Notebook; the saved file."""
        before = self.path.stat().st_mtime_ns
        self.menu("File", "Save Notebook")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.page.wait_for_timeout(100)
            with suppress(ValueError):  # read while it is written
                if self.path.stat().st_mtime_ns > before:
                    return json.loads(self.path.read_text())
        pytest.fail(f"{self.path.name} was not saved")

    def shoot(self, folder: Path):
        """The whole notebook as pictures of one window each: <id>-01.png, <id>-02.png and so on."""
        scroller = self.page.locator(SCROLLER)
        height, window = scroller.evaluate("s => [s.scrollHeight, s.clientHeight]")
        step = window - 40
        for n in range(max(1, -(-(height - 40) // step))):
            scroller.evaluate("(s, y) => { s.scrollTop = y }", n * step)
            self.page.wait_for_timeout(80)
            self.page.screenshot(path=folder / f"{self.path.stem}-{n + 1:02d}.png")
