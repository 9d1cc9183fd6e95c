"""The status a kubelet works out beside its patch is the one the server would make of the patch."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kcsim.api.patch import strategic
from kcsim.api.patching import patch_schema
from kcsim.cluster.kubelet.pod_status import status_after, status_patch

_TEXTS = st.sampled_from(["a", "b", "c"])
_MAYBE = st.none() | _TEXTS


def _items(key: str, keys: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    item = st.fixed_dictionaries(
        {key: st.sampled_from(keys)}, optional={"status": _TEXTS, "reason": _TEXTS, "lastProbeTime": _MAYBE}
    )
    return st.lists(item, max_size=4, unique_by=lambda found: found[key])


_CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": _TEXTS, "state": st.sampled_from([{"running": {"startedAt": "t"}}, {"waiting": {}}])},
        optional={"ready": st.booleans()},
    ),
    max_size=2,
)
_STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "phase": _TEXTS,
        "conditions": _items("type", ["Ready", "Initialized", "PodScheduled", "Mine"]),
        "podIPs": st.lists(
            st.sampled_from([{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]), max_size=2, unique_by=str
        ),
        "containerStatuses": _CONTAINERS,
    },
)


@given(old=_STATUSES, new=_STATUSES)
def test_what_was_worked_out_is_what_the_patch_makes(old: dict[str, Any], new: dict[str, Any]) -> None:
    patch = status_patch("uid", old, new)
    if patch is None:
        assert status_after(old, new) is old
    else:
        merged = strategic.apply(
            {"status": old}, {"status": patch["status"]}, patch_schema(("", "v1", "Pod"))
        )
        assert status_after(old, new) == merged["status"]


def test_nulls_within_container_statuses_are_left_to_the_server() -> None:
    lost = {"name": "a", "state": {"terminated": {"exitCode": 137, "startedAt": None}}}
    assert status_after({}, {"containerStatuses": [lost]}) is None
