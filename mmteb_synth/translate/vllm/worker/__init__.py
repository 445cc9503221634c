"""What runs in vLLM's own environment, where this package and its dependencies are not installed."""
