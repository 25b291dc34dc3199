"""Read the data files of the package: schemas and completion scripts.

The loader of the package reads them, so the package can be in a zip file. importlib.resources could do the same, but
it loads 60 modules, which takes longer than everything else in `calicoctl --help`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from types import ModuleType


def read_text(package: ModuleType, name: str) -> str:
    """Return the text of the file ``name`` in the directory of ``package``."""
    data: bytes = package.__loader__.get_data(os.path.join(package.__path__[0], name))  # type: ignore[union-attr]
    return data.decode("utf-8")
