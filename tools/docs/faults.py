"""The catalogue of faults."""

from __future__ import annotations

from kcsim.engine.clock import format_duration
from kcsim.scenario.faults import COMPONENT_CLIENTS, FAULTS
from kcsim.scenario.shapes import key_of
from kcsim.simulation.faults import ALIASES, AMOUNTS, KINDS, LAYERS, TOOLS, Kind
from tools.docs.page import cell, page


def faults_page() -> str:
    """docs/faults.md: what can break, what each fault takes and does to whom, and how it is written."""
    kinds = {name: kind for name, kind in KINDS.items() if name in FAULTS}
    tables = []
    for layer, title in LAYERS.items():
        rows = [_fault_row(name, kind) for name, kind in kinds.items() if kind.layer == layer]
        if rows:
            head = f"### {title}\n\n| fault | takes | what goes wrong | what that does to whom |\n|---|---|---|---|\n"
            tables.append(head + "\n".join(rows))
    amounts = [f"| `{key_of(name)}` | {each.form} | {each.about} |" for name, each in AMOUNTS.items()]
    names = [
        f"| {tool} | {', '.join(f'`{name}` ({ALIASES[name]})' for name in found)} |"
        for tool, found in TOOLS.items()
    ]
    clients = ", ".join(f"`{name}`" for name in COMPONENT_CLIENTS)
    text = _FAULTS_HEAD + "\n\n".join(tables) + _FAULTS_FIELDS + "\n".join(amounts)
    text += _FAULTS_WHO.replace("CLIENTS", clients) + "\n".join(names) + _FAULTS_TAIL
    return page(text, "kcsim/simulation/faults")


def _fault_row(name: str, kind: Kind) -> str:
    fields = []
    if kind.target:
        fields.append(f"`{key_of(kind.target)}`" + (" (all when left out)" if kind.everywhere else ""))
    for field, value in kind.takes.items():
        if field in kind.needs:
            fields.append(f"`{key_of(field)}`")
        else:
            fields.append(
                f"[`{key_of(field)}`"
                + (f": {AMOUNTS[field].write(value)}" if value is not None else "")
                + "]"
            )
    if kind.momentary:
        fields.append("no `for`: it is over at once")
    elif kind.lasts is not None:
        fields.append(f"`for`: {format_duration(kind.lasts)} when left out")
    return f"| `{name}` | {', '.join(fields) or 'nothing'} | {cell(kind.summary)} | {cell(kind.effect)} |"


_FAULTS_HEAD = """\
# Faults

A fault is data: what breaks, where, from when, until when, how strongly. In a scenario it is an entry of the timeline:

```yaml
- at: 10m
  fault: api-error
  client: kube-scheduler
  code: 503
  share: 0.5
  for: 5m # or `until: 15m`; left out: for good
```

In Python it is a call, and so is its end:

```python
import kcsim

sim = kcsim.Simulation(nodes=3, seed=1)
sim.run_until("1m")
fault = sim.inject("api-error", "kube-scheduler", code=503, share=0.5, duration="5m")
sim.run("1m")
sim.heal(fault)  # before its time; sim.heal() ends all that go on
```

In the [terminal](tui.md) it is a key; `kcsim chaos faults` lists what follows here. Nothing in a component knows of faults.
They act where parts of the world meet: at a machine, at a link, at the door of a server, between the log and an informer;
so what a component does about one is what it would do about a real one. Each leaves a record where it begins and where it
ends, and is the cause of what it does.

## The catalogue

Fields in brackets may be left out; what they are then stands behind the colon.

"""

_FAULTS_FIELDS = """

## How strongly

| field | form | what it says |
|---|---|---|
"""

_FAULTS_WHO = """

## Whom

A `client` is one of CLIENTS, a node (its kubelet) or a person who types commands in the story. A
`component` is a program with informers: one of the control plane, an agent, a controller of your own, or with its host the
kubelet of a node: `kubelet@node-1`. A `link` names two parts of the network: `node-1` (from everybody), `zone-a <-> zone-b`,
`node-1 -> control-plane` (one way).

An image that misbehaves can also be an `image` entry, which replaces what the image does from then on (see
[Image](scenarios.md#image)).

## Between any two writes, behind any change

`crash-point` kills a process right before or right after one of its writes: the n-th, or the n-th with a verb, on a
resource, of an object. The `watch-` faults change what an informer is told. They are rules of `kcsim.api.kit.seams`, so a
test of a bare controller uses them without a cluster:

```python
from kcsim.api.kit.seams import CrashPoint, CursorFault, Seams

seams = Seams.of(sim.cluster().endpoint)  # or that of a test's own API server
seams.arm(CrashPoint("kube-scheduler", "after", nth=2))
seams.arm(CursorFault("drop", "kube-scheduler", "pods", event="DELETED"))
sites = seams.collect()  # every write and delivery from now on: where rules could act
```

## Names that other tools have

These are understood wherever a fault is named; what has no counterpart here says why.

| tool | names |
|---|---|
"""

_FAULTS_TAIL = """

## Chaos Toolkit experiments

`kcsim chaos run experiment.json --scenario plain-release -d flux --journal-path journal.json` runs an experiment file of
the Chaos Toolkit in the world of a story, from `--at` on: steady state, method, steady state, rollbacks. Its providers are

- `python`: the functions of chaostoolkit-kubernetes (`chaosk8s.*`), and every fault above as a function of the module
  `kcsim.faults`, with its target and fields as arguments and `duration`; `heal_all` ends them;
- `http`: a request of the app's users to a Service, `http://web.shop`;
- `process`: `kubectl`.

What cannot be played (controls, background activities, foreign modules and programs, values from the environment) is refused
with its place in the file. The exit code is 1 where the steady state does not hold, before or after.

## Schedules

`kcsim run SCENARIO --chaos 7` puts a random schedule of faults, drawn from the seed 7, into the timeline, and a quiet time
behind it in which every agent must come to follow git again. A schedule first draws which kinds it may use at all (swarm
selection). `kcsim chaos draw SCENARIO --seed 7` prints it, to be cut down and kept.

## Order

Events of one instant happen in the order in which they were armed. `--order`, `order:` in a scenario and
`Simulation(order=...)` choose another: `random`, `pct:3` (priorities with two change points), or `choices:0.2`, one path of
`kcsim.simulation.orders.explore`, which tries them all up to a bound. `@10ms` behind it makes instants that coarse. `kcsim chaos orders SCENARIO --from 10m
--depth 3` plays a story once for each order of the first three choices after ten minutes, and judges its expectations.
"""
