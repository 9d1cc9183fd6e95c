"""The action that builds images and pushes them to the registry.

**Imitates:** `docker build` and `docker push` in a pipeline. What a build makes is not compiled here but told by the
scenario; the tags are given (`web:${{ github.ref_name }}`), or those that the commit's manifests name, so that a commit which
asks for `web:1.1.0` is the one whose pipeline makes it. Left out: layers and caches (the stage's duration stands for them).
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.delivery.ci.checkout import checkout
from kcsim.delivery.ci.pipelines import StageContext, StageFailed
from kcsim.delivery.ci.render import images
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.registry.reference import InvalidReference, parse, untagged
from kcsim.delivery.registry.registry import RegistryUnavailable
from kcsim.engine.task import Steps


@dataclass(frozen=True, slots=True)
class BuildImages:
    """Build and push images.

    Attributes:
        images: names with a tag, which are built as they are, each `${{ }}` replaced; and names without one: what the manifests
            under `paths` name of them.
    """

    images: tuple[str, ...]
    paths: tuple[str, ...] = (".",)

    @property
    def repositories(self) -> tuple[str, ...]:
        """The names without their tags."""
        return tuple(dict.fromkeys(untagged(image) for image in self.images))

    def steps(self, context: StageContext) -> Steps:
        """Push each image that this pipeline did not push before; the run keeps their digests.

        Raises: StageFailed.
        """
        fetched = yield from checkout(context)
        pipeline, site = context.pipeline, context.site
        given = [context.filled_in(image) for image in self.images if untagged(image) != image]
        for image in (*given, *self.wanted(images(fetched.files, self.paths))):
            if image in pipeline.built and site.registry.holds(image):
                context.log(f"{image} exists")
                continue
            built = site.images(image)
            upload = site.registry.upload(
                site.host, image, built.behaviour, size=built.size, content=built.content
            )
            try:
                pushed = yield upload
            except (Unreachable, RegistryUnavailable, InvalidReference) as error:
                raise StageFailed(f"failed to push {image}: {error}") from None
            finally:
                site.engine.cause = context.record
            pipeline.built.add(image)
            context.run.images[image] = pushed.digest
            context.log(f"{image}: digest: {pushed.digest} size: {pushed.size}")
        return None

    def wanted(self, named: list[str]) -> list[str]:
        """Those of the named images that belong to the names without a tag, sorted."""
        names = {parse(image).name for image in self.images if untagged(image) == image}
        return sorted(image for image in named if _name(image) in names)


def _name(image: str) -> str:
    try:
        return parse(image).name
    except InvalidReference:
        return ""
