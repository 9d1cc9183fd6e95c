"""What users of Argo CD struggle with, each as it comes about (argocd reference, 23; issue numbers are argo-cd's)."""

from kcsim.delivery.gitops.argocd import install, terms
from kcsim.engine.clock import seconds
from tests.unit.argocd_runtime.conftest import AUTOMATED, ArgoWorld, config, deployment, job

LARGE = "x" * 200_000


def test_a_hook_that_vanishes_fails_the_sync(world):
    """8, #21055: a Job that a TTL takes away before the sync has seen it end."""
    world.push({"app/config.yaml": config(), "app/before.yaml": job("before", "PreSync")})
    world.application(policy={**AUTOMATED, "retry": {"limit": 0}})
    world.run("5s")
    world.patch("jobs.batch", "before", {"metadata": {"finalizers": None}})
    client = world.client
    client.now(client.delete("jobs.batch", "default", "before", propagation="Background"))
    world.run("40s")
    assert world.operation()["phase"] == "Failed"
    message = world.operation()["syncResult"]["resources"][0]["message"]
    assert message == "Resource batch/Job/before is missing, it might have been deleted"


def test_a_large_object_does_not_fit_its_own_annotation():
    """10, #820: the last-applied annotation would be longer than 262144 bytes; a server-side apply has none."""
    for options, phase in (([], "Failed"), (["ServerSideApply=true"], "Succeeded")):
        world = ArgoWorld()
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big}}\ndata: {{a: {LARGE}, b: {LARGE}}}\n"
        world.push({"app/big.yaml": text})
        world.application(policy={**AUTOMATED, "retry": {"limit": 0}, "syncOptions": options})
        world.run("20s")
        assert world.operation()["phase"] == phase
        message = world.operation()["syncResult"]["resources"][0]["message"]
        assert ("metadata.annotations: Too long: " in message) == (phase == "Failed")


def test_a_commit_to_a_monorepo_generates_everything_anew(world):
    """12, #8914: the key of the manifest cache holds the revision, so a foreign file misses it for every Application."""
    world.push({"a/x.yaml": config("a"), "b/x.yaml": config("b"), "README.md": "1"})
    world.application("a", "a")
    world.application("b", "b", annotations={terms.GENERATE_PATHS: "."})
    world.run("15s")
    server = world.programs.services.find(world.endpoint, "argocd", install.REPO_SERVER)
    made = []
    generate = server.handler._made
    server.handler._made = lambda request, *args: made.append(request.application) or generate(request, *args)
    commit = world.push({"README.md": "2"})
    world.refresh("a")
    world.refresh("b")
    world.run("10s")
    assert made == ["a"]
    assert world.status("b")["sync"]["revision"] == commit.sha
    # Nothing changed for it, so there is nothing to sync either.
    assert world.operation("b")["syncResult"]["revision"] != commit.sha


def test_deleting_the_control_planes_namespace_deletes_what_it_manages(world):
    """14, #6046: Applications with the finalizer are deleted with their namespace, and take everything along."""
    world.push({"app/config.yaml": config()})
    world.application(cascade=True)
    world.run("10s")
    client = world.client
    client.now(client.delete("namespaces", "", "argocd"))
    world.run("2m")
    assert world.get("configmaps", "settings") is None


def test_a_deleted_cluster_leaves_its_objects_behind():
    """2: nobody can delete what nobody can reach; the finalizer is dropped."""
    world = ArgoWorld(clusters=("hub", "blue"))
    world.push({"app/config.yaml": config()})
    world.application(server=world.address("blue"), cascade=True)
    world.run("10s")
    client = world.client
    client.now(client.delete("secrets", "argocd", "cluster-blue"))
    world.run("5s")
    client.now(client.delete(terms.APPLICATIONS, "argocd", "shop"))
    world.run("1m")
    assert world.app() is None
    assert world.get("configmaps", "settings", cluster="blue")


def test_a_finalizer_that_nobody_removes_keeps_the_application(world):
    """2, #9296: the object waits for a controller that is not there any more, and the Application for the object."""
    world.push({"app/config.yaml": config()})
    world.application(cascade=True)
    world.run("10s")
    world.patch("configmaps", "settings", {"metadata": {"finalizers": ["gone.example/operator"]}})
    world.run("5s")
    client = world.client
    client.now(client.delete(terms.APPLICATIONS, "argocd", "shop"))
    world.run("30m")
    assert world.app() is not None
    world.patch("configmaps", "settings", {"metadata": {"finalizers": None}})
    world.run("2m")
    assert world.app() is None


def test_waves_of_children_order_only_their_apply(world):
    """9, #5585: the second child does not wait until the first one is synced and healthy."""
    from kcsim.manifests import dump

    files = {}
    for number, name in enumerate(("first", "second")):
        source = {"repoURL": "https://git.example/shop", "path": name, "targetRevision": "main"}
        child = install.application(name, source, destination_namespace="default", syncPolicy=AUTOMATED)
        child["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": str(number)}
        files[f"parent/{name}.yaml"] = dump(child)
    files["first/hook.yaml"] = job("slow", "PreSync")
    files["first/config.yaml"] = config("first")
    files["second/config.yaml"] = config("second")
    world.push(files)
    world.application("parent", "parent", namespace="argocd")
    world.run("30s")
    assert world.get("configmaps", "first") is None
    assert world.get("configmaps", "second")


class Rewriter:
    """Somebody in the cluster who writes a field again a minute after Argo CD has: an autoscaler, a webhook, a platform."""

    def __init__(self, world, resource, name, wanted):
        self._world, self._resource, self._name, self._wanted = world, resource, name, wanted
        self._waiting = False
        self.times = 0
        world.engine.trace.on_record(self._look)

    def _look(self, record):
        mine = getattr(record, "key", None) == ("default", self._name)
        if mine and "argocd" in record.actor and not self._waiting:
            self._waiting = True
            self._world.engine.after(seconds("1m"), self._write)

    def _write(self):
        self._waiting = False
        self.times += 1
        self._world.client.patch(self._resource, "default", self._name, self._wanted).start(lambda *_: None)


def test_self_heal_and_an_autoscaler_fight_ever_more_slowly(world):
    """1, #5105: each undoes the other; the back-off of self-heal only makes the rounds longer."""
    world.push({"app/web.yaml": deployment()})
    fight = Rewriter(world, "deployments.apps", "web", {"spec": {"replicas": 9}})
    world.application()
    world.run("30m")
    soon = fight.times
    assert soon >= 5
    assert world.operation()["operation"]["sync"]["autoHealAttemptsCount"] >= 5
    world.run("30m")
    assert 0 < fight.times - soon < soon


def test_what_somebody_rewrites_is_out_of_sync_until_it_is_ignored(world):
    """4, #4326: a field that git names and something else fills in differs for ever; one that git does not name does not."""
    world.push({"app/config.yaml": config()})
    Rewriter(world, "configmaps", "settings", {"data": {"value": "mutated", "injected": "x"}})
    world.application(policy={"automated": {}})
    world.run("30m")
    assert world.sync_status() == "OutOfSync"
    ignored = [{"group": "", "kind": "ConfigMap", "jsonPointers": ["/data/value"]}]
    world.patch(terms.APPLICATIONS, "shop", {"spec": {"ignoreDifferences": ignored}}, "argocd")
    world.run("5m")
    assert world.sync_status() == "Synced"
    assert world.get("configmaps", "settings")["data"] == {"value": "mutated", "injected": "x"}


def test_a_commit_that_failed_is_never_tried_again_by_itself(world):
    """6, #23591: once the retries are used up only another commit, or a person, starts a sync."""
    bad = deployment().replace("replicas: 2", "replicas: -1")
    world.push({"app/web.yaml": bad})
    world.application(policy={**AUTOMATED, "retry": {"limit": 1, "backoff": {"duration": "5s"}}})
    world.run("2m")
    assert world.operation()["phase"] == "Failed"
    ended = world.operation()["finishedAt"]
    world.run("2h")
    assert world.operation()["finishedAt"] == ended
    assert world.sync_status() == "OutOfSync"
    assert any(c["type"] == "SyncError" for c in world.status()["conditions"])
    world.push({"app/web.yaml": deployment()})
    world.run("10m")
    assert (world.operation()["phase"], world.sync_status()) == ("Succeeded", "Synced")
