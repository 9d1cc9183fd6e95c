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
# # Write your own controller, and break it
#
# A controller is a loop: look, compare, put right. Most are right as long as nothing goes wrong between two of their steps.
# Here is one, in a dozen lines. It works. Then we let a machine look for the instant at which it must not die.

# %%
import kcsim
from kcsim.api import objects
from kcsim.testing.controller import Declarative, Operator
from kcsim.testing.probing.probe import probe, try_plan
from kcsim.testing.tiny import crd, story

# %% [markdown]
# ## The controller
#
# For every `Database` there shall be two secrets: one for clients, one for the servers among themselves. The author
# thinks: *if the first is there, I have been here before.*

# %%
class Secrets(Operator):
    name = "secrets"
    watches = "databases.example.com"
    owns = ("secrets",)

    def sync(self, database):
        name = objects.name(database)
        if self.child(database, "secrets", f"{name}-client"):
            return
        for which in ("client", "server"):
            metadata = {
                "name": f"{name}-{which}",
                "namespace": objects.namespace(database),
                "ownerReferences": [objects.owner_reference(database)],
            }
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": "s3cret"}}
            yield self.client.create("secrets", secret)

# %% [markdown]
# `yield` is where it waits for the API server. Everything between two yields happens at one instant; everything can
# happen at a yield.

# %%
kind = crd("Database", "example.com")
database = {"apiVersion": "example.com/v1", "kind": "Database", "metadata": {"name": "orders"}, "spec": {}}

sim = kcsim.Simulation(nodes=1, seed=1)
sim.add_controller(Secrets)
sim.apply(kind)
sim.apply(database)
sim.run_until(lambda s: s.get("secret/orders-server"), timeout="1m")

# %%
sim.why("secret/orders-server")

# %% [markdown]
# It works. The test is green. Ship it?
#
# ## The probe
#
# The probe plays the story once as it is, then once for every place where a crash, a stale cache or a missed event
# could matter, and compares the ends. No waiting, no cluster, no luck.

# %%
play = story("two-secrets", (0, kind), ("5s", database), controllers={"secrets": Secrets})
report = probe(play)
print(report.text())

# %% [markdown]
# Found: when the process dies **between its two writes**, the second secret never comes. The proof *the first is there* was
# written before what it proves. One plan alone can be played again:

# %%
print(try_plan(report.target, "crash after write 1").differences[0])

# %% [markdown]
# ## Mended
#
# Ask for each secret by itself. That is what level-triggered means: decide by what **is**, not by what you remember
# having done.

# %%
class MendedSecrets(Secrets):
    name = "mended-secrets"

    def sync(self, database):
        name = objects.name(database)
        for which in ("client", "server"):
            if self.child(database, "secrets", f"{name}-{which}"):
                continue
            metadata = {
                "name": f"{name}-{which}",
                "namespace": objects.namespace(database),
                "ownerReferences": [objects.owner_reference(database)],
            }
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": "s3cret"}}
            yield self.client.create("secrets", secret)


print(probe(story("two-secrets", (0, kind), ("5s", database), controllers={"mended": MendedSecrets})).text())

# %% [markdown]
# ## Said instead of done
#
# Shorter still: say what should be there, and leave the doing to the kit. A `Declarative` controller is a pure function,
# and there is nothing between two of its steps.

# %%
class DeclaredSecrets(Declarative):
    name = "declared-secrets"
    watches = "databases.example.com"
    owns = ("secrets",)

    def desired(self, database, observed):
        name = objects.name(database)
        return [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-{which}"}, "type": "Opaque"}
            for which in ("client", "server")
        ]


declared = probe(story("two-secrets", (0, kind), ("5s", database), controllers={"declared": DeclaredSecrets}))
print(declared.text())

# %% [markdown]
# ## By hand, on the running world
#
# A fault can be put in by hand, too. We kill the process right after its first write, and look.

# %%
broken = kcsim.Simulation(nodes=1, seed=1)
broken.add_controller(Secrets)
broken.apply(kind)
broken.inject("crash-point", "secrets", nth=1)
broken.apply(database)
broken.run_until("2m")
[secret["metadata"]["name"] for secret in broken.list("secrets", "default")]

# %%
from kcsim.notebook import timeline

timeline(broken)

# %% [markdown]
# ## Your turn
#
# Delete the secret `orders-server` in the first world. Does `Secrets` bring it back? Does `MendedSecrets`?

# %%
sim.kubectl("delete secret orders-server")
sim.run("1m")
[secret["metadata"]["name"] for secret in sim.list("secrets", "default")]
