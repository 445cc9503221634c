"""Data sets: English rows in, translated rows stored. Knows nothing of translators."""
