"""kube-scheduler: a queue, filters and scores, a binding."""
