"""The page in a real browser: its script runs without a complaint, and what it adds works. Needs Chromium."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"needs one of {', '.join(BROWSERS)} on the PATH"),
]


def browse(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page without a screen and without a network; gives what it wrote, its console on stderr."""
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1240,1800",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
        *options,
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def console(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("which", ["hostile", "gallery"])
def test_the_script_runs_without_a_complaint_and_adds_its_tools(which: str, request, tmp_path: Path) -> None:
    folder = request.getfixturevalue(which)
    done = browse(folder / "report.html", tmp_path, "--dump-dom")
    assert console(done) == []
    assert 'role="toolbar"' in done.stdout
    assert re.search(r"<output[^>]*>", done.stdout)
    assert done.stdout.count("<script") == 1


SCRIPT = """
const figure = document.querySelector("#lanes-figure"), said = () => figure.querySelector("output").value;
const key = (name) => figure.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
const told = [said()];
key("+"); told.push(said());
key("ArrowRight"); told.push(said());
key("0"); told.push(said());
key("."); told.push(document.querySelector("tr.on").id, figure.querySelector(".card").textContent);
document.title = JSON.stringify(told);
"""


def test_zooming_and_stepping_with_the_keyboard(gallery: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    text = (gallery / "report.html").read_text("utf-8")
    page.write_text(text.replace("</body>", f"<script>{SCRIPT}</script></body>"), "utf-8")
    done = browse(page, tmp_path / "profile", "--dump-dom")
    assert console(done) == []
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    told = title[1].strip("[]").replace('"', "").split(",", 4)
    assert told[:4] == ["0s to 1h20m", "20m to 1h", "30m to 1h10m", "0s to 1h20m"]
    assert told[4].startswith("t-0,t=0s dana: dana commits")


@pytest.mark.parametrize(
    "option", ["--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"]
)
def test_the_picture_of_the_page_is_light_or_dark(gallery: Path, tmp_path: Path, option: str) -> None:
    picture = tmp_path / "page.png"
    browse(gallery / "report.html", tmp_path / "profile", f"--screenshot={picture}", option)
    data = picture.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1240, 1800)
    assert len(data) > 50_000  # a page full of text and lanes, no empty one


def test_it_prints(hostile: Path, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(hostile / "report.html", tmp_path / "profile", f"--print-to-pdf={paper}")
    assert paper.read_bytes().startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())) >= 3
