"""Embeddings that are computed once: kept by model, prompt and text, over tasks, languages and runs."""
