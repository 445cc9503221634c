"""Scoring models on the translated sets through MTEB."""
