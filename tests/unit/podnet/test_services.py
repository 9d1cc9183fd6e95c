"""What a proxy makes of a Service and its slices."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.podnet.services import Backend, not_modelled, service_rules


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80}, {"name": "metrics", "port": 9090}]
    metadata = {"name": "web", "namespace": "shop"}
    return {"metadata": metadata, "spec": {"clusterIP": "10.96.0.9", "ports": ports, **spec}}


def endpoint(ip: str, **conditions: bool) -> dict[str, Any]:
    target = {"kind": "Pod", "namespace": "shop", "name": f"pod-{ip[-1]}"}
    return {"addresses": [ip], "conditions": conditions, "targetRef": target}


def slices(*endpoints: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"endpoints": list(endpoints), "ports": [{"name": "http", "port": 8080}]}]


READY = endpoint("10.0.0.1", ready=True, serving=True, terminating=False)
LEAVING = endpoint("10.0.0.2", ready=False, serving=True, terminating=True)
UNREADY = endpoint("10.0.0.3", ready=False, serving=False, terminating=False)


def backends(*endpoints: dict[str, Any], **spec: Any) -> tuple[Backend, ...]:
    rule = service_rules(service(**spec), slices(*endpoints)).port("http")
    assert rule is not None
    return rule.backends


def test_ready_endpoints_get_all_connections() -> None:
    assert backends(READY, LEAVING, UNREADY) == (Backend("10.0.0.1", 8080, "shop/pod-1"),)


def test_terminating_ones_serve_when_none_is_ready() -> None:
    assert backends(LEAVING, UNREADY) == (Backend("10.0.0.2", 8080, "shop/pod-2"),)


def test_nobody_serves_when_none_is_serving() -> None:
    assert backends(UNREADY) == ()


def test_conditions_left_out_count_as_ready() -> None:
    assert len(backends(endpoint("10.0.0.7"))) == 1


def test_ports_are_found_by_number_by_name_and_by_default() -> None:
    rules = service_rules(service(), slices(READY))
    assert [rules.port(p) for p in (80, "http", None)] == [rules.ports[0]] * 3
    assert rules.port(81) is None
    metrics = rules.port("metrics")
    assert metrics is not None
    assert metrics.backends == ()


def test_nobody_translates_the_port_of_a_headless_service() -> None:
    assert backends(READY, clusterIP="None") == (Backend("10.0.0.1", 80, "shop/pod-1"),)


def test_fields_that_would_matter_are_named() -> None:
    assert not_modelled(service(sessionAffinity="None", internalTrafficPolicy="Cluster")) == {}
    assert not_modelled(service(sessionAffinity="ClientIP", type="ExternalName")) == {
        "sessionAffinity": "ClientIP",
        "type": "ExternalName",
    }
