"""The incremental counts agree with counting all pods anew, whatever happened to them."""

from __future__ import annotations

import pytest

from kcsim.api import selectors
from kcsim.cluster.controllers.pods import is_active, is_available, is_ready, is_terminating
from kcsim.cluster.controllers.replicaset.status import Counts
from kcsim.cluster.controllers.replicaset.tally import PodTally, Rules
from kcsim.engine.clock import SECOND, rfc3339
from kcsim.engine.dice import Dice

TEMPLATE = {"app": "web", "hash": "x"}
SELECTOR = selectors.from_labels({"app": "web"})


def make_pod(name, dice, now):
    owner = {"kind": "ReplicaSet", "name": "web", "uid": "rs-uid", "controller": True}
    metadata = {
        "name": name,
        "namespace": "shop",
        "labels": dice.choice([TEMPLATE, TEMPLATE, {"app": "web"}, {"app": "other"}]),
        "ownerReferences": dice.choice([[owner], [owner], [owner], []]),
    }
    if dice.integer(4) == 0:
        metadata["deletionTimestamp"] = rfc3339(now)
    condition = {
        "type": "Ready",
        "status": dice.choice(["True", "False"]),
        "lastTransitionTime": rfc3339(now),
    }
    phase = dice.choice(["Pending", "Running", "Running", "Failed"])
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase, "conditions": [condition]}}


def recount(pods, rules, now):
    mine = [
        p
        for p in pods
        if p["metadata"]["ownerReferences"] and rules.selector.matches(p["metadata"]["labels"])
    ]
    active = [p for p in mine if is_active(p)]
    return Counts(
        active=len(active),
        fully_labeled=sum(rules.labels.items() <= p["metadata"]["labels"].items() for p in active),
        ready=sum(map(is_ready, active)),
        available=sum(is_available(p, rules.min_ready_seconds, now) for p in active),
        terminating=sum(map(is_terminating, mine)),
    )


@pytest.mark.parametrize("seed", range(8))
def test_counts_agree_with_a_recount(seed):
    dice = Dice(seed, "tally")
    tally = PodTally("ReplicaSet")
    pods = {}
    rules = Rules(SELECTOR, TEMPLATE, 0)
    for step in range(400):
        now = step * SECOND
        name = f"web-{dice.integer(12)}"
        old = pods.get(name)
        new = None if old and dice.integer(5) == 0 else make_pod(name, dice, now)
        if new:
            pods[name] = new
        else:
            del pods[name]
        tally.observe(old, new)
        if dice.integer(40) == 0:
            rules = Rules(SELECTOR, dice.choice([TEMPLATE, {"app": "web"}]), dice.choice([0, 7]))
        if dice.integer(3) == 0:
            assert tally.owned("rs-uid").count(rules, now) == recount(pods.values(), rules, now)
    assert set(tally.orphans("shop")) == {n for n, p in pods.items() if not p["metadata"]["ownerReferences"]}


def test_next_available_at():
    tally = PodTally("ReplicaSet")
    owner = {"kind": "ReplicaSet", "uid": "u", "controller": True}
    metadata = {"name": "a", "namespace": "x", "labels": TEMPLATE, "ownerReferences": [owner]}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(3 * SECOND)}
    tally.observe(None, {"metadata": metadata, "status": {"phase": "Running", "conditions": [ready]}})
    owned, rules = tally.owned("u"), Rules(SELECTOR, TEMPLATE, 10)
    assert owned.count(rules, 5 * SECOND).available == 0
    assert owned.next_available_at(10) == 13 * SECOND
    assert owned.count(rules, 13 * SECOND).available == 1
    assert owned.next_available_at(10) is None
