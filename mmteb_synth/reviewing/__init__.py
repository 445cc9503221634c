"""The verb of people: a sample of stored translations goes out to be graded, and comes back as grades and corrections."""

from mmteb_synth.reviewing.handing_out import ExportReport, export
from mmteb_synth.reviewing.taking_back import ImportReport, refresh, take_back

__all__ = ["ExportReport", "ImportReport", "export", "refresh", "take_back"]
