"""What the cyclic garbage collector does while worlds grow."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_LARGE, _VERY_LARGE = 50_000, 50_000_000
"""Objects that a block has made and kept."""


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the cyclic collector from walking the log over and over while it grows.

    The log only grows; what else a run leaves in cycles is a tenth of it. So nothing is collected meanwhile (unless the
    block gets very large), and what a large block made goes to the oldest generation unwalked when it ends: freezing
    and unfreezing does just that. Blocks may be nested.
    """
    before = gc.get_threshold()
    gc.set_threshold(_VERY_LARGE, *before[1:])
    try:
        yield
    finally:
        if gc.get_count()[0] > _LARGE and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.set_threshold(*before)
