"""OpenAI's Batch API: requests become files, files become jobs that outlive the process, and answers come back."""
