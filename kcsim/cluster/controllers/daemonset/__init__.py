"""DaemonSets: one pod on each node that should run one."""
