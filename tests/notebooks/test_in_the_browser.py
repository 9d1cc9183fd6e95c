"""The first two notebooks in a browser, on Pyodide: they run, and say what they say elsewhere. Needs Chromium and `make lite`."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="speaks to the browser")
nbformat = pytest.importorskip("nbformat", reason="needs the notebook extra")
nbclient = pytest.importorskip("nbclient", reason="needs the notebook extra")

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "lite"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)
PATIENCE = 300
"""Seconds: Pyodide starts, installs kcsim and plays on a WebAssembly interpreter, beside other tests."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"needs one of {', '.join(BROWSERS)} on the PATH"),
    pytest.mark.skipif(not (SITE / "jupyter-lite.json").exists(), reason="needs build/lite: `make lite`"),
]

READY = """!!window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"""
CELLS = """JSON.stringify(jupyterapp.shell.currentWidget.content.model.toJSON().cells
  .filter((cell) => cell.cell_type === "code").map((cell) => [cell.execution_count, cell.outputs]))"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the site without talking about it."""

    extensions_map: ClassVar = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".wasm": "application/wasm",
        ".mjs": "text/javascript",
    }

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class Page:
    """One page, spoken to by the DevTools protocol."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.count = socket, 0

    async def run(self, script: str) -> Any:
        self.count += 1
        asked = {"expression": script, "returnByValue": True}
        await self.socket.send_json({"id": self.count, "method": "Runtime.evaluate", "params": asked})
        while True:
            answer = await self.socket.receive_json()
            if answer.get("id") == self.count:
                assert "exceptionDetails" not in answer["result"], answer
                return answer["result"]["result"].get("value")

    async def until(self, script: str, done: Any) -> Any:
        for _ in range(PATIENCE):
            found = await self.run(script)
            if done(found):
                return found
            await asyncio.sleep(1)
        raise TimeoutError(f"{script} is {str(found)[-2000:]}")


async def executed(devtools: str) -> list[list[Any]]:
    """The code cells after all were run."""
    async with aiohttp.ClientSession() as session:
        pages = await (await session.get(f"{devtools}/json")).json(content_type=None)
        address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        async with session.ws_connect(address, max_msg_size=0) as socket:
            page = Page(socket)
            await page.until(READY, bool)
            await page.run("jupyterapp.commands.execute('notebook:run-all-cells'); 1")
            cells = await page.until(CELLS, lambda found: finished(json.loads(found)))
            return json.loads(cells)


def finished(cells: list[list[Any]]) -> bool:
    failed = [out for _, outputs in cells for out in outputs if out["output_type"] == "error"]
    assert not failed, failed
    return all(count for count, _ in cells)


def told(outputs: list[Any]) -> list[str]:
    """What a cell printed and the plain text of what it showed."""
    printed = "".join("".join(out["text"]) for out in outputs if out["output_type"] == "stream")
    return [printed, *("".join(out["data"]["text/plain"]) for out in outputs if "data" in out)]


@pytest.mark.parametrize("name", ["01-first-steps", "02-push-against-pull"])
def test_a_notebook_says_in_the_browser_what_it_says_elsewhere(name: str, site: str, tmp_path: Path) -> None:
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path}",
        f"{site}/lab/index.html?path={name}.ipynb",
    ]
    browser = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert browser.stderr is not None
    try:
        line = next(line for line in browser.stderr if "DevTools listening" in line)
        threading.Thread(target=browser.stderr.read, daemon=True).start()
        devtools = line.split()[-1].partition("/devtools")[0].replace("ws:", "http:")
        cells = asyncio.run(executed(devtools))
    finally:
        browser.terminate()
        browser.wait()
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    here = [told(cell["outputs"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    there = [told(outputs) for _, outputs in cells[1:]]  # the first one installs kcsim
    assert there == here
