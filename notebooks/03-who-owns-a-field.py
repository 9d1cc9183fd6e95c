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
# # Drift, and who owns a field
#
# Two writers, one field: that is what drift is made of. Kubernetes keeps a book about it. Each object carries
# `metadata.managedFields`: for every field, who set it last, and how. Server-side apply reads that book before it writes.
#
# We look at it in the night of nico, who scales the shop down by hand.

# %%
import json

import kcsim
from kcsim.notebook import three_way

# %%
sim = kcsim.load("drift-at-night", delivery="flux", seed=7)
sim.run_until("21m")
sim.kubectl("get deployment web -n shop -o jsonpath='{.spec.replicas}'")

# %% [markdown]
# ## The book before
#
# Flux applied the Deployment with **server-side apply**, as the manager `kustomize-controller`. The controller that
# runs the rollout writes the status, as `kube-controller-manager`.

# %%
def owners(world, field):
    """Who owns a field of the Deployment, and how."""
    shown = world.kubectl("get deployment web -n shop -o json --show-managed-fields")
    for entry in json.loads(shown.stdout)["metadata"]["managedFields"]:
        if f"f:{field}" in entry["fieldsV1"].get("f:spec", {}):
            yield entry["manager"], entry["operation"], entry.get("subresource", "")


list(owners(sim, "replicas")), list(owners(sim, "template"))

# %% [markdown]
# ## A hand
#
# `kubectl scale` is no apply: it is an **update** of the subresource `scale`. It asks nobody.

# %%
sim.run_until("22m30s")
list(owners(sim, "replicas"))

# %% [markdown]
# The field changed hands: Flux is no owner of it any more. Side by side: what git says, what was last applied, what is.

# %%
three_way(sim, "deployment/web")

# %% [markdown]
# ## A polite hand
#
# Suppose nico had used server-side apply instead. Somebody else owns the field, so the server refuses, and says who.

# %%
manifest = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2}
"""
polite = sim.fork("21m")
polite.kubectl("apply --server-side -f -", stdin=manifest, as_="nico")

# %% [markdown]
# That is a **conflict**. With `--force-conflicts` the field changes hands, and the book says so.

# %%
polite.kubectl("apply --server-side --force-conflicts -f -", stdin=manifest, as_="nico")

# %%
list(owners(polite, "replicas"))

# %% [markdown]
# ## The agent comes back
#
# The kustomize-controller applies with force, too: git is the owner of what it names. At its next interval the field
# changes hands once more.

# %%
sim.run_until("35m")
list(owners(sim, "replicas"))

# %%
sim.why("deployment/web", "shop")

# %% [markdown]
# ## Leave the field out
#
# Often another controller *should* own the field: an autoscaler sets replicas. If git names them, the two fight, with
# the period of the agent's interval. The way out is to leave the field out of git: an apply that does not name a field
# that another owns leaves it alone.

# %%
calm = kcsim.load("drift-at-night", delivery="flux", seed=7)
calm.run_until("15m")
calm.git.commit("leave replicas to others", replace={"deploy/web.yaml": {"  replicas: 3\n": ""}})
calm.run_until("21m")
list(owners(calm, "replicas")), calm.get("deployment/web", "shop")["spec"]["replicas"]

# %% [markdown]
# Careful: a field that its only owner stops naming is **removed**, and defaulted again: replicas are 1 now. In real life
# the autoscaler has to be there first. Here a hand plays the autoscaler.

# %%
calm.run_until("22m30s")
calm.kubectl("scale deployment/web --replicas=4", as_="nico", namespace="shop")
calm.run_until("40m")
calm.get("deployment/web", "shop")["spec"]["replicas"], list(owners(calm, "replicas"))

# %% [markdown]
# An interval and more later it is still 4: nobody fights over a field that only one of them names.
#
# ## Your turn
#
# Change the image by hand instead of the replicas, with `kubectl set image`. Who owns what then, and for how long?

# %%
other = kcsim.load("drift-at-night", delivery="flux", seed=7)
other.run_until("15m")
other.kubectl("set image deployment/web web=registry.example/shop/web:1.0.0-nico", as_="nico", namespace="shop")
print(three_way(other, "deployment/web"))
other.run_until(lambda s: not s.drift("shop"))
