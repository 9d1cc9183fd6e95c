"""One world put together: clusters, git, pipelines and agents on one engine; built, stepped, broken and compared."""
