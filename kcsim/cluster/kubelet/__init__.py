"""The kubelet: one for each node, from a bound pod to its last container status."""
