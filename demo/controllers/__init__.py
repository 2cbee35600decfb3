"""The loops that move the cluster towards what its objects ask for; each reconciles one kind."""
