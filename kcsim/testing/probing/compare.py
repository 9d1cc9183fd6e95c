"""What is wrong with a perturbed run, beside the reference: the oracles.

===========  =======================================================================================================
oracle       what is told
===========  =======================================================================================================
end state    an object that is missing, left over or different at the end
writes       an object that the controller created or deleted more often than in the reference
raised       an exception in a reconcile, where the reference had none
idle         unperturbed only: it watches kinds that nobody serves, or writes nothing, so that a probe would prove nothing
settling     a hot loop, a step that does not come back, or writes that go on in the last half of the quiet time
===========  =======================================================================================================

Source: Sieve's differential oracles (end state, state-update summaries) and its oracle of exceptions. Legal differences
are masked before (``masks``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kcsim.testing.probing.masks import is_generated, is_old_replica_set
from kcsim.testing.probing.runs import Outcome

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is wrong.

    Attributes:
        oracle: ``end state``, ``writes``, ``raised``, ``idle`` or ``settling``.
        subject: the object, e.g. ``secret/default/db``.
        what: ``missing``, ``left over``, ``different``, ``created again``, ``deleted again``, ``updated on and on``,
            ``raised``, ``hot loop``, ``restless``, ``unserved``, ``idle``.
        told: the difference in words.
    """

    oracle: str
    subject: str
    what: str
    told: str

    def __str__(self) -> str:
        return f"{self.subject} {self.told}"


def differences(reference: Outcome, run: Outcome) -> tuple[Difference, ...]:
    """Everything that is wrong with a run, the end state first."""
    if run.hot is not None:
        return (Difference("settling", run.hot.subject, "hot loop", run.hot.told),)
    return (
        *_end_state(reference, run),
        *_writes(reference, run),
        *_raised(reference, run),
        *_settling(reference, run),
    )


def alone(run: Outcome) -> tuple[Difference, ...]:
    """What is wrong with a run without a perturbation, whatever it is compared with."""
    if run.hot is not None:
        return (Difference("settling", run.hot.subject, "hot loop", run.hot.told),)
    return (*_idle(run), *_raised(None, run), *_settling(None, run))


def _idle(run: Outcome) -> Iterator[Difference]:
    """What makes a probe prove nothing: kinds that nobody serves, and a controller that writes nothing."""
    for word, near in run.unserved.items():
        mend = f"did you mean {near}?" if near else "does the story create its CustomResourceDefinition?"
        yield Difference(
            "idle", word, "unserved", f"is watched, and the API server does not serve it; {mend}"
        )
    if not run.effects and not run.unserved and not run.failures:
        told = "wrote nothing that took effect, so there is nothing to perturb"
        yield Difference("idle", "the controller", "idle", told)


def _end_state(reference: Outcome, run: Outcome) -> Iterator[Difference]:
    for called in sorted({*reference.objects, *run.objects}):
        expected, found = reference.objects.get(called, []), run.objects.get(called, [])
        if len(found) < len(expected):
            if not found and all(map(is_old_replica_set, expected)):
                continue
            told = (
                "is missing"
                if not found
                else f"is there {_times(len(found))} instead of {_times(len(expected))}"
            )
            yield Difference("end state", called, "missing", told)
        elif len(found) > len(expected):
            told = (
                "is left over"
                if not expected
                else f"is there {_times(len(found))} instead of {_times(len(expected))}"
            )
            yield Difference("end state", called, "left over", told)
        else:
            lacking, other = list(expected), []
            for each in found:
                if each in lacking:
                    lacking.remove(each)
                else:
                    other.append(each)
            if lacking:
                # Of several that stand for one another, those that are most alike are compared.
                pairs = [list(_fields(lacking[0], each)) for each in other]
                told = "; ".join(min(pairs, key=len)[:3])
                yield Difference("end state", called, "different", told)


def _fields(expected: object, found: object, path: str = "") -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted({*expected, *found}):
            if expected.get(key) != found.get(key) or (key in expected) != (key in found):
                below = f"{path}.{key}" if path else str(key)
                if key not in found:
                    yield f"{below} is missing (was {_short(expected[key])})"
                elif key not in expected:
                    yield f"{below} is {_short(found[key])} (was not there)"
                else:
                    yield from _fields(expected[key], found[key], below)
        return
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place, (one, other) in enumerate(zip(expected, found, strict=True)):
            if one != other:
                yield from _fields(one, other, f"{path}[{place}]")
        return
    yield f"{path} is {_short(found)} (was {_short(expected)})"


def _writes(reference: Outcome, run: Outcome) -> Iterator[Difference]:
    for what, before, now in (
        ("created again", reference.created, run.created),
        ("deleted again", reference.deleted, run.deleted),
    ):
        for called in sorted(now):
            if now[called] <= before[called] or is_generated(called):
                continue
            verb = what.partition(" ")[0]
            yield Difference(
                "writes",
                called,
                what,
                f"was {verb} {_times(now[called])} ({_times(before[called])} without the perturbation)",
            )
    for called in sorted(run.updated):
        if run.updated[called] > 2 * reference.updated[called] + 10:
            told = f"was updated {_times(run.updated[called])} ({_times(reference.updated[called])} without)"
            yield Difference("writes", called, "updated on and on", told)


def _raised(reference: Outcome | None, run: Outcome) -> Iterator[Difference]:
    known = {failure.subject for failure in reference.failures} if reference is not None else set()
    told: set[str] = set()
    for failure in run.failures:
        if failure.subject not in known | told:
            told.add(failure.subject)
            times = sum(other.subject == failure.subject for other in run.failures)
            more = f", {times} times in all" if times > 1 else ""
            yield Difference("raised", failure.subject, "raised", f"{failure}{more}")


def _settling(reference: Outcome | None, run: Outcome) -> Iterator[Difference]:
    for called, times in sorted(run.restless.items()):
        if reference is None or not reference.restless[called]:
            told = f"is still written at the end of the quiet time ({_times(times)} in its last half)"
            yield Difference("settling", called, "restless", told)


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
