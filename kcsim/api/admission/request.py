"""What a plugin looks at: the write that is about to happen.

**Imitates:** apiserver ``pkg/admission/attributes.go`` (v1.36).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kcsim.api import status
from kcsim.api.objects import Object
from kcsim.api.request import Operation, User
from kcsim.api.resources import Resource

Action = Literal["CREATE", "UPDATE", "DELETE"]


@dataclass(slots=True)
class AdmissionRequest:
    """One write.

    Attributes:
        action: what is done to the object.
        object: as it is to be stored, None for a deletion.
        old: as it is stored, None for a creation.
        warnings: what the client is to be told though its write succeeds.
    """

    op: Operation
    action: Action
    resource: Resource
    namespace: str
    name: str
    object: Object | None
    old: Object | None
    warnings: list[str]

    @property
    def subresource(self) -> str:
        """``status``, ``scale`` ... or ""."""
        return self.op.subresource

    @property
    def user(self) -> User:
        """Who asks."""
        return self.op.user

    @property
    def shown_name(self) -> str:
        """The name as refusals give it: what is generated from, while the name is still to be made."""
        return self.name or name_of(self.object) or name_of(self.old)

    def forbidden(self, why: str) -> status.StatusError:
        """403 in a plugin's words."""
        return status.forbidden(self.resource, self.shown_name, why)


def name_of(obj: Object | None) -> str:
    """metadata.name, or generateName while there is none."""
    metadata = (obj or {}).get("metadata") or {}
    return metadata.get("name") or metadata.get("generateName") or ""
