"""Scenario files: every field, every function of an expression."""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.scenario import model
from kcsim.scenario.functions import FUNCTIONS, LIST_FIELDS, VARIADIC
from kcsim.scenario.shapes import (
    Choice,
    Either,
    Field,
    Items,
    Named,
    Plain,
    Record,
    Shape,
    Written,
    record_of,
)
from tools.docs.page import cell, page

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
        rows = [f"| `{f.key}` | {_shape(f.shape)} | {_default(f)} | {cell(f.doc)} |" for f in record.fields]
        parts.append("| field | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
    parts.append(_EXPRESSIONS_HEAD)
    rows = []
    for name, function in FUNCTIONS.items():
        usage = f"{name}(value, ...)" if name in VARIADIC else function.usage(name)
        rows.append(f"| `{usage}` | {function.result} | {cell(function.doc)} |")
    parts.append("| function | gives | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    listed = "\n".join(f"| `.{name}` | {doc} |" for name, doc in LIST_FIELDS.items())
    parts.append("What a list of objects has:\n\n| field | meaning |\n|---|---|\n" + listed + "\n")
    return page("\n".join(parts), "kcsim/scenario/model and kcsim/scenario/functions.py")


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
