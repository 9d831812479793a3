"""What suits a process that is this program's alone.

Never called where somebody else's code runs in the same process: where the crawler is imported as a library,
in a Dask worker.
"""

import os
import sys


def claim_process() -> None:
    """Spare this process, and those that it starts, what others' libraries begin for nothing."""
    # OpenBLAS, which comes with numpy, begins a thread for each core, and these spin while they wait for
    # work that never comes: 0.1 s of CPU on two cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "pandas" not in sys.modules and not any(isinstance(f, _NoPandas) for f in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())


class _NoPandas:
    """Says that there is no pandas.

    Where it is installed, Arrow imports it to tell whether a list that it makes an array of is one of
    pandas' own: 0.3 s of CPU and 55 MB a process. Nothing here uses it.
    """

    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("kept out of this process", name=name)
