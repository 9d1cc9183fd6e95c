"""A kind that something acts on is not called idle, and an idle one is."""

from __future__ import annotations

import pytest

from kcsim.api.catalog import Catalog
from kcsim.scenario.functions import AGENT_RESOURCES
from kcsim.scenario.manifest_checks import ACTED_ON


def test_every_kind_named_is_served_or_an_agents_own():
    served = {resource.kind for resource in Catalog()}
    agents = {resource.kind for resource in AGENT_RESOURCES}
    assert served | agents >= ACTED_ON


@pytest.mark.parametrize(
    "kind", ["NetworkPolicy", "PersistentVolume", "PersistentVolumeClaim", "StorageClass", "VolumeAttachment"]
)
def test_volumes_and_policies_have_somebody(kind):
    assert kind in ACTED_ON
