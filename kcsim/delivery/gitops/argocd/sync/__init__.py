"""What an operation does with an Application: hooks, waves, tasks, and the passes over them."""
