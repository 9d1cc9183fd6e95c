"""The command line: `kcsim list | run | check | test | schema | why | tui | completion`. See docs/cli.md."""
