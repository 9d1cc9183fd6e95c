"""Images exist once the pipeline of the commit that names them has built them."""

from __future__ import annotations

import pytest

from kcsim.delivery.ci.build import BuildImages
from kcsim.delivery.ci.pipelines import Built, StageSpec
from kcsim.delivery.registry.registry import ImageNotFound
from kcsim.engine.clock import SECOND
from kcsim.profile.distributions import Fixed

WEB = "registry.example/shop/web"
BUILD = StageSpec("build", Fixed(30 * SECOND), action=BuildImages((WEB,), ("deploy",)))


@pytest.fixture
def world(make_world):
    return make_world(images=lambda image: Built(f"what {image} does", 7, image))


def test_an_image_is_unknown_until_its_stage_succeeded(world, files):
    pipeline = world.pipeline(BUILD)
    world.commit({"web.yaml": files.web("1")})
    world.run("20s")
    with pytest.raises(ImageNotFound):
        world.registry.resolve(f"{WEB}:1")
    world.run("1m")
    found = world.registry.resolve(f"{WEB}:1")
    assert (found.behaviour, found.size) == (f"what {WEB}:1 does", 7)
    assert pipeline.runs[0].status == "succeeded"
    assert pipeline.runs[0].images == {f"{WEB}:1": found.digest}
    push = next(r for r in world.engine.trace.records if r.verb == "push")
    assert world.why(push)[1:4] == [
        ("start", "stage/shop/1/build"),
        ("start", "run/shop/1"),
        ("webhook", "pipeline/shop"),
    ]


def test_images_that_nobody_builds_here_come_from_elsewhere(world, files):
    world.pipeline(BUILD)
    assert world.registry.resolve("nginx:1").behaviour == "fine"


def test_only_what_the_commit_names_is_built_and_only_once(world, files):
    world.pipeline(BUILD)
    world.commit({"web.yaml": files.web("1")})
    world.run("2m")
    world.commit({"config.yaml": files.config("a")})
    world.run("2m")
    world.commit({"web.yaml": files.web("2")})
    world.run("2m")
    assert world.notes("registry registry.example") == [
        ("push", f"image/{WEB}:1"),
        ("push", f"image/{WEB}:2"),
    ]


def test_the_tag_that_a_kustomization_sets_is_the_one_built(world, files):
    world.pipeline(BUILD)
    kustomization = f"resources: [web.yaml]\nimages: [{{name: {WEB}, newTag: '9'}}]\n"
    world.commit({"web.yaml": files.web("1"), "kustomization.yaml": kustomization})
    world.run("2m")
    assert world.registry.tags(WEB) == ["9"]


def test_a_registry_that_is_down_fails_the_stage(world, files):
    pipeline = world.pipeline(BUILD)
    world.registry.available = False
    world.commit({"web.yaml": files.web("1")})
    world.run("2m")
    (run,) = pipeline.runs
    assert [stage.status for stage in run.stages] == ["failed", "skipped"]
    assert run.reason.startswith(f"stage build: failed to push {WEB}:1: ")


def test_a_failed_stage_builds_nothing(world, files):
    pipeline = world.pipeline(StageSpec("build", failure_rate=1.0, action=BUILD.action))
    world.commit({"web.yaml": files.web("1")})
    world.run("2m")
    assert pipeline.runs[0].status == "failed"
    with pytest.raises(ImageNotFound):
        world.registry.resolve(f"{WEB}:1")


def test_manifests_that_cannot_be_read_name_no_images(world, files):
    pipeline = world.pipeline(BUILD)
    world.commit({"web.yaml": files.web("1"), "broken.yaml": "a: [1"})
    world.run("2m")
    # Building is fine; that the manifests are broken shows where they are used.
    assert [stage.status for stage in pipeline.runs[0].stages] == ["succeeded", "failed"]
