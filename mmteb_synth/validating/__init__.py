"""Verb: a board and trusted scores -> whether it ranks models as they do, as a certificate."""

from mmteb_synth.validating.carrying import tell
from mmteb_synth.validating.certificate import Carried, Certificate, carried, write
from mmteb_synth.validating.certifying import certify, certify_against
from mmteb_synth.validating.page import render
from mmteb_synth.validating.reading import read
from mmteb_synth.validating.sampling import Sampled, SamplingAgreement, sampling_agreement
from mmteb_synth.validating.trusted import trusted_tasks

__all__ = [
    "Carried",
    "Certificate",
    "Sampled",
    "SamplingAgreement",
    "carried",
    "certify",
    "certify_against",
    "read",
    "render",
    "sampling_agreement",
    "tell",
    "trusted_tasks",
    "write",
]
