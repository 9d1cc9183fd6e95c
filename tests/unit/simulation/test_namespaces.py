"""What every namespace holds before anybody puts something there, and what pods make of it."""

from kcsim.api import objects
from kcsim.simulation.simulation import Simulation


def names(sim, kind, namespace):
    return [objects.name(each) for each in sim.list(kind, namespace)]


def test_every_namespace_has_a_service_account_and_the_root_certificate():
    sim = Simulation(nodes=1, seed=1)
    sim.kubectl("create namespace shop")
    sim.run("1s")
    for namespace in ("default", "kube-system", "kube-public", "kube-node-lease", "shop"):
        assert names(sim, "serviceaccounts", namespace) == ["default"]
        assert names(sim, "configmaps", namespace) == ["kube-root-ca.crt"]
    assert names(sim, "secrets", "shop") == []


def test_what_somebody_deletes_or_changes_is_put_right():
    sim = Simulation(nodes=1, seed=1)
    sim.run("1s")
    whole = sim.get("configmap/kube-root-ca.crt")["data"]
    sim.kubectl("delete sa/default cm/kube-root-ca.crt")
    sim.run("1s")
    assert names(sim, "serviceaccounts", "default") == ["default"]
    sim.kubectl("""patch cm/kube-root-ca.crt -p '{"data": {"ca.crt": "mine"}}'""")
    sim.run("1s")
    assert sim.get("configmap/kube-root-ca.crt")["data"] == whole


def test_a_namespace_that_ends_takes_both_along():
    sim = Simulation(nodes=1, seed=1)
    sim.kubectl("create namespace shop")
    sim.run("1s")
    sim.kubectl("delete namespace shop --wait=false")
    sim.run("1m")
    assert names(sim, "configmaps", "shop") == names(sim, "serviceaccounts", "shop") == []
    assert sim.kubectl("get ns shop").exit_code == 1


def test_a_pod_mounts_the_token_of_the_default_account_and_gets_ready():
    sim = Simulation(nodes=1, seed=1)
    sim.run("1s")
    sim.kubectl("run web --image=web:1")
    sim.run("1m")
    pod = sim.get("pod/web")
    (volume,) = pod["spec"]["volumes"]
    assert volume["projected"]["sources"][1]["configMap"]["name"] == "kube-root-ca.crt"
    assert pod["status"]["phase"] == "Running"
    assert "kube-api-access" in sim.kubectl("describe pod web").stdout
