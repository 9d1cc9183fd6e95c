"""One recording, played against a simulated control plane.

Walk: a file -> a fresh ``Plane`` (API server and the controllers that the file needs) -> each step done in virtual time
-> its answer compared with the recorded one -> an ``Outcome`` a step.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.client import DirectClient
from kcsim.api.http import Request, Response, handle
from kcsim.api.identity import ANONYMOUS
from kcsim.api.request import ADMIN
from kcsim.api.streaming import Stream
from kcsim.engine.clock import MILLISECOND, SECOND, seconds
from kcsim.engine.task import run_now
from kcsim.kubectl.command import kubectl
from tests.transcripts.binding import Bindings, Difference, Unbound
from tests.transcripts.plane import Plane, api_plane
from tests.transcripts.scope import out_of_scope, tolerated

AGREES, DIFFERS, OUTSIDE = "agree", "differ", "out of scope"
_HTTP_TAKES = 10 * MILLISECOND
_KUBECTL_STARTS, _KUBECTL_ENDS = 90 * MILLISECOND, 10 * MILLISECOND
"""Most of the time that a kubectl takes goes by before it asks anything: what it does at 17.0 was recorded at 17.1."""
_POLL_EVERY = 100 * MILLISECOND
_UNSTABLE = "two runs of the real server differed here"
_OWN_WARNING = "kcsim "  # what kcsim says about itself has no counterpart in a recording
_HEADERS = ("Warning", "Retry-After", "Allow", "Content-Type")


@dataclass
class Outcome:
    """What became of one step."""

    place: int
    verdict: str
    why: str = ""
    differences: list[Difference] = field(default_factory=list)


class Replay:
    """A recording on its way."""

    def __init__(self, recording: dict[str, Any]) -> None:
        self.recording = recording
        self.bindings = Bindings()
        self.plane: Plane = api_plane()

    def run(self) -> list[Outcome]:
        """Play every step."""
        if self.recording["needs"] != "api":
            why = "timelines need the stand-in kubelet"
            return [Outcome(place, OUTSIDE, why) for place in range(len(self.recording["steps"]))]
        return [self._step(place, step) for place, step in enumerate(self.recording["steps"])]

    def _step(self, place: int, step: dict[str, Any]) -> Outcome:
        reason = out_of_scope(self.recording["topic"], place, step)
        if reason:
            return Outcome(place, OUTSIDE, reason)
        (kind, what), *_ = step["do"].items()
        try:
            if kind != "poll":
                what = self.bindings.fill(what)
            stdin = self.bindings.fill(step.get("stdin", ""))
        except Unbound as unbound:
            missing = Difference("do", f"a value for {unbound}", "no earlier answer had one")
            return Outcome(place, DIFFERS, differences=[missing])
        do: Callable[[Any, str, Any], list[Difference]] = getattr(self, f"_do_{kind}")
        try:
            differences = do(what, stdin, step.get("expect"))
        except Exception as error:  # noqa: BLE001 - a crash is one more way to differ; the steps after it still count
            differences = [Difference("crash", step.get("expect"), f"{type(error).__name__}: {error}")]
        if not differences:
            return Outcome(place, AGREES)
        if step.get("unstable"):
            return Outcome(place, OUTSIDE, _UNSTABLE, differences)
        reason = tolerated(self.recording["topic"], place, differences)
        if reason:
            return Outcome(place, OUTSIDE, reason, differences)
        return Outcome(place, DIFFERS, differences=differences)

    # --- kinds of steps -----------------------------------------------------------------------------------------

    def _do_http(self, what: dict[str, Any], stdin: str, expect: dict[str, Any]) -> list[Difference]:
        del stdin
        answer = self._send(what)
        self.plane.run(_HTTP_TAKES)
        compare = self.bindings.compare
        found = compare(expect["code"], answer.code, "code")
        if isinstance(answer, Stream):
            events = self._read(answer, what)
            if "events" in expect:
                return found + compare(_plain(expect["events"]), _plain(events), "events")
            body = events[0] if len(events) == 1 else events
            return found + compare(expect.get("body"), body, "body")
        if "events" in expect:
            return found + compare(expect["events"], [answer.body], "events")
        found += compare(_plain(expect.get("body")), _plain(answer.body), "body")
        return found + compare(expect.get("headers", {}), _headers(answer), "headers")

    def _send(self, what: dict[str, Any]) -> Response | Stream:
        headers = {"Accept": "application/json", "User-Agent": "golden/1.0"}
        if what.get("body") is not None:
            headers["Content-Type"] = "application/json"
        headers.update(what.get("headers") or {})
        # The administrator comes with a certificate unless the recording took even that away.
        user = ANONYMOUS if headers.get("Authorization", "") is None else ADMIN
        body = copy.deepcopy(what.get("body"))
        request = Request(what["method"], what["path"], what.get("query") or {}, headers, body, user)
        return handle(self.plane.server, request)

    def _read(self, stream: Stream, what: dict[str, Any]) -> list[Any]:
        limit = int((what.get("query") or {}).get("timeoutSeconds", 1)) * SECOND
        self.plane.run(limit + MILLISECOND)
        return copy.deepcopy(stream.take())

    def _do_kubectl(self, what: list[str], stdin: str, expect: dict[str, Any]) -> list[Difference]:
        client = DirectClient(self.plane.endpoint, ADMIN, "control-plane", user_agent="kubectl")
        self.plane.run(_KUBECTL_STARTS)
        outcome = run_now(self.plane.engine, kubectl(client, what, files={"-": stdin}), limit=600 * SECOND)
        self.plane.run(_KUBECTL_ENDS)
        bindings = self.bindings
        # The binaries that were recorded had their version in their name, and so in the field manager.
        expect = {
            k: re.sub(r"kubectl\.1\.\d+", "kubectl", v) if isinstance(v, str) else v
            for k, v in expect.items()
        }
        found = bindings.compare(expect["exit"], outcome.exit_code, "exit")
        if what[0] == "explain" and expect["stdout"] != outcome.stdout:
            found.append(
                Difference("stdout", expect["stdout"], outcome.stdout)
            )  # judged as a whole: see scope.py
        else:
            found += bindings.compare_text(expect["stdout"], outcome.stdout, "stdout")
        stderr = "".join(
            line
            for line in outcome.stderr.splitlines(True)
            if not line.startswith(f"Warning: {_OWN_WARNING}")
        )
        return found + bindings.compare_text(expect["stderr"], stderr, "stderr")

    def _do_poll(self, what: dict[str, Any], stdin: str, expect: Any) -> list[Difference]:
        del stdin, expect
        path = self.bindings.fill(what["path"])
        end = self.plane.engine.now + seconds(what.get("timeout", 30))
        while True:
            answer = self._send({"method": "GET", "path": path, "query": what.get("query")})
            if "code" in what and answer.code == what["code"] and not what.get("until"):
                return []
            if isinstance(answer, Response) and what.get("until"):
                waiting = [pair for pair in what["until"] if not self._holds(pair, answer.body)]
                if not waiting:
                    return []
            if self.plane.engine.now >= end:
                return [Difference("poll", what, f"{answer.code} in the end")]
            self.plane.run(_POLL_EVERY)

    def _holds(self, pair: list[Any], body: Any) -> bool:
        path, wanted = pair
        value = look_up(body, path)
        if wanted == "<set>":
            return value is not None
        return not self.bindings.compare(wanted, value)

    def _do_sleep(self, what: float, stdin: str, expect: Any) -> list[Difference]:
        del stdin, expect
        self.plane.run(seconds(what))
        return []


def _headers(answer: Response) -> dict[str, list[str]]:
    shown = {name: [answer.headers[name]] for name in _HEADERS if name in answer.headers}
    shown.pop("Warning", None)
    warnings = [text for text in answer.warnings if not text.startswith(_OWN_WARNING)]
    if warnings:
        shown["Warning"] = [f'299 - "{_quoted(text)}"' for text in warnings]
    return shown


def _plain(value: Any) -> Any:
    """A value without what kcsim leaves out on purpose.

    The descriptions of table columns are documentation; an error that the real server finds twice is one cause here.
    """
    if isinstance(value, dict):
        kept = {key: _plain(item) for key, item in value.items()}
        if isinstance(kept.get("causes"), list):
            causes = kept["causes"]
            kept["causes"] = [cause for i, cause in enumerate(causes) if cause not in causes[:i]]
        if value.get("kind") == "Table" and value.get("columnDefinitions"):
            kept["columnDefinitions"] = [
                {key: item for key, item in column.items() if key != "description"}
                for column in value["columnDefinitions"]
            ]
        return kept
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def look_up(value: Any, path: str) -> Any:
    """A value by dotted path: ``status.conditions[type=Ready].status``, ``items[#]`` for a length."""
    for part in path.split("."):
        name, _, index = part.partition("[")
        if name:
            value = value.get(name) if isinstance(value, dict) else None
        if not index or value is None:
            continue
        index = index.rstrip("]")
        if index == "#":
            value = len(value)
        elif "=" in index:
            key, _, wanted = index.partition("=")
            value = next((item for item in value if str(item.get(key)) == wanted), None)
        else:
            value = value[int(index)] if int(index) < len(value) else None
    return value
