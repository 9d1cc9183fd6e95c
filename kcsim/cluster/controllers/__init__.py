"""The controllers of kube-controller-manager, one folder each; they meet only through the API."""
