"""Judgements of translations: source and hypothesis in, verdict out. Pure."""

CHECKS_VERSION = 1
"""Goes up with every change that may judge an answer otherwise; verdicts and manifests carry it."""
