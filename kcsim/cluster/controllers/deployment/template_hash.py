"""The pod-template-hash of a Deployment's template and the names made with it.  Decides; never acts.

**Imitates:** ``ComputeHash`` of ``pkg/controller/controller_utils.go``, ``SafeEncodeString`` of apimachinery's
``util/rand`` and ``generateReplicaSetName`` of ``pkg/controller/deployment/sync.go`` (v1.36). The numbers are those of a
1.36; other versions have other fields, and so other hashes.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from kcsim.cluster.controllers.deployment.template_dump import dumped
from kcsim.engine.dice import NAME_ALPHABET

POD_TEMPLATE_HASH = "pod-template-hash"

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_NAME_MAX = 253


def compute_hash(template: dict[str, Any], collision_count: int | None = None) -> str:
    """The hash text of a pod template; ``collision_count`` makes another one after a name was taken."""
    value = _hash_of(json.dumps(template, sort_keys=True))
    if collision_count is not None:
        value = _fnv(collision_count.to_bytes(8, "little"), value)
    return safe_encode_string(str(value))


@lru_cache(maxsize=1024)
def _hash_of(template: str) -> int:
    return _fnv(dumped(json.loads(template)).encode())


def _fnv(data: bytes, value: int = _FNV_OFFSET) -> int:
    """FNV-1a of 32 bits."""
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def safe_encode_string(text: str) -> str:
    """The text, character by character, in the alphabet of generated names: no vowels, so no words."""
    return "".join(NAME_ALPHABET[ord(c) % len(NAME_ALPHABET)] for c in text)


def generate_replica_set_name(deployment: str, template_hash: str) -> str:
    """``<deployment>-<hash>``, the Deployment's part cut so that the whole is a valid name."""
    room = _NAME_MAX - 1 - len(template_hash)
    # A hash that leaves no room is refused by validation later, as upstream has it.
    return f"{deployment[:room] if room > 0 else deployment}-{template_hash}"
