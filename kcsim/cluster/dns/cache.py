"""What a name server keeps of its answers.

Clients that are counted as flows ask again and again without an event for each question, so an answer that somebody depends on
is taken to be asked for all the time: it is renewed whenever its time is over. It shows only when the answer has become
another one, or can no longer be had: then the old one stays until the end of its time.

**Imitates:** CoreDNS ``plugin/cache``: how long answers are kept, ``serve_stale``. Left out: ``prefetch``, capacity.

**Walk:** an answer is given -> ``keep`` -> the truth changes -> ``freeze`` says when the old answer is over -> ``held`` until then.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.cluster.dns.records import Answer
from kcsim.engine.clock import SECOND

Question = tuple[str, str]
"""A name and a type."""


@dataclass(slots=True)
class _Kept:
    answer: Answer
    since: int
    lasts: int
    until: int | None = None


class AnswerCache:
    """Answers by their questions."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Question, _Kept] = {}

    def keep(self, question: Question, answer: Answer, lasts_s: int, now: int) -> None:
        """An answer was given that may be kept for so many seconds."""
        kept = self._kept.get(question)
        if kept is None or kept.answer != answer or kept.lasts != lasts_s * SECOND or kept.until is not None:
            self._kept[question] = _Kept(answer, now, lasts_s * SECOND)

    def held(self, question: Question, now: int) -> Answer | None:
        """The old answer that is still given in the place of a new one; None: there is none."""
        kept = self._kept.get(question)
        if kept is None or kept.until is None or now >= kept.until:
            return None
        return kept.answer

    def last(self, question: Question, now: int) -> tuple[Answer, int] | None:
        """The answer that is kept, and when its time is over (µs)."""
        kept = self._kept.get(question)
        if kept is None:
            return None
        return kept.answer, kept.until if kept.until is not None else _over(kept, now)

    def freeze(self, question: Question, now: int, stale_s: int = 0) -> int | None:
        """No new answer takes the place of this one before its time is over: gives when that is (µs).

        ``stale_s``: for so many seconds more it is given all the same. None: nothing is kept, or it was frozen before.
        """
        kept = self._kept.get(question)
        if kept is None or kept.until is not None:
            return None
        kept.until = _over(kept, now) + stale_s * SECOND
        return kept.until

    def drop(self, question: Question, now: int) -> bool:
        """Forget an answer whose time is over; gives whether there was one."""
        kept = self._kept.get(question)
        if kept is None or kept.until is None or now < kept.until:
            return False
        del self._kept[question]
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def questions(self) -> list[Question]:
        """What is kept, in the order in which it was first asked for."""
        return list(self._kept)

    def answer(self, question: Question) -> Answer | None:
        """What is kept as the answer to a question."""
        kept = self._kept.get(question)
        return kept.answer if kept is not None else None


def _over(kept: _Kept, now: int) -> int:
    """When the time of an answer is over that was renewed each time that it was."""
    return kept.since + (1 + (now - kept.since) // kept.lasts) * kept.lasts
