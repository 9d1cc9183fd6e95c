"""ApplicationSets as they run: what is generated, updated, deleted, and synced in steps."""

from kcsim.delivery.gitops.argocd import terms
from tests.unit.argocd_runtime.conftest import AUTOMATED, URL, ArgoWorld, config


def appset(generators, *, name="{{name}}", path="{{path}}", labels=None, server=terms.IN_CLUSTER, **spec):
    template = {
        "metadata": {"name": name, **({"labels": labels} if labels else {})},
        "spec": {
            "project": "default",
            "source": {"repoURL": URL, "path": path, "targetRevision": "main"},
            "destination": {"server": server, "namespace": "default"},
            "syncPolicy": AUTOMATED,
        },
    }
    return {
        "apiVersion": terms.API_VERSION,
        "kind": "ApplicationSet",
        "metadata": {"name": "all", "namespace": "argocd"},
        "spec": {"generators": generators, "template": template, **spec},
    }


def elements(*names, **more):
    return [{"list": {"elements": [{"name": n, "path": n, **more.get(n, {})} for n in names]}}]


def names(world):
    return [app["metadata"]["name"] for app in world.list(terms.APPLICATIONS, "argocd")]


def conditions(world):
    found = world.get(terms.APPLICATION_SETS, "all", "argocd")["status"]["conditions"]
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in found}


def test_a_list_becomes_applications_that_sync(world):
    world.push({"a/x.yaml": config("a"), "b/x.yaml": config("b")})
    world.create(appset(elements("a", "b")))
    world.run("15s")
    assert names(world) == ["a", "b"]
    assert world.sync_status("a") == world.sync_status("b") == "Synced"
    owner = world.app("a")["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ApplicationSet", "all", True)
    assert world.app("a")["metadata"]["finalizers"] == [terms.CASCADE]
    assert conditions(world)["ResourcesUpToDate"][0] == "True"


def test_fewer_elements_delete_applications_and_what_they_manage(world):
    world.push({"a/x.yaml": config("a"), "b/x.yaml": config("b")})
    world.create(appset(elements("a", "b")))
    world.run("15s")
    world.patch(terms.APPLICATION_SETS, "all", {"spec": {"generators": elements("a")}}, "argocd")
    world.run("2m")
    assert names(world) == ["a"]
    assert world.get("configmaps", "b") is None


def test_a_failing_generator_deletes_nothing(world):
    world.push({"apps/a/x.yaml": config("a")})
    generator = [{"git": {"repoURL": URL, "revision": "main", "directories": [{"path": "apps/*"}]}}]
    world.create(appset(generator, name="{{path.basename}}"))
    world.run("15s")
    assert names(world) == ["a"]
    world.git.available = False
    world.run("10m")
    assert names(world) == ["a"]
    assert conditions(world)["ErrorOccurred"][0] == "True"
    world.git.available = True
    world.run("5m")
    assert conditions(world)["ErrorOccurred"][0] == "False"


def test_a_new_directory_is_found_at_the_requeue_time(world):
    world.push({"apps/a/x.yaml": config("a")})
    generator = [{"git": {"repoURL": URL, "revision": "main", "directories": [{"path": "apps/*"}]}}]
    world.create(appset(generator, name="{{path.basename}}"))
    world.run("15s")
    world.push({"apps/b/x.yaml": config("b")})
    world.run("1m")
    assert names(world) == ["a"]
    world.run("6m")
    assert names(world) == ["a", "b"]


def test_a_hand_on_a_generated_application_is_undone(world):
    world.push({"a/x.yaml": config("a")})
    world.create(appset(elements("a")))
    world.run("15s")
    world.patch(terms.APPLICATIONS, "a", {"spec": {"source": {"path": "elsewhere"}}}, "argocd")
    world.run("5s")
    assert world.app("a")["spec"]["source"]["path"] == "a"


def test_one_invalid_application_does_not_stop_the_others(world):
    world.push({"a/x.yaml": config("a"), "b/x.yaml": config("b")})
    made = appset(elements("a", "b", b={"project": "nowhere"}, a={"project": "default"}))
    made["spec"]["template"]["spec"]["project"] = "{{project}}"
    world.create(made)
    world.run("15s")
    assert names(world) == ["a"]
    assert (
        conditions(world)["ErrorOccurred"][2] == "application references project nowhere which does not exist"
    )


def test_an_application_for_each_cluster():
    world = ArgoWorld(clusters=("hub", "blue", "green"))
    world.push({"app/x.yaml": config()})
    world.create(appset([{"clusters": {}}], name="shop-{{name}}", path="app", server="{{server}}"))
    world.run("15s")
    assert names(world) == ["shop-blue", "shop-green", "shop-in-cluster"]
    assert world.get("configmaps", "settings", cluster="green")
    client = world.client
    client.now(client.delete("secrets", "argocd", "cluster-blue"))
    world.run("1m")
    assert names(world) == ["shop-green", "shop-in-cluster"]
    assert world.get("configmaps", "settings", cluster="blue")  # nobody knows where it is any more


def test_deleting_the_set_deletes_everything(world):
    world.push({"a/x.yaml": config("a")})
    world.create(appset(elements("a")))
    world.run("15s")
    client = world.client
    client.now(client.delete(terms.APPLICATION_SETS, "argocd", "all"))
    world.run("2m")
    assert names(world) == []
    assert world.get("configmaps", "a") is None


def test_progressive_syncs_open_one_step_after_the_other():
    world = ArgoWorld(params={"applicationsetcontroller.enable.progressive.syncs": "true"})
    world.push({"a/x.yaml": config("a"), "b/x.yaml": config("b")})
    steps = [
        {"matchExpressions": [{"key": "env", "operator": "In", "values": [env]}]} for env in ("dev", "prod")
    ]
    world.create(
        appset(
            elements("a", "b", a={"env": "dev"}, b={"env": "prod"}),
            labels={"env": "{{env}}"},
            strategy={"type": "RollingSync", "rollingSync": {"steps": steps}},
        )
    )
    synced = {}
    for _ in range(1200):
        world.run("100ms")
        for name in ("a", "b"):
            if world.get("configmaps", name):
                synced.setdefault(name, world.engine.now)
    assert synced["a"] < synced["b"]
    world.run("1m")
    found = world.get(terms.APPLICATION_SETS, "all", "argocd")["status"]["applicationStatus"]
    assert {s["application"]: (s["step"], s["status"]) for s in found} == {
        "a": ("1", "Healthy"),
        "b": ("2", "Healthy"),
    }
    assert world.app("a")["spec"]["syncPolicy"]["automated"]["enabled"] is False


# --- merge requests ------------------------------------------------------------------------------------------------

PREVIEWS = {"github": {"owner": "acme", "repo": "shop", "labels": ["preview"]}, "requeueAfterSeconds": 600}


def previews(**spec):
    made = appset([{"pullRequest": {**PREVIEWS, **spec}}], name="preview-{{number}}", path="app")
    made["spec"]["template"]["spec"]["source"]["targetRevision"] = "{{head_sha}}"
    return made


def ask(world, branch, value, labels=("preview",)):
    world.git.push(
        "shop", branch, {"app/x.yaml": config("x", value=value)}, f"Work on {branch}", "ana", start="main"
    )
    return world.git.reviews.open(
        "shop", branch, "main", f"Add {branch}", "ana", labels=labels, automatic=False
    )


def test_each_open_merge_request_has_an_application_until_it_is_closed(world):
    world.push({"app/x.yaml": config("x")})
    first, _other = ask(world, "feature", "one"), ask(world, "unlabelled", "two", ())
    world.create(previews())
    world.run("15s")
    assert names(world) == ["preview-1"]
    assert world.app("preview-1")["spec"]["source"]["targetRevision"] == first.head
    ask(world, "more", "three")
    world.run("5m")
    assert names(world) == ["preview-1"]  # nobody told it: it asks every ten minutes
    world.run("6m")
    assert names(world) == ["preview-1", "preview-3"]
    world.git.reviews.close(first, "ana")
    world.run("11m")
    assert names(world) == ["preview-3"]


def test_a_webhook_tells_of_merge_requests_at_once(world):
    world.push({"app/x.yaml": config("x")})
    world.create(previews())
    world.run("15s")

    def called(update):
        found = world.programs.services.find(world.endpoint, "argocd", "argocd-applicationset-controller")
        found.component.spawn(found.handler.webhook(update))

    world.git.subscribe("shop", "control-plane", called, pushes=False, reviews=True, endings=True)
    request = ask(world, "feature", "one")
    world.run("20s")
    assert names(world) == ["preview-1"]
    world.git.reviews.merge(request, "ana")
    world.run("30s")
    assert names(world) == []


def test_a_provider_that_does_not_answer_deletes_nothing(world):
    world.push({"app/x.yaml": config("x")})
    ask(world, "feature", "one")
    world.create(previews())
    world.run("15s")
    world.git.available = False
    world.run("11m")
    assert names(world) == ["preview-1"]
    told = "error listing repos: error listing pull requests for acme/shop: GET https://api.github.com/repos/acme/shop/pulls?per_page=100: 503 []"
    assert told in conditions(world)["ErrorOccurred"][2]


def test_a_provider_that_is_not_there(world):
    world.push({"app/x.yaml": config("x")})
    world.create(previews(github={"owner": "acme", "repo": "shpo"}))
    world.run("15s")
    assert "404 Not Found" in conditions(world)["ErrorOccurred"][2]
    gitlab = {"project": "acme/shop", "api": "https://gitlab.other/"}
    world.patch(
        terms.APPLICATION_SETS,
        "all",
        {"spec": {"generators": [{"pullRequest": {"gitlab": gitlab}}]}},
        "argocd",
    )
    world.run("15s")
    assert "dial tcp: lookup gitlab.other: no such host" in conditions(world)["ErrorOccurred"][2]
