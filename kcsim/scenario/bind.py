"""Tree -> model: every value is read by the shape of its field, and every misfit is reported where it stands.

A misfit never stops the reading: the field keeps its default, and what else is wrong is found in the same pass. The
model that comes back is to be used only if the report holds no error.
"""

from collections.abc import Collection
from typing import Any

from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.shapes import Choice, Either, Field, Items, Named, Plain, Record, Shape, Written
from kcsim.scenario.yamltree import Mapping, Scalar, Sequence, Tree

_MISFIT = object()
"""What reading gives when it failed; the fault is in the report."""


class Binder:
    """Reads trees into records; one instance a file."""

    def __init__(self, report: Report) -> None:
        """Faults go into `report`."""
        self.report = report

    def record(self, tree: Tree, record: Record, where: str) -> Any:
        """A dataclass instance from a map; None when it is no map or lacks what it needs."""
        made = self._record(tree, record, where)
        return None if made is _MISFIT else made

    def _record(self, tree: Tree, record: Record, where: str) -> Any:
        fields = record.by_key()
        if not isinstance(tree, Mapping):
            self._wrong_type(tree, where, "a map", list(fields))
            return _MISFIT
        values: dict[str, Any] = {}
        complete = True
        for key, below in tree.items.items():
            field = fields.get(key)
            if field is None:
                remedy = did_you_mean(key, fields, f"fields of {where}")
                self.report.add("KC102", tree.keys[key], f"{where} has no field '{_short(key)}'", remedy)
                continue
            value = self._field(below, field, where)
            if value is _MISFIT:
                complete = complete and not field.required
            else:
                values[field.name] = value
        for field in record.fields:
            if field.required and field.key not in tree.items:
                self.report.add("KC101", tree.position, f"{where} needs the field '{field.key}'", field.doc)
                complete = False
        return record.type(source=tree, **values) if complete else _MISFIT

    def _field(self, tree: Tree, field: Field, where: str) -> Any:
        if _is_null(tree):
            if field.required:
                self.report.add("KC103", tree.position, f"{where}.{field.key} is empty", field.doc)
                return _MISFIT
            return field.default
        return self._value(tree, field.shape, f"{where}.{field.key}")

    def _value(self, tree: Tree, shape: Shape, where: str) -> Any:
        match shape:
            case Record():
                return self._record(tree, shape, where)
            case Items():
                return self._items(tree, shape, where)
            case Named():
                return self._named(tree, shape, where)
            case Either():
                return self._either(tree, shape, where)
            case Written():
                return self._written(tree, shape, where)
            case Choice():
                return self._choice(tree, shape, where)
            case Plain():
                return self._plain(tree, shape, where)

    def _items(self, tree: Tree, shape: Items, where: str) -> Any:
        if not isinstance(tree, Sequence):
            self._wrong_type(tree, where, "a list")
            return _MISFIT
        values = [
            self._value(item, shape.item, f"{where}[{number}]") for number, item in enumerate(tree.items)
        ]
        return tuple(value for value in values if value is not _MISFIT)

    def _named(self, tree: Tree, shape: Named, where: str) -> Any:
        if not isinstance(tree, Mapping):
            self._wrong_type(tree, where, "a map")
            return _MISFIT
        values = {
            key: self._value(item, shape.item, f"{where}[{_short(key)}]") for key, item in tree.items.items()
        }
        return {key: value for key, value in values.items() if value is not _MISFIT}

    def _either(self, tree: Tree, shape: Either, where: str) -> Any:
        records = [option for option in shape.options if isinstance(option, Record)]
        if len(records) == len(shape.options):
            return self._by_type(tree, records, where)
        for option in shape.options:
            if _looks_like(tree, option):
                return self._value(tree, option, where)
        self._wrong_type(tree, where, " or ".join(_shape_word(option) for option in shape.options))
        return _MISFIT

    def _by_type(self, tree: Tree, records: list[Record], where: str) -> Any:
        by_word = {word: record for record in records for word in _type_words(record)}
        if not isinstance(tree, Mapping):
            self._wrong_type(tree, where, "a map")
            return _MISFIT
        tag = tree.items.get("type")
        if tag is None:
            self.report.add("KC101", tree.position, f"{where} needs the field 'type'", _one_of(by_word))
            return _MISFIT
        word = tag.text if isinstance(tag, Scalar) else ""
        if word not in by_word:
            remedy = did_you_mean(word, by_word, "types")
            self.report.add("KC104", tag.position, f"{where}.type is '{_short(word)}'", remedy)
            return _MISFIT
        return self._record(tree, by_word[word], where)

    def _written(self, tree: Tree, shape: Written, where: str) -> Any:
        form = shape.form
        if form.scalar and not isinstance(tree, Scalar):
            self._wrong_type(tree, where, form.name)
            return _MISFIT
        try:
            return form.read(tree.value())
        except ValueError as error:
            shown = _short(tree.text) if isinstance(tree, Scalar) else "..."
            self.report.add("KC104", tree.position, f"{where} is '{shown}', not {form.name}", str(error))
            return _MISFIT

    def _choice(self, tree: Tree, shape: Choice, where: str) -> Any:
        if not isinstance(tree, Scalar):
            self._wrong_type(tree, where, "a word")
            return _MISFIT
        if tree.text not in shape.words:
            remedy = did_you_mean(tree.text, shape.words, "allowed")
            self.report.add("KC104", tree.position, f"{where} is '{_short(tree.text)}'", remedy)
            return _MISFIT
        return tree.text

    def _plain(self, tree: Tree, shape: Plain, where: str) -> Any:
        word = {str: "a text", bool: "true or false"}[shape.type]
        value = tree.value() if isinstance(tree, Scalar) else None
        if not isinstance(value, shape.type):
            self._wrong_type(tree, where, word)
            return _MISFIT
        return value

    def _wrong_type(self, tree: Tree, where: str, wanted: str, fields: Collection[str] = ()) -> None:
        remedy = f"Write {wanted} here{', of ' if fields else ''}{', '.join(fields)}."
        if wanted == "a list" and isinstance(tree, Scalar):
            remedy = f"Write a list here: [{_short(tree.text)}]."
        if wanted == "a text" and isinstance(tree, Scalar):
            remedy = f'Quote it: "{_short(tree.text)}".'
        elif wanted == "a text":  # a manifest, most often: what is applied is the text of a file
            key = where.rpartition(".")[2]
            word = _tree_word(tree).removeprefix("a ")
            remedy = f"Write it as text: `{key}: |`, and the {word} on the lines below, further in."
        self.report.add("KC103", tree.position, f"{where} is {_tree_word(tree)}, not {wanted}", remedy)


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.plain and tree.value() is None


def _looks_like(tree: Tree, shape: Shape) -> bool:
    """Whether a value of this YAML shape is meant for `shape`; the options of one field exclude each other so."""
    match shape:
        case Record() | Named():
            return isinstance(tree, Mapping)
        case Items():
            return isinstance(tree, Sequence)
        case Plain() if shape.type is bool:
            return isinstance(tree, Scalar) and isinstance(tree.value(), bool)
        case Written() if shape.form.number:
            return (
                isinstance(tree, Scalar)
                and isinstance(tree.value(), int | float)
                and not isinstance(tree.value(), bool)
            )
        case _:
            return isinstance(tree, Scalar)


def _shape_word(shape: Shape) -> str:
    match shape:
        case Record() | Named():
            return "a map"
        case Items():
            return "a list"
        case Written():
            return shape.form.name
        case Plain():
            return {str: "a text", bool: "true or false"}[shape.type]
        case _:
            return "a word"


def _type_words(record: Record) -> tuple[str, ...]:
    shape = record.by_key()["type"].shape
    assert isinstance(shape, Choice), "records that are told apart have a Literal type field"
    return shape.words


def _tree_word(tree: Tree) -> str:
    if isinstance(tree, Mapping):
        return "a map"
    if isinstance(tree, Sequence):
        return "a list"
    value = tree.value()
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {_short(str(value))}"
    return f"the text '{_short(str(value))}'"


def _one_of(words: dict[str, Record]) -> str:
    return "Write one of: " + ", ".join(f"type: {word}" for word in sorted(words)) + "."


def _short(text: str, most: int = 60) -> str:
    """A text as a message may show it: one printable line."""
    line = "".join(char if char.isprintable() else "?" for char in text)
    return line if len(line) <= most else line[: most - 3] + "..."
