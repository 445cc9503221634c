"""What holds for every test: no hub, one thread, and nothing left in the home folder.

The environment is set before anything is imported, because the libraries read it then.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_SCRATCH = tempfile.mkdtemp(prefix="mmteb-synth-tests-")
atexit.register(shutil.rmtree, _SCRATCH, ignore_errors=True)

os.environ.update(
    {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": f"{_SCRATCH}/huggingface",
        "MTEB_CACHE": f"{_SCRATCH}/mteb",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
)
