"""The player's face in a real browser, before a model that answers as Python would. Needs Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import kcsim
from kcsim.notebook import player

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"needs one of {', '.join(BROWSERS)} on the PATH"),
]

PAGE = """<!doctype html><meta charset="utf-8"><title>-</title><style>{css}</style><body><div id="here"></div>
<script type="module">
{esm}
const answers = {answers}, asked = [], listeners = [];
const values = {{ settings: {settings}, state: {state}, asked: {{}} }};
const model = {{
  get: (name) => values[name],
  set: (name, value) => {{ values[name] = value; }},
  save_changes: () => {{
    asked.push(values.asked);
    const answer = answers[values.asked.do];
    if (!answer) return; // a kernel that is gone
    values.state = {{ ...answer, answered: values.asked.n }};
    setTimeout(() => listeners.forEach((each) => each()), 5);
  }},
  on: (name, act) => listeners.push(act),
  off: (name, act) => listeners.splice(listeners.indexOf(act), 1),
}};
const el = document.querySelector("#here");
const leave = render({{ model, el }});
const $ = (name) => el.querySelector(name), $$ = (name) => [...el.querySelectorAll(name)];
const press = (label) => $$("button").find((each) => each.getAttribute("aria-label") === label).click();
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const scrub = (time) => {{
  $("input[type=range]").value = time;
  for (const name of ["input", "change"]) $("input[type=range]").dispatchEvent(new Event(name));
}};
const seen = () => ({{
  time: $(".time").value,
  workloads: $$(".workloads td").map((each) => each.textContent),
  last: $(".moments li:last-child")?.textContent ?? "",
  said: $(".said").textContent,
  wrong: $(".said").classList.contains("wrong"),
  needle: Number($(".needle").getAttribute("x1")),
  play: $$("button")[1].getAttribute("aria-label"),
}});
const told = {{}};
{script}
document.title = JSON.stringify({{ told, asked, listeners: listeners.length }});
</script>"""


@pytest.fixture(scope="module")
def states() -> dict[str, Any]:
    """What Python answers: as it stood at 24 minutes, later, and where something is wrong."""
    world = kcsim.load("drift-at-night", delivery="flux")
    world.run_until("24m")
    played = player(world)
    start = {**played.state(), "answered": 0}
    played.do({"do": "inject", "kind": "node-crash", "target": "node-9", "duration": "", "when": world.now})
    wrong = played.state()
    played.do({"do": "run", "until": 2400.0})
    later = played.state()
    return {
        "settings": played.settings(),
        "state": start,
        "answers": {"run": later, "step": later, "inject": wrong},
    }


def played_in_browser(states: dict[str, Any], script: str, folder: Path) -> dict[str, Any]:
    code = files("kcsim.notebook.playing").joinpath("player.js").read_text("utf-8")
    css = files("kcsim.notebook.playing").joinpath("player.css").read_text("utf-8")
    given = {name: json.dumps(value).replace("</", "<\\/") for name, value in states.items()}
    page = folder / "player.html"
    page.write_text(
        PAGE.format(esm=code.replace("export default { render };", ""), css=css, script=script, **given)
    )
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--enable-logging=stderr",
        "--virtual-time-budget=60000",
        "--window-size=1100,800",
        f"--screenshot={folder / 'player.png'}",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    found: dict[str, Any] = json.loads(html.unescape(title[1]))
    return found


def test_scrubbing_shows_the_past_and_asks_nobody(states: dict[str, Any], tmp_path: Path) -> None:
    script = """
    told.now = seen();
    scrub(600); told.past = seen();
    scrub(1350); told.drift = seen();
    press("To the moment before"); told.before = seen();
    press("To the next change"); press("To the next change"); told.after = seen();
    scrub(0); told.start = seen();
    leave();
    """
    found = played_in_browser(states, script, tmp_path)
    told = found["told"]
    assert (found["asked"], found["listeners"]) == ([], 0)
    assert told["now"]["time"] == "00:24:00 of 01:20:00"
    assert told["past"]["workloads"] == ["shop/web", "3/3 ready", "registry.example/shop/web:1.0.0"]
    assert told["drift"]["workloads"][1] == "1/1 ready"
    assert told["before"]["time"] == "00:22:00 of 01:20:00"
    assert told["after"]["time"] > told["drift"]["time"]
    assert told["start"]["workloads"] == []
    assert told["start"]["needle"] < told["past"]["needle"] < told["now"]["needle"]


def test_playing_asks_for_more_and_stops_when_told(states: dict[str, Any], tmp_path: Path) -> None:
    script = """
    press("Play"); told.playing = seen();
    await wait(400);
    told.after = seen();
    press("Pause"); told.paused = seen();
    await wait(300); told.still = seen();
    scrub(3000); await wait(50); told.beyond = seen();
    """
    found = played_in_browser(states, script, tmp_path)
    told, asked = found["told"], found["asked"]
    assert (told["playing"]["play"], told["paused"]["play"]) == ("Pause", "Play")
    assert asked[0] == {"do": "run", "until": 1440 + 60, "n": 1}
    assert told["after"]["time"] > "00:24:00"
    assert told["still"]["time"] == told["paused"]["time"]
    assert (asked[-1]["do"], asked[-1]["until"]) == ("run", 3000)
    assert told["beyond"]["time"] == "00:40:00 of 01:20:00"
    assert [each["n"] for each in asked] == list(range(1, len(asked) + 1))


def test_a_fault_is_put_in_at_the_playhead_and_what_is_wrong_is_said(
    states: dict[str, Any], tmp_path: Path
) -> None:
    script = """
    scrub(600);
    const [kind, target] = [$$("select")[1], $$("input[type=text]")[0]];
    kind.value = "node-crash"; kind.dispatchEvent(new Event("change"));
    told.placeholder = target.placeholder;
    target.value = " node-9 "; $$("input[type=text]")[1].value = "2m";
    press("Put the fault in at this instant");
    await wait(50); told.wrong = seen();
    """
    found = played_in_browser(states, script, tmp_path)
    fault = {"do": "inject", "kind": "node-crash", "target": "node-9", "duration": "2m", "when": 600, "n": 1}
    assert found["asked"] == [fault]
    assert found["told"]["placeholder"] == "node"
    assert found["told"]["wrong"]["wrong"]
    assert "node-9" in found["told"]["wrong"]["said"]
    assert found["told"]["wrong"]["time"] == "00:10:00 of 01:20:00"


def test_a_kernel_that_does_not_answer_is_told_of(states: dict[str, Any], tmp_path: Path) -> None:
    script = """
    press("To the next change");
    await wait(21000); told.gone = seen();
    scrub(600); told.past = seen();
    """
    found = played_in_browser({**states, "answers": {}}, script, tmp_path)
    assert found["told"]["gone"]["said"].startswith("No answer from Python: the kernel is busy or gone.")
    assert found["told"]["past"]["workloads"][1] == "3/3 ready"
