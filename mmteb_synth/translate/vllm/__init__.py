"""Models that vLLM runs on this machine: which GPUs, which servers, which process."""
