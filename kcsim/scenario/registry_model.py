"""The image registry as a scenario writes it (see `kcsim.scenario.model`)."""

from dataclasses import dataclass
from typing import Annotated

from kcsim.engine.clock import HOUR
from kcsim.scenario.part import Part
from kcsim.scenario.values import Count, Duration


@dataclass(frozen=True, kw_only=True)
class Retention(Part):
    """What the registry deletes by itself; of several rules the first that covers an image counts."""

    images: Annotated[
        tuple[str, ...], "Images it is about, names without a tag (with *): registry.example/shop/*."
    ] = ("*",)
    keep_last: Annotated[Count | None, "So many tags of each, the newest, are never deleted."] = None
    older_than: Annotated[Duration | None, "Tags are deleted when they are as old; left out: at any age."] = (
        None
    )
    keep: Annotated[tuple[str, ...], "Tags (with *) that are never deleted, beside those of `keepLast`."] = ()
    untagged_after: Annotated[
        Duration | None, "Digests without a tag are deleted so long after their push; left out: never."
    ] = None
    every: Annotated[Duration, "How often that is looked at."] = 24 * HOUR

    @property
    def deletes(self) -> bool:
        """Whether it ever deletes anything."""
        return any(value is not None for value in (self.keep_last, self.older_than, self.untagged_after))


@dataclass(frozen=True, kw_only=True)
class ImageRegistry(Part):
    """The registry that all images of the story come from."""

    retention: Annotated[tuple[Retention, ...], "What it deletes by itself; left out: nothing."] = ()
