"""Text in, text out: the translation cache, the translators, and the engine that joins them."""
