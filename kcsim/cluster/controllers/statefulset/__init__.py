"""StatefulSets: pods with names, an order, and claims that outlive them."""
