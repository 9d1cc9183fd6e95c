"""Verdicts as JUnit XML: one testcase for each expectation under each delivery, as CI systems read it.

A suite is one world. There are no wall-clock times in it, so that the same worlds give the same bytes; `time` is the
virtual time (seconds) at which a verdict was reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from kcsim.scenario.expectations import Verdict


@dataclass(frozen=True, slots=True)
class Suite:
    """The verdicts of one world, and what is needed to run it again."""

    scenario: str
    delivery: str
    seed: int
    trace_sha256: str
    end: float
    """Virtual seconds."""
    verdicts: Sequence[Verdict]


def junit_xml(suites: Iterable[Suite]) -> str:
    """The document, indented, with its XML declaration."""
    root = ET.Element("testsuites", name="kcsim")
    totals = [0, 0, 0]
    for suite in suites:
        for number, count in enumerate(_add(root, suite)):
            totals[number] += count
    for name, total in zip(("tests", "failures", "skipped"), totals, strict=True):
        root.set(name, str(total))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add(root: ET.Element, suite: Suite) -> tuple[int, int, int]:
    name = f"{suite.scenario}/{suite.delivery}"
    element = ET.SubElement(root, "testsuite", name=_text(name), time=f"{suite.end:.3f}")
    properties = ET.SubElement(element, "properties")
    facts = {"delivery": suite.delivery, "seed": str(suite.seed), "trace_sha256": suite.trace_sha256}
    for key, value in facts.items():
        ET.SubElement(properties, "property", name=key, value=_text(value))
    failures = skipped = 0
    for verdict in suite.verdicts:
        case = ET.SubElement(
            element,
            "testcase",
            classname=_text(f"{suite.scenario}.{suite.delivery}"),
            name=_text(verdict.name),
            time=f"{verdict.at if verdict.at is not None else suite.end:.3f}",
        )
        if verdict.expected == "not judged":
            skipped += 1
            ET.SubElement(case, "skipped", message=_text(f"not judged under {suite.delivery}"))
        elif not verdict.passed:
            failures += 1
            failure = ET.SubElement(case, "failure", type="expectation", message=_text(verdict.why))
            failure.text = _text(_told(suite, verdict))
    tests = len(suite.verdicts)
    for key, count in (("tests", tests), ("failures", failures), ("skipped", skipped)):
        element.set(key, str(count))
    return tests, failures, skipped


def _told(suite: Suite, verdict: Verdict) -> str:
    lines = [verdict.why]
    if verdict.expected == "fails":
        lines.append(f"The scenario says that it fails under {suite.delivery}; it held.")
    if verdict.note:
        lines.append(verdict.note)
    lines.append(f"Again: kcsim run {suite.scenario} --delivery {suite.delivery} --seed {suite.seed}")
    return "\n".join(lines)


def _text(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(char if _is_xml(ord(char)) else "\ufffd" for char in text)


def _is_xml(code: int) -> bool:
    return code in {0x9, 0xA, 0xD} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
