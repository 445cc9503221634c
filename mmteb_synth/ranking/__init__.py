"""Verb: scores on disk -> means and ranks -> Markdown and CSV."""

from mmteb_synth.ranking.board import Board, leaderboard, write

__all__ = ["Board", "leaderboard", "write"]
