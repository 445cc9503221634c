"""Statistics that several verbs need: resampling, and how alike two rankings are. numpy and scipy only; no files."""
