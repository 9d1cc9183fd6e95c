"""Crash, blind and mislead a controller at every place that could matter, and compare what becomes of it.

**Imitates:** Sieve (Sun et al., OSDI'22). **Walk:** ``probe.probe`` -> ``runs.run`` the reference -> ``planner.plan_all`` ->
``runs.run`` each plan -> ``compare.differences`` behind the ``masks`` -> ``report.Report`` -> ``save`` a counterexample.
"""
