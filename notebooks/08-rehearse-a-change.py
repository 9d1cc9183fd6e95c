# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Rehearse a change to a real repository
#
# Before a change is merged one would like to know: in which order are things applied, what is pruned, what never becomes
# ready, how bad is the worst moment? kcsim plays the history of a repository on your disk, commit by commit, under
# each delivery.
#
# So that this notebook runs anywhere we make a repository on the spot. With yours, leave the next cell out.

# %%
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from dulwich import porcelain
from dulwich.repo import Repo

import kcsim
from kcsim.notebook import rollout
from kcsim.scenario.compare import Twins

# %%
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example/shop/web:1.0.0
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /ready, port: 8080}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"""

# %%
began, home = os.getcwd(), TemporaryDirectory()
os.chdir(home.name)
folder = Path("shop-repository")
Repo.init("shop-repository", mkdir=True, default_branch=b"main").close()


def commit(message, minute, **files):
    """Write files (None: delete), and commit them at a minute of a day."""
    for name, text in files.items():
        path = folder / "deploy" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.unlink() if text is None else path.write_text(text)
    porcelain.add(folder, [str((folder / "deploy" / f"{name}.yaml").absolute()) for name in files])
    who, when = b"dana <dana@example.com>", 1_767_225_600 + minute * 60
    sha = porcelain.commit(
        folder, message, author=who, committer=who, author_timestamp=when, commit_timestamp=when,
        author_timezone=0, commit_timezone=0,
    )  # fmt: skip
    return sha.decode()[:7]


# %% [markdown]
# What runs today: a Deployment and its Service.

# %%
commit("the shop", 0, namespace=NAMESPACE, web=WEB, service=SERVICE)

# %% [markdown]
# And the change that is up for review: a new version, twice the replicas, and the Service gets a new name, because
# somebody found `web` too short.

# %%
changed = WEB.replace("web:1.0.0", "web:2.0.0").replace("replicas: 4", "replicas: 8")
renamed = SERVICE.replace("name: web,", "name: web-frontend,")
commit("version 2, and a better name", 15, web=changed, service=renamed)

# %% [markdown]
# ## The rehearsal
#
# The repository takes the place of the gallery story's own. Images and deliveries come from the story; its users do not, as
# they ask for a Service that this repository need not have. So we bring our own: clients of the Service `web`.

# %%
worlds = {}
for delivery in ("push", "flux"):
    world = kcsim.load("plain-release", delivery=delivery, repository=folder, until="40m")
    world.run_until("5m")
    world.add_traffic("clients", "service/web", namespace="shop", rate="2/s", timeout="1s")
    world.finish()
    worlds[delivery] = world

twins = Twins(world.scenario, worlds)
twins

# %% [markdown]
# What came, changed and went, from before the change to the end:

# %%
flux = twins["flux"]
flux.diff("14m", "40m")

# %% [markdown]
# ## The worst moment

# %%
rollout(flux, "web", "shop", since="14m", until="22m")

# %%
for name, world in worlds.items():
    failures = world.traffic["clients"].failures()
    print(name, [(each.since / 60e6, each.until / 60e6, dict(each.causes)) for each in failures])

# %% [markdown]
# Look at who is without a Service. Under Flux the old name is **pruned** with the change; under push nobody deletes
# what a commit deleted, unless the pipeline does. Clients of the old name fail in one world and go on, unnoticed, in the
# other. Neither is what the author of the change had in mind.

# %%
{name: [each["metadata"]["name"] for each in world.list("services", "shop")] for name, world in twins.worlds.items()}

# %%
twins.divergence()

# %% [markdown]
# ## Rehearse the way out
#
# The change is reverted. How soon is everybody served again?

# %%
world = kcsim.load("plain-release", delivery="flux", repository=folder, until="40m")
world.run_until("20m")
world.git.revert()
world.run_until("40m")
[each["metadata"]["name"] for each in world.list("services", "shop")]

# %% [markdown]
# ## Your turn
#
# Split the change in two: first a second Service beside the old one, then the removal. Rehearse it.

# %%
os.chdir(began)
home.cleanup()
