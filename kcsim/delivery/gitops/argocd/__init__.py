"""Argo CD: what it decides, as pure functions, and the processes that act on it.

Who decides what (all take and give plain Kubernetes JSON; none has a client or a clock):

- `resources`: `key_of`, names of annotations, `has_option` and `option_value` of comma-separated ones.
- `health.check.assess(live, customizations)`: the health of one object; None for kinds without a check.
- `health.aggregate.application_health(pairs, customizations, (namespace, name))`: `status.health` and its causes.
- `health.customize.customizations(argocd_cm_data)`: configured checks as data; `unread` names Lua scripts.
- `sync.hooks`: hooks, their phases, delete policies and waves; `without_deletion_hooks`, `is_deletion_hook`.
- `sync.settings.settings_of(operation["sync"])`: the options of an operation; `apply_command` for one task.
- `sync.plan.Request`: everything one sync needs to know; `split_hooks` divides rendered objects.
- `sync.operation.sync(request, operation)` / `terminate(...)`: one pass, a generator that yields groups of `Action`
  (or a `WaveDelay`), is sent their `Outcome`s, and returns the next `Operation` (phase, message, results).
"""
