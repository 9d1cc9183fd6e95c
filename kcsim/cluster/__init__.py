"""What makes pods run: controllers, the scheduler, kubelets and the pod network."""
