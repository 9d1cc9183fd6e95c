"""How wide columns are where there is not room for all: pure arithmetic.

Names give way first, the columns that tell how things stand (STATUS, READY) never, and what stands after them is left
off at the edge.
"""

from __future__ import annotations

from collections.abc import Sequence

GAP = 2
TELLING = frozenset({"STATUS", "READY"})
_COMFORTABLE, _SHORTEST, _TAIL = 24, 9, 6


def fit(header: Sequence[str], widths: Sequence[int], room: int) -> list[int]:
    """The width of each column within ``room``.

    Args:
        header: column titles.
        widths: what each column would need.
        room: characters there are, without what stands before the first column.
    """
    fitted = list(widths)
    names = sorted(
        (column for column in range(len(fitted)) if header[column] not in TELLING),
        key=lambda column: -widths[column],
    )

    def shrink(columns: Sequence[int], until: int, shortest: int) -> None:
        for column in columns:
            over = sum(fitted[:until]) + GAP * max(0, until - 1) - room
            if over > 0:
                fitted[column] = max(fitted[column] - over, min(fitted[column], shortest))

    shrink(names[:1], len(fitted), _COMFORTABLE)
    needed = max((place + 1 for place, title in enumerate(header) if title in TELLING), default=0)
    shrink([column for column in names if column < needed], needed, _COMFORTABLE // 2)
    shrink([column for column in names if column < needed], needed, _SHORTEST)
    return fitted


def evenly(widths: Sequence[int], first: int, room: int) -> list[int]:
    """The width of each column where those from ``first`` on are to be equal; what stands before may take two fifths."""
    lead = list(widths[:first])
    over = sum(lead) + GAP * len(lead) - room * 2 // 5
    if over > 0 and lead:
        lead[0] = max(lead[0] - over, min(lead[0], _COMFORTABLE // 2))
    others = len(widths) - first
    each = (room - sum(lead) - GAP * len(lead)) // others - GAP
    return [*lead, *[max(each, 1)] * others]


def shortened(text: str, size: int) -> str:
    """A name in ``size`` characters: its middle goes, because its end tells it from its siblings."""
    if len(text) <= size:
        return text
    tail = _TAIL if size >= 2 * _TAIL else 0
    return f"{text[: size - 1 - tail]}…{text[len(text) - tail :] if tail else ''}"
