"""Verb: English sets and languages in, translated data sets and a report out."""

from mmteb_synth.building.jobs import BuildOptions
from mmteb_synth.building.reports import BuildReport, SetReport
from mmteb_synth.building.sets import build
from mmteb_synth.building.translating import ProgressFactory

__all__ = ["BuildOptions", "BuildReport", "ProgressFactory", "SetReport", "build"]
