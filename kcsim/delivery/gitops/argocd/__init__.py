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
- `diff.compare.compare(target, live, options, dry_run)`: the difference of one resource; `needs_dry_run`,
  `dry_run_target`, `respecting_ignored`.  `diff.ignore.rules_of`: what is left out of it.
- `diff.tracking`: `with_instance`, `application_of`, `describes_itself`.
- `diff.state`: `targets_of` (namespaces, doubles, excluded kinds), `pairs_of` (targets and live objects),
  `compared_namespaces`, `shared_with`, `sync_state` (status of all resources, of the Application, conditions).
- `conditions.set_conditions`, `conditions.as_text`: the conditions of the status.
- `projects.Project`: `permits_source`, `permits_destination`, `permits_kind`, `permits_live`, `refusal`; `violations`,
  `orphans`.
- `windows.can_sync(project, app, now, manual=...)`: sync windows; `complaints` says what is wrong with them.
- `autosync.decide(app, sync, resources, may_have_changes, now, self_heal)`: the operation, the wait, or the error.
- `retries.may_retry`, `retries.delay`: when a failed operation is tried again.
- `appset.template.generate(appset, answers)`: the Applications of an ApplicationSet; it raises `asks.Wanted(ask)` for what
  it has to know of git or of merge requests; answer (`Answers.given`, `Answers.failed`) and generate again.
- `appset.policy`: `problems`, `plan` (create, update, delete), `conditions`, `next_look`, `concerns`.
- `appset.rolling`: progressive syncs: `steps_of`, `application_statuses`, `to_sync`, `promoted`, `with_operations`.
- `globs.matches`: globs as Argo CD reads them.
"""
