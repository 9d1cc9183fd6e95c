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
# # Push against pull
#
# A release reaches a cluster in one of two ways. A **pipeline** outside the cluster holds a key to it and pushes what a
# commit says. Or an **agent** inside the cluster holds a key to git and pulls. Both teams call it continuous delivery.
# What differs is who looks, how often, and who holds which key.
#
# We play one plain release in two worlds: the same commit, the same images, the same dice.

# %%
import kcsim

# %%
twins = kcsim.compare("plain-release", deliveries=["push", "flux"])
twins

# %% [markdown]
# Read down the lanes. Under push the commit starts a pipeline: lint, tests, then `kubectl apply`. Under Flux nobody is
# called: the source-controller finds the commit at its next look, and the kustomize-controller applies it at once.
#
# ## Who is sooner?
#
# The *change lead time* of one run is one draw. How long an agent waits depends on where its clock stands when somebody
# commits. So we ask many seeds.

# %%
swept = kcsim.sweep("plain-release", seeds=6, deliveries=["push", "flux"], until="15m", progress=False)
swept.medians("change_lead_time")

# %%
from kcsim.notebook import spread

spread(swept, "change_lead_time")

# %% [markdown]
# Before you read on: the pipeline takes 90 s and more for its tests, the agent looks every minute and tests nothing.
# Is the comparison fair? Only if the tests run somewhere else before the merge. A number without its definition is
# an opinion; the definitions come along with the measures.

# %%
twins["flux"].measures()

# %% [markdown]
# ## Where the two worlds part, and why
#
# The first object that differed, and in each world the chain of causes that led there.

# %%
twins.divergence()

# %% [markdown]
# In the end both run the same image. The chains that led there have one origin, dana's commit; drawn as one graph they show
# where the two ways begin to differ, and when.

# %%
from kcsim.notebook import causes

causes(**{name: world.why("deployment/web", "shop") for name, world in twins.worlds.items()})

# %% [markdown]
# ## A bad hour
#
# The git host goes down just when the release is to be pushed. What happens in each world? Write your guess down.

# %%
worlds = {name: kcsim.load("plain-release", delivery=name) for name in ("push", "flux")}
for world in worlds.values():
    world.run_until("9m55s")
    world.inject("git-outage", duration="8m")
    world.run_until("12m")

# %%
for name, world in worlds.items():
    image = world.get("deployment/web", "shop")["spec"]["template"]["spec"]["containers"][0]["image"]
    print(f"{name:>5} at 12 minutes: {image}")

# %% [markdown]
# Neither delivers: both need git for what is **new**. The difference shows when somebody changes the cluster meanwhile.

# %%
for world in worlds.values():
    world.kubectl("scale deployment/web --replicas=1", as_="nico", namespace="shop")
    world.run_until("17m")

# %%
for name, world in worlds.items():
    print(f"{name:>5} at 17 minutes: {world.get('deployment/web', 'shop')['spec']['replicas']} replicas")

# %% [markdown]
# Flux put it right, with git still down: it holds the last artifact it fetched and reconciles from that. Under push one
# replica has to do until somebody deploys again.

# %%
for name, world in worlds.items():
    world.finish()
    print(f"{name:>5} in the end: {world.get('deployment/web', 'shop')['spec']['replicas']} replicas")

# %% [markdown]
# Git came back at 18 minutes, dana pushed again, and the pipeline wrote the field **by accident**, along with the new
# image. The chain of the release under Flux goes back to the push that was refused:

# %%
worlds["flux"].why("deployment/web", "shop")

# %% [markdown]
# ## Who holds the keys
#
# The pipeline's key lies outside of the cluster and opens all of it. The agent's identities live inside; what is outside
# is a key that reads git.

# %%
for row in twins.table().to_records():
    if row["name"].startswith("credentials"):
        print(row["title"], "|", "push:", row["push"], "|", "flux:", row["flux"])

# %% [markdown]
# The four principles of OpenGitOps ask that the desired state be declarative, versioned and immutable, pulled
# automatically, and continuously reconciled. A pipeline keeps the first two. An agent keeps all four: the price is a
# look every interval, whether or not there is anything to see.
#
# ## Your turn
#
# Make the agent's interval longer and the pipeline shorter, until both are equally soon. What did the agent save, and
# what did that cost?

# %%
settings = {"deliveries.flux.gitRepository.interval": "5m"}
slow = kcsim.sweep("plain-release", seeds=3, deliveries=["flux"], until="20m", settings=settings, progress=False)
slow.medians("change_lead_time"), slow.medians("api_requests_by_delivery")
