"""The taint eviction controller: deletes pods from nodes with NoExecute taints when their tolerations run out."""
