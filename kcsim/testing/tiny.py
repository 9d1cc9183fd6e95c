"""Tiny worlds for tests, as scenarios: a few objects, a few steps by a person, the controllers under test.

**Walk:** ``story("scaling", ("5s", web_app), ("1m", "patch webapp web ..."), controllers={"webapps": WebApps})`` -> a
``Scenario`` -> ``Play`` it, ``probe`` it, or ``stories.save`` it as a file that ``kcsim run`` takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kcsim.api.kit.queue import Reconciler
from kcsim.api.objects import Object
from kcsim.engine.clock import seconds
from kcsim.manifests import dump_all
from kcsim.scenario.model import Cluster, Controller, Scenario, TimelineEntry
from kcsim.scenario.programs import use_of

Step = tuple[str | float, str | Object | Sequence[Object]]
"""When (``"1m"``, seconds), and what: a kubectl command line, or what is applied."""


def story(
    name: str,
    *steps: Step,
    controllers: Mapping[str, type[Reconciler]],
    nodes: int = 1,
    builtin: Sequence[str] = ("*",),
    until: str | float = "5m",
    seed: int = 1,
    user: str = "",
) -> Scenario:
    """A scenario without a delivery: steps by a person in a small cluster that runs some controllers.

    Args:
        name: of the scenario, lower-case words with hyphens.
        steps: in the order of time.
        controllers: program name -> reconciler class, defined at the top of a module.
        nodes: how many machines.
        builtin: which of the controller manager's controllers run, as for its flag ``--controllers``.
        until: when the story ends.
        seed: of all dice.
        user: whom the controllers run as, e.g. ``system:kube-controller-manager``; each a ServiceAccount when empty.

    Raises:
        NoSuchProgram: a class that nobody else could find, defined inside a function.
    """
    return Scenario(
        name=name,
        seed=seed,
        until=seconds(until),
        cluster=Cluster(nodes=nodes, control_plane_controllers=tuple(builtin)),
        controllers=tuple(
            Controller(name=called, use=use_of(made), user=user) for called, made in controllers.items()
        ),
        timeline=tuple(_entry(step) for step in steps),
    )


def _entry(step: Step) -> TimelineEntry:
    when, what = step
    if isinstance(what, str):
        return TimelineEntry(at=seconds(when), kubectl=what.removeprefix("kubectl "))
    return TimelineEntry(
        at=seconds(when), apply=dump_all([what] if isinstance(what, Mapping) else list(what))
    )


def crd(kind: str, group: str = "zoo.example", plural: str = "") -> Object:
    """A CustomResourceDefinition of version v1 that takes any ``spec`` and ``status``, status as a sub-resource."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    plural = plural or f"{kind.lower()}s"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }
