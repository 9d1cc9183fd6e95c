"""The command line: `kcsim list | run | check | test | schema | kubectl | why | tui | completion`. See docs/cli.md."""
