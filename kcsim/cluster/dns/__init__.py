"""Names: CoreDNS as a program in pods, and the resolvers of its clients."""
