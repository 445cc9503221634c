"""Verb: English sets and languages in, translated data sets and a report out."""

from mmteb_synth.building.jobs import BuildOptions
from mmteb_synth.building.sets import BuildReport, ProgressFactory, SetReport, build

__all__ = ["BuildOptions", "BuildReport", "ProgressFactory", "SetReport", "build"]
