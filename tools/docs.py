"""Write the generated pages of docs/ from the code they describe.

    python -m tools.docs            write what changed
    python -m tools.docs --check    write nothing; exit 1 when a page is out of date

`PAGES` maps each page to the function that makes it. What people should read about a field stands in the model, about
a fault in the table of faults: one place, one wording. `tests/tidy/test_pages.py` runs the check.
"""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kcsim.cli.exits import Exit  # noqa: E402
from kcsim.cli.main import cli  # noqa: E402
from kcsim.engine.clock import format_duration  # noqa: E402
from kcsim.scenario import model  # noqa: E402 (needs the path above: kcsim may not be installed)
from kcsim.scenario.diagnostics import errors_page  # noqa: E402
from kcsim.scenario.faults import COMPONENT_CLIENTS, FAULTS  # noqa: E402
from kcsim.scenario.functions import FUNCTIONS, LIST_FIELDS, VARIADIC  # noqa: E402
from kcsim.scenario.measure import Measure  # noqa: E402
from kcsim.scenario.shapes import (  # noqa: E402
    Choice,
    Either,
    Field,
    Items,
    Named,
    Plain,
    Record,
    Shape,
    Written,
    key_of,
    record_of,
)
from kcsim.scenario.shipped import lessons  # noqa: E402
from kcsim.simulation.faults import ALIASES, AMOUNTS, KINDS, LAYERS, TOOLS, Kind  # noqa: E402
from kcsim.tui import manual  # noqa: E402
from tools.pictures import printed, terminal  # noqa: E402
from tools.screens import screen  # noqa: E402

# --- scenario files -------------------------------------------------------------------------------------------------

_SCENARIO_HEAD = """\
# Scenario files

A scenario is one YAML file that tells a story: a cluster, repositories, images that behave in some way, one or more
ways to deliver, a timeline of what happens, and expectations of what must hold. Each delivery is run as a world of its
own with the same commits, faults and dice, so what differs between the worlds comes from the delivery alone.

    kcsim check my-story.yaml       is it right?  one line a fault, file:line:column
    kcsim run my-story.yaml         run every delivery and compare them
    kcsim schema                    the JSON Schema of this format, for an editor

The shipped scenarios in `scenarios/` are written to be read and copied. Every fault a file can have is listed in
[errors.md](errors.md), every failure one can inject in [faults.md](faults.md).

## Written forms

| form | examples | meaning |
|---|---|---|
| duration | `30s`, `1m30s`, `2h`, `0` | virtual time; the instants of a timeline are durations since the start |
| quantity | `500m`, `4`, `16Gi` | an amount of CPU or memory, as Kubernetes writes it |
| rate | `20/s`, `600/m` | requests in a second, minute or hour |
| fraction | `0.25` | from 0 to 1 |
| name | `web`, `node-1` | lower-case letters, digits, `-` and `.` |
| expression | `ready("deployment/web", "shop") == 3` | see [Expressions](#expressions) |

Unknown fields, doubled keys and YAML 1.1's `yes` and `no` are refused, each with its place and a remedy.
"""

_EXPRESSIONS_HEAD = """\
## Expressions

Expectations are written in a small language that looks like Python: calls, fields, `and`, `or`, `not`, comparisons,
`+ - * /`, numbers, texts and `True`, `False`, `None`. It has no loops and no variables, so kcsim knows what an
expression reads before it runs and looks at it again only when that has changed.

What does not exist is `None`, and so is whatever is computed from it. A comparison with `None` is unknown, `not` of
unknown is unknown, and an expression holds only where it is true: a condition about what is not there is unmet, never
an error. A function named after a kind gives the object with its
fields: `deployment("web", "shop").status.readyReplicas`. In the plural it gives a list:
`pods("shop", labels="app=web").ready`.

An object is named as kubectl does, `deployment/web`, and its namespace is the next argument.
"""

_ORDER = (
    model.Scenario,
    model.Cluster,
    model.Node,
    model.Taint,
    model.Image,
    model.Repository,
    model.Push,
    model.Flux,
    model.Traffic,
    model.TimelineEntry,
    model.Commit,
    model.Expectation,
)


def scenarios_page() -> str:
    """docs/scenarios.md: every field of the format, and every function of its expressions."""
    parts = [_SCENARIO_HEAD, "## Fields\n"]
    for record in _records():
        parts.append(f"### {record.type.__name__}\n\n{record.doc}\n")
        rows = [f"| `{f.key}` | {_shape(f.shape)} | {_default(f)} | {_cell(f.doc)} |" for f in record.fields]
        parts.append("| field | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
    parts.append(_EXPRESSIONS_HEAD)
    rows = []
    for name, function in FUNCTIONS.items():
        usage = f"{name}(value, ...)" if name in VARIADIC else function.usage(name)
        rows.append(f"| `{usage}` | {function.result} | {_cell(function.doc)} |")
    parts.append("| function | gives | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    listed = "\n".join(f"| `.{name}` | {doc} |" for name, doc in LIST_FIELDS.items())
    parts.append("What a list of objects has:\n\n| field | meaning |\n|---|---|\n" + listed + "\n")
    return _page("\n".join(parts), "kcsim/scenario/model and kcsim/scenario/functions.py")


def _records() -> Iterator[Record]:
    """Every record a file can hold: the main ones in the order of a file, what they hold right after them."""
    seen: set[type] = set()
    for cls in _ORDER:
        yield from _below(record_of(cls), seen, {each for each in _ORDER if each is not cls})


def _below(record: Record, seen: set[type], later: set[type]) -> Iterator[Record]:
    if record.type in seen or record.type in later:
        return
    seen.add(record.type)
    yield record
    for field in record.fields:
        for shape in _held(field.shape):
            yield from _below(shape, seen, later)


def _held(shape: Shape) -> Iterator[Record]:
    match shape:
        case Record():
            yield shape
        case Items() | Named():
            yield from _held(shape.item)
        case Either():
            for option in shape.options:
                yield from _held(option)


def _shape(shape: Shape) -> str:
    match shape:
        case Record():
            name = shape.type.__name__
            return f"[{name}](#{name.lower()})"
        case Items():
            return f"list of {_shape(shape.item)}"
        case Named():
            return f"name: {_shape(shape.item)}"
        case Either():
            return " or ".join(_shape(option) for option in shape.options)
        case Written():
            return shape.form.name.partition(" ")[2]
        case Choice():
            return ", ".join(f"`{word}`" for word in shape.words)
        case Plain():
            return "text" if shape.type is str else "true or false"


def _default(field: Field) -> str:
    if field.required:
        return "required"
    value = field.default
    if value is None or value in ("", (), {}) or isinstance(value, model.Part):
        return ""
    shape = field.shape
    if isinstance(shape, Either):
        shape = next((each for each in shape.options if isinstance(each, Written)), shape)
    written = shape.form.write(value) if isinstance(shape, Written) else value
    return f"`{str(written).lower() if isinstance(written, bool) else written}`"


# --- faults and errors ----------------------------------------------------------------------------------------------


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
    return _page(text, "kcsim/simulation/faults")


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
    return f"| `{name}` | {', '.join(fields) or 'nothing'} | {_cell(kind.summary)} | {_cell(kind.effect)} |"


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


# --- measures -------------------------------------------------------------------------------------------------------

_MEASURES_HEAD = """\
# Measures

`kcsim run` measures every world in the same way and puts the worlds side by side; `--json` gives each measure with its
unit and definition. A measure is read from the trace, from the requests' ledger and from the API servers' counters,
after the fact: measuring changes nothing.

Durations are in seconds of virtual time. Where something never happened there is no number but a word (the last column);
in JSON the value is then `null`. With several sources of traffic there is an `availability_NAME` for each beside the whole.

| name | title | unit | definition | otherwise |
|---|---|---|---|---|
"""

_MEASURES_TAIL = """

## Where they come from

Change lead time, deployments, failed changes and recovery time are the DORA measures of software delivery, taken from the
trace instead of a survey. Theirs is the median too; a failed change counts from its first write to the cluster.

Drift is judged against the commit that the delivery applied last, field by field, for the fields that commit sets. What
nobody asked for in git is no drift, and neither is a commit that has not arrived yet.

Availability is the share of requests, not of time: at night, when nobody asks, nothing is lost. A request meets the
conditions of the instant at which it is sent.

Credentials are judged by what they could change, from the rules that RBAC binds to their holder, not by what was done with
them. Those of people who type commands in the story are listed apart.
"""


GALLERY_HEAD = """\
# The gallery

Stories that ship with kcsim: `kcsim list` names them, `kcsim run NAME` plays one under each of its deliveries and compares
them, `kcsim tui NAME` shows it on a screen you can steer. Each is one file with comments, to be copied and changed; its
expectations say what is to be seen in it, and under which delivery it comes otherwise.
"""


def gallery_page() -> str:
    """docs/gallery.md: every shipped story, what it teaches, and what its expectations say."""
    from kcsim.scenario.load import load
    from kcsim.scenario.shipped import gallery

    stories = [load(path) for path in gallery().values()]
    parts = [GALLERY_HEAD]
    for title, chosen in (
        ("Ways of delivering, compared", [each for each in stories if len(each.deliveries) > 1]),
        ("What a cluster does", [each for each in stories if len(each.deliveries) < 2]),
    ):
        parts.append(f"## {title}\n")
        parts.extend(_story(each) for each in chosen)
    return _page("\n".join(parts), "scenarios/")


def _story(story: model.Scenario) -> str:
    under = ", ".join(story.deliveries)
    lines = [f"### {story.title}", "", f"`kcsim run {story.name}` · {under}", "", story.teaches, ""]
    for each in story.expectations:
        if each.note or each.fails_under:
            fails = f" Not under {' and '.join(each.fails_under)}." if each.fails_under else ""
            note = f" {each.note}" if each.note else ""
            lines.append(f"- **{each.name.replace('-', ' ')}.**{note}{fails}")
    return "\n".join([*lines, ""]) if lines[-1] else "\n".join(lines)


def measures_page() -> str:
    """docs/measures.md: what is measured, and what each measure means exactly."""
    from kcsim.cli.measures import every_measure

    rows = [
        f"| `{each.name}` | {each.title} | {each.unit or 'text'} | {_cell(each.definition)} | {_otherwise(each)} |"
        for each in every_measure()
    ]
    return _page(_MEASURES_HEAD + "\n".join(rows) + _MEASURES_TAIL, "kcsim/scenario/measures.py")


def _otherwise(measure: Measure) -> str:
    """The word for what never happened; a count has a number always."""
    return measure.absent if measure.unit in {"s", "%", ""} else ""


# --- from Python ----------------------------------------------------------------------------------------------------

_PYTHON_HEAD = """\
# kcsim from Python

One façade serves scripts, notebooks, tests and every other surface. Times going in are texts as Kubernetes writes them
(`"1m30s"`) or seconds; times coming out are seconds. Objects are plain Kubernetes JSON: read them, never change them.
[The tour](tour.md) shows it at work.

```python
import kcsim

sim = kcsim.load("plain-release", delivery="flux")
sim.run_until("5m")
assert sim.get("deployment/web", "shop")["status"]["readyReplicas"] == 3
```
"""


def python_page() -> str:
    """docs/python.md: the façade, with signatures and docstrings."""
    from kcsim.scenario import compare, git_verbs, lesson_run, play, sweep
    from kcsim.simulation import difference, simulation, subjects

    parts = [_PYTHON_HEAD, "## Functions\n"]
    parts.extend(
        _callable(f"kcsim.{each.__name__}", each)
        for each in (play.load, compare.compare, sweep.sweep, lesson_run.lesson)
    )
    titles = {
        simulation.Simulation: "kcsim.Simulation",
        play.Play: "Play: a simulation that plays a scenario",
        compare.Twins: "Twins: worlds side by side",
        lesson_run.LessonRun: "LessonRun: somebody's way through a lesson",
        simulation.Past: "Past: the objects of an instant",
        subjects.Subject: "Subject: an object one can speak of",
        subjects.Condition: "Condition: what can be waited for",
        difference.Change: "Change: the next thing worth seeing",
        difference.Diff: "Diff: what differs between two instants",
        git_verbs.Git: "Git: commits by hand",
        sweep.Sweep: "Sweep: many runs",
    }
    for cls, title in titles.items():
        parts.append(f"## {title}\n\n{_docstring(cls)}\n")
        own = [(name, each) for name, each in vars(cls).items() if not name.startswith("_")]
        for name, each in own:
            if isinstance(each, property | cached_property):
                getter = each.fget if isinstance(each, property) else each.func
                parts.append(
                    f"- **`.{name}`**: {_cell(inspect.cleandoc(getter.__doc__ or '')).replace('``', '`')}\n"
                )
            elif inspect.isfunction(each):
                parts.append(_callable(f".{name}", each))
    return _page("\n".join(parts), "the docstrings of kcsim/simulation/simulation.py and kcsim/scenario/")


def _callable(name: str, function: Callable[..., object]) -> str:
    shown = []
    star = False
    for each in list(inspect.signature(function).parameters.values()):
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and not star:
            star = True
            shown.append("*")
        shown.append(each.name if each.default is each.empty else f"{each.name}={each.default!r}")
    return f"### `{name}({', '.join(shown)})`\n\n{_docstring(function)}\n"


def _docstring(of: object) -> str:
    """A docstring as markdown: the sections Args, Raises and Attributes become lists."""
    told: list[str] = []
    for line in inspect.cleandoc(getattr(of, "__doc__", None) or "").replace("``", "`").splitlines():
        if re.fullmatch(r"(Args|Raises|Attributes|Returns):", line):
            told.append(f"*{line[:-1].replace('Args', 'Arguments')}*\n")
        elif match := re.fullmatch(r"    (\w[\w, ]*): (.*)", line):
            told.append(f"- `{match[1]}`: {match[2]}")
        elif re.match(r"    \S", line) and not (told and told[-1].startswith("- ")):
            told.append(line)
        else:
            told.append(re.sub(r"^    ( *)", "  ", line))
    return "\n".join(told)


# --- the command line -----------------------------------------------------------------------------------------------


def cli_page() -> str:
    """docs/cli.md: what each command says about itself, and the exit codes."""
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    rows = "\n".join(
        f"| [`kcsim {name}`](#kcsim-{name}) | {_cell(command.short_help or '')} |"
        for name, command in commands.items()
        if command is not None
    )
    parts = [f"# The command line\n\n{_told(cli.help)}\n\n| command | |\n|---|---|\n{rows}\n"]
    parts.extend(_command(name, command) for name, command in commands.items() if command is not None)
    rows = "\n".join(f"| {code.value} | {code.meaning} |" for code in Exit)
    parts.append(f"## Exit codes\n\n| code | meaning |\n|---|---|\n{rows}\n")
    parts.append(_CLI_TAIL)
    return _page("\n".join(parts), "kcsim/cli/")


def _command(name: str, command: click.Command) -> str:
    words = [f"kcsim {name}"]
    rows = []
    for each in command.params:
        if isinstance(each, click.Argument):
            words.append(each.make_metavar(click.Context(command)))
        elif isinstance(each, click.Option) and not each.hidden:
            value = "" if each.is_flag else f" {each.metavar or (each.type.name or 'text').upper()}"
            rows.append(f"| `{', '.join(each.opts)}{value}` | {_cell(each.help or '')} |")
    table = "| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
    return f"## kcsim {name}\n\n    {' '.join(words)}\n\n{_told(command.help)}\n\n{table}"


def _told(text: str | None) -> str:
    """A command's help as markdown: paragraphs that click must not wrap (after a lone backspace) stay as they are."""
    told = []
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith("\b"):
            told.append("\n".join(f"    {line}".rstrip() for line in paragraph.splitlines()[1:]))
        else:
            told.append(paragraph)
    return "\n\n".join(told)


_CLI_TAIL = """\
## Output

Data go to stdout, everything said about them to stderr. Colours appear on a terminal only and never carry a meaning alone;
`NO_COLOR` switches them off. A progress line shows on a terminal when a run takes longer than a moment, never in a pipe.
`--json` prints one document and nothing else.
"""


# --- pages that show what their code prints -------------------------------------------------------------------------

_RUN = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def tour_page() -> str:
    """docs/tour.md as it stands, each block of text right after a block of Python replaced by what that prints."""
    names: dict[str, object] = {"__name__": "tour"}

    def run(match: re.Match[str]) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(match[1], "docs/tour.md", "exec"), names)  # noqa: S102 - our own page
        if match[2] is None:
            return match[0]
        text = "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").splitlines())
        return f"```python\n{match[1]}```\n\n```text\n{text}\n```"

    return _RUN.sub(run, (ROOT / "docs/tour.md").read_text("utf-8"))


def picture_of_a_run() -> str:
    """docs/pictures/drift-at-night.svg."""
    title = "Drift at night: three deliveries, side by side"
    return terminal("kcsim run drift-at-night", title, leave_out=("What happened", "Try next"))


def picture_in_full() -> str:
    """docs/pictures/drift-at-night-in-full.svg."""
    return terminal("kcsim run drift-at-night", "Drift at night, told in full")


def picture_of_why() -> str:
    """docs/pictures/why.svg."""
    with TemporaryDirectory() as folder:
        printed(f"kcsim run drift-at-night --quiet --out {folder}/night")
        shown = terminal(f"kcsim why {folder}/night/flux deployment/web", "Why is it as it is?")
    return shown.replace(f"{folder}/", "")


def picture_of_lanes() -> str:
    """docs/pictures/lanes.svg: what the timeline of a report begins with."""
    from kcsim.scenario.compare import compare
    from kcsim.views.picture import picture_of

    return str(picture_of(compare("bad-release-during-node-failure", ["push", "flux"])))


def picture_of_a_rollout() -> str:
    """docs/pictures/rollout.svg."""
    from kcsim.scenario.play import load
    from kcsim.views.rollout_chart import rollout

    world = load("plain-release", delivery="push")
    world.finish()
    return str(rollout(world, "web", "shop").svg())


def picture_of_three_columns() -> str:
    """docs/pictures/three-way.svg: drift at night, after both changes by hand."""
    from kcsim.scenario.play import load
    from kcsim.views.three_way import three_way

    world = load("drift-at-night", delivery="push")
    world.run_until("45m")
    return str(three_way(world, "deployment/web").svg())


def picture_of_the_tui() -> str:
    """docs/pictures/tui.svg."""
    keys = ["g", "=18m", "2", "end", "d"]
    title = "kcsim tui bad-release-during-node-failure"
    return screen("bad-release-during-node-failure", "flux", keys, (140, 40), title)


def tui_page() -> str:
    """docs/tui.md."""
    return _page(manual.page(), "the bindings in `kcsim/tui/`")


# --- putting it together --------------------------------------------------------------------------------------------


def _page(text: str, source: str) -> str:
    text = re.sub(r"\n{3,}", "\n\n", text.rstrip())
    return f"{text}\n\n---\nGenerated by `make docs` from {source}.\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# --- lessons --------------------------------------------------------------------------------------------------------

_LESSONS_HEAD = """\
# Lessons

A lesson is a story that asks you first. You say what you expect; the story is played untouched and the trace answers; then
it is your turn to change how it ends, and the trace says whether that worked. Predictions cost nothing. Each of three hints
costs a fifth of the points and one of three stars.

    kcsim tui                            the gallery; L shows the lessons only
    kcsim lesson                         the lessons as a list
    kcsim lesson 4                       one in plain text, by number or name
    kcsim lesson 4 --answers mine.yaml   answers and actions from a file; reference and wrong play the lesson's own
    kcsim run 04-hand-edit               its story as any other

In the terminal interface `K` checks, `A` gives a hint, `L` shows goal and task again, `R` begins anew and `E` gives up and
leads to the debrief. The run pauses at each stop; everything of the live run works there, kubectl and git at `:` above all.
What you reached is kept in `kcsim/lessons.json` below `XDG_DATA_HOME`, else below `~/.local/share`.

From Python:

```python
import kcsim

run = kcsim.lesson("hand-edit")
run.answer("who", "flux")
run.reveal()  # what came when nobody laid a hand on it
run.run_until("5m")
run.act("flux reconcile kustomization shop", delivery="flux")
run.check()  # plays to the end, and asks the trace
```

## The sixteen
"""

_LESSONS_TAIL = """\
## Write your own

Any scenario becomes a lesson by a block `lesson`. What is right is never written down: a question names an expression, and
its answer is read from the trace of the untouched story, so that a lesson cannot get out of date.

```yaml
lesson:
  number: 17
  domain: core
  goal: Say who makes new pods.
  predict:
    - name: who
      ask: Who makes new pods?
      choices: # right is the one that comes as it says, in every world that is judged
        - name: nobody
          says: nobody
          after: all-gone
          never: ready("deployment/web", "shop") == 3
        - name: controller
          says: the ReplicaSet's controller
          after: all-gone
          eventually: ready("deployment/web", "shop") == 3
    - name: when
      ask: After how many seconds are three ready again?
      number:
        after: all-gone
        when: ready("deployment/web", "shop") == 3
        tolerance: 4
  task: Have five pods that stay.
  stops:
    - at: 2m
      say: Three are ready again.
  allow: [kubectl]
  hints: [where to look, which concept, what to do]
  checks: # expectations over the trace of the learner's run: any way that fulfils them will do
    - name: five
      note: Told to who fails it.
      eventually: ready("deployment/web", "shop") == 5
      stays: 1m
  explain: What happened, and why.
  why: # causal chains, shown with it
    - object: deployment/web
      namespace: shop
  reference: # played by the tests of the lessons: it passes
    actions:
      - at: 2m
        kubectl: scale deployment/web -n shop --replicas=5
  wrong: # played as well: it fails exactly these checks
    actions:
      - at: 2m
        kubectl: scale deployment/web -n shop --replicas=4
    fails: [five]
```

A number is `value` (at an instant), `least` or `most` (in a window), `when` (seconds until something is true), or `changes`
(how often a value changes); `minus` takes another delivery's number away. With `inOrder` the choices are to be put in the order
in which they come to hold; with `several` more than one may be right, and all of them are asked. `score` makes one way of
passing worth more than another: numbers of the learner's run, the smaller the better. `hiddenFaults` draws faults from the seed
and tells nobody; such a lesson is shared by its name and seed, `16-challenge:9`. `kcsim check` finds what is wrong with
a lesson, its solutions among it; all fields are in [scenario files](scenarios.md).
"""


def lessons_page() -> str:
    """docs/lessons.md: what lessons are, those that ship, and how to write one."""
    from kcsim.scenario.load import load

    rows = []
    for name, path in lessons().items():
        story = load(str(path))
        assert story.lesson is not None, f"{name} has a lesson"
        questions = " ".join(_cell(question.ask) for question in story.lesson.predict) or "-"
        rows.append(
            f"| {story.lesson.number} | `{name}` | {story.title}: {_cell(story.lesson.goal)} | {questions} |"
        )
    table = "| | lesson | goal | asks |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    return _page(f"{_LESSONS_HEAD}\n{table}\n{_LESSONS_TAIL}", "the lessons in scenarios/lessons")


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/errors.md": errors_page,
    "docs/scenarios.md": scenarios_page,
    "docs/faults.md": faults_page,
    "docs/gallery.md": gallery_page,
    "docs/measures.md": measures_page,
    "docs/cli.md": cli_page,
    "docs/python.md": python_page,
    "docs/tour.md": tour_page,
    "docs/tui.md": tui_page,
    "docs/lessons.md": lessons_page,
    "docs/pictures/drift-at-night.svg": picture_of_a_run,
    "docs/pictures/drift-at-night-in-full.svg": picture_in_full,
    "docs/pictures/why.svg": picture_of_why,
    "docs/pictures/tui.svg": picture_of_the_tui,
    "docs/pictures/lanes.svg": picture_of_lanes,
    "docs/pictures/rollout.svg": picture_of_a_rollout,
    "docs/pictures/three-way.svg": picture_of_three_columns,
}
"""Path from the root -> what makes the page."""


def stale() -> dict[str, str]:
    """The pages whose file differs from what the code says now, with their new text."""
    made = {path: make() for path, make in PAGES.items()}
    return {path: text for path, text in made.items() if _read(ROOT / path) != text}


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def main(arguments: list[str]) -> int:
    """The command."""
    found = stale()
    for path, text in found.items():
        sys.stdout.write(f"{path}\n")
        if "--check" not in arguments:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, "utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
