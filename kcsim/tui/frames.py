"""Messages over a pipe: a length, then a pickle; read to the byte, so that ``select`` sees whether another one waits."""

from __future__ import annotations

import os
import pickle
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")
_PART = 1 << 20


def send(pipe: int, message: Any) -> None:
    """Write one message.

    Raises:
        OSError: nobody reads any more.
    """
    text = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    rest = memoryview(_LENGTH.pack(len(text)) + text)
    while rest:
        rest = rest[os.write(pipe, rest) :]


def receive(pipe: int) -> Any:
    """Read one message.

    Raises:
        EOFError: nobody writes any more.
    """
    (size,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return pickle.loads(_exactly(pipe, size))  # noqa: S301 - from a process that we started, or that started us


def _exactly(pipe: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(pipe, min(size, _PART))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
