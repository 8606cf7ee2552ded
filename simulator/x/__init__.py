"""The simulated X."""
