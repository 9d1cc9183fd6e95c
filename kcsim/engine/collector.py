"""What the cyclic garbage collector does while worlds grow."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_LARGE, _VERY_LARGE = 50_000, 50_000_000
"""Objects that a block has made and kept. As many may be new between blocks before the collector looks at them."""


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the cyclic collector from walking the log over and over while it grows.

    The log only grows; what else a run leaves in cycles is a tenth of it. So nothing is collected meanwhile (unless the
    block gets very large), and what a large block made goes to the oldest generation unwalked when it ends: freezing
    and unfreezing does just that. Blocks may be nested.

    A small world is dead a moment after its last block. Python's own threshold, 700 new objects, would have the collector
    walk all of it when the block ends and again while the next world is made: a tenth of what such a world costs. So a
    threshold that is lower than ``_LARGE`` is not put back but raised to it, which lets a few small worlds pass before
    they are cleared away together. Who set it to 0, or higher, finds it unchanged.
    """
    before = gc.get_threshold()
    between = max(before[0], _LARGE) if before[0] else 0
    gc.set_threshold(_VERY_LARGE, *before[1:])
    young = gc.get_count()[0]
    try:
        yield
    finally:
        if gc.get_count()[0] - young > _LARGE and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.set_threshold(between, *before[1:])
