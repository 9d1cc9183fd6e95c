"""HorizontalPodAutoscalers: replicas that follow the load."""
