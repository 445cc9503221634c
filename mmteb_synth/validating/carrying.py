"""What a certificate says, put where the sets that it is about are described."""

from __future__ import annotations

import dataclasses

from mmteb_synth.data import manifest as manifests
from mmteb_synth.data.store import Store
from mmteb_synth.validating.certificate import Certificate


def tell(certificate: Certificate, store: Store, file: str) -> list[str]:
    """Put a certificate's verdict into the manifests of the sets that the board was made on.

    A set that was built anew since is passed over: the certificate is not about its data.

    Args:
        certificate: On MTEB's own sets.
        store: Where the sets lie; results alone need none.
        file: The certificate's name for reading.

    Returns:
        The names of the sets that were told, whose cards are out of date now.

    Raises:
        StoreError: A set is damaged.
        SynthError: A manifest can't be written.
    """
    said = {
        "suite": certificate.suite,
        "text": certificate.verdict.text,
        "created": certificate.created,
        "file": file,
    }
    told = []
    for name, revision in certificate.board_revisions.items():
        dataset = store.find(name)
        if dataset is None or dataset.manifest.revision != revision:
            continue
        others = [one for one in dataset.manifest.validity if one["suite"] != certificate.suite]
        manifests.write(dataset.folder, dataclasses.replace(dataset.manifest, validity=[*others, said]))
        told.append(name)
    return told
