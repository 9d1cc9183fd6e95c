"""Whatever is sent to the API server is answered, and what is refused has changed nothing.

The requests are those of the recordings, each broken in some places.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kcsim.api.http import Request, Response, handle
from kcsim.simulation.simulation import Simulation

CASES = sorted((Path(__file__).parents[1] / "transcripts" / "cases").glob("*.json"))
JUNK = (
    None,
    1,
    -1,
    1.5,
    2**63,
    True,
    "",
    "x",
    "a" * 300,
    "10x",
    "日本",
    [],
    [None],
    [{}],
    {},
    {"a": None},
    {"": ""},
)
MEMBERS = ("name", "spec", "status", "metadata", "$patch", "kind", "finalizers", "selector", "items")
MEDIA = (
    "json",
    "merge-patch+json",
    "strategic-merge-patch+json",
    "json-patch+json",
    "apply-patch+yaml",
    "yaml",
)
QUERIES = (
    "fieldManager=me&force=true",
    "dryRun=All",
    "dryRun=x",
    "fieldValidation=Strict",
    "limit=x",
    "continue=abc",
    "resourceVersion=x",
    "labelSelector=a in (b",
    "propagationPolicy=Nope",
    "gracePeriodSeconds=-1",
)
SUBRESOURCES = ("status", "scale", "binding", "eviction", "token", "finalize", "log", "nope")
WITHOUT_REASON = 500
"""What upstream answers where an error is of no kind it knows; with a reason, it would be a defect."""


def steps_of(path: Path) -> list[dict[str, Any]]:
    """The requests of a recording."""
    return [step["do"]["http"] for step in json.loads(path.read_text())["steps"] if "http" in step["do"]]


def spots(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(spot for key, item in pairs for spot in spots(item, (*before, key)))]


def put(value: Any, spot: tuple[Any, ...], new: Any) -> Any:
    """The value with something else at a path."""
    if not spot:
        return new
    changed = copy.copy(value)
    changed[spot[0]] = put(value[spot[0]], spot[1:], new)
    return changed


def broken(body: Any, dice: Random) -> Any:
    """A body with junk in some of its places, without some of its members, or with others."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        spot = dice.choice(spots(body))
        here = body
        for step in spot:
            here = here[step]
        how = dice.random()
        if how < 0.6 or not isinstance(here, dict | list) or not here:
            body = put(body, spot, dice.choice(JUNK))
        elif isinstance(here, list):
            body = put(body, spot, [*here, dice.choice(here), dice.choice(JUNK)])
        elif how < 0.8:
            body = put(body, spot, {**here, dice.choice(MEMBERS): dice.choice(JUNK)})
        else:
            gone = dice.choice(list(here))
            body = put(body, spot, {key: item for key, item in here.items() if key != gone})
    return body


def mutant(http: dict[str, Any], dice: Random) -> Request:
    """A recorded request, broken."""
    method, path, query = http["method"], http["path"], http.get("query") or ""
    headers, body = dict(http.get("headers") or {}), http.get("body")
    if body is not None and not isinstance(body, str):
        body = broken(body, dice)
    if dice.random() < 0.15:
        path = f"{path.rstrip('/')}/{dice.choice(SUBRESOURCES)}"
    if dice.random() < 0.2:
        method = dice.choice(("GET", "POST", "PUT", "PATCH", "DELETE"))
    if dice.random() < 0.3:
        query = dice.choice(QUERIES)
    if dice.random() < 0.3:
        headers["Content-Type"] = f"application/{dice.choice(MEDIA)}"
    if dice.random() < 0.3 and not isinstance(body, str):
        body = json.dumps(body)
    return Request(method, path, query, headers, body)


@given(st.sampled_from(CASES), st.integers(0, 1 << 32))
def test_every_request_is_answered_and_a_refused_one_changes_nothing(path, seed):
    server = Simulation(nodes=0, seed=1).cluster().server
    dice = Random(seed)
    for http in steps_of(path)[: dice.randrange(4, 30)]:
        asked = Request(
            http["method"], http["path"], http.get("query") or "", http.get("headers") or {}, http.get("body")
        )
        for request in (asked, mutant(http, dice), mutant(http, dice)):
            before = server.log.revision
            answer = handle(server, request)
            if not isinstance(answer, Response) or answer.code < 400:
                continue
            assert server.log.revision == before, request
            if isinstance(answer.body, dict):
                assert answer.body["status"] == "Failure"
                assert answer.code != WITHOUT_REASON or "reason" not in answer.body, request
