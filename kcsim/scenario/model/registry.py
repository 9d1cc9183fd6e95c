"""The image registry, and object stores, as a scenario writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from kcsim.engine.clock import HOUR
from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Count, Duration, Name


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


@dataclass(frozen=True, kw_only=True)
class Bucket(Part):
    """A bucket of an object store, for Flux's Buckets: `spec.endpoint` and `spec.bucketName` name it."""

    name: Annotated[Name, "The bucket's name."]
    endpoint: Annotated[Name, "The store's host, on the network beside the git host."] = "s3.example"
    files: Annotated[Mapping[str, str], "What it holds from the beginning: key -> text."] = field(
        default_factory=dict
    )


@dataclass(frozen=True, kw_only=True)
class Upload(Part):
    """Somebody writes to a bucket."""

    bucket: Annotated[Name, "The bucket."]
    files: Annotated[Mapping[str, str], "Objects written whole: key -> text."] = field(default_factory=dict)
    delete: Annotated[tuple[str, ...], "Keys that are deleted."] = ()
    author: Annotated[str, "Who does it."] = "dana"


@dataclass(frozen=True, kw_only=True)
class Signing(Part):
    """cosign sign: an artifact is signed with a key, or keyless as somebody known to an OIDC issuer."""

    artifact: Annotated[str, "What is signed: registry.example/shop/manifests:latest."]
    key: Annotated[str, "The public key, as the Secret of `spec.verify.secretRef` holds it."] = ""
    issuer: Annotated[str, "Keyless: the OIDC issuer, as `spec.verify.matchOIDCIdentity` names it."] = ""
    subject: Annotated[str, "Keyless: who."] = ""
    author: Annotated[str, "Who signs."] = "dana"
