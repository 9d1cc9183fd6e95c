"""What a full probe costs: a controller of a hundred writes, every plan that could matter to it; and the tour of the zoo."""

from __future__ import annotations

import time

from benchmarks.figure import Figure
from benchmarks.floor import floor
from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.testing.controller import Operator
from kcsim.testing.probing.probe import probe
from kcsim.testing.tiny import crd, story
from kcsim.testing.zoo.exhibit import BUILTIN, custom
from kcsim.testing.zoo.tour import scores, tour

CHILDREN = 50


class Crowd(Operator):
    """So many ConfigMaps with the object's level: one write for each when it is made, one when the level changes."""

    name = "crowd"
    watches = "crowds.zoo.example"
    owns = ("configmaps",)

    def sync(self, obj: Object) -> Steps:
        """Create what is missing, update what differs."""
        data, namespace = {"level": obj["spec"]["level"]}, objects.namespace(obj)
        for number in range(CHILDREN):
            name = f"{objects.name(obj)}-{number}"
            live = self.child(obj, "configmaps", name)
            if live is None:
                yield from self._create(obj, name, namespace, data)
            elif live["data"] != data:
                yield self.client.update("configmaps", {**live, "data": data})

    def _create(self, obj: Object, name: str, namespace: str, data: Object) -> Steps:
        owner = [objects.owner_reference(obj)]
        metadata = {"name": name, "namespace": namespace, "ownerReferences": owner}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        try:
            yield self.client.create("configmaps", body)
        except StatusError as error:
            if not error.is_already_exists:
                raise


def hundred_writes() -> Figure:
    """The full probe of a controller that writes a hundred times."""
    steps = (("5s", custom("Crowd", level="1")), ("1m", custom("Crowd", level="2")))
    scenario = story(
        "crowd", (0, crd("Crowd")), *steps, controllers={Crowd.name: Crowd}, builtin=BUILTIN, until="2m"
    )
    begin = time.process_time()
    report = probe(scenario)
    spent = time.process_time() - begin
    assert report.passed, report.text()
    plans = sum(report.tried.values())
    least = floor(2 * report.effects * plans, 10 * report.effects * plans, report.effects)
    detail = {"writes": report.effects, "plans": plans}
    return Figure("full probe of a controller of 100 writes", spent, "s", 10, floor=least, detail=detail)


def zoo() -> Figure:
    """Every exhibit of the bug zoo and its twin."""
    begin = time.process_time()
    visits = list(tour())
    spent = time.process_time() - begin
    _, found, exhibits, alarms = scores(visits)[-1]
    plans = sum(sum(each.broken.tried.values()) + sum(each.mended.tried.values()) for each in visits)
    detail = {"found": found, "exhibits": exhibits, "false alarms": alarms, "plans": plans}
    return Figure("tour of the bug zoo", spent, "s", 30, detail=detail)
