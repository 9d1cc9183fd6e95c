"""The same test, and the same controller, on a real cluster: a kubeconfig, the standard library, and the wall clock."""
