"""The files of the package that are no modules: schemas, and the scripts of completion.

The loader of the package reads them, so they can be in a zip file. importlib.resources would do the same and load 60
modules for it, which takes longer than all else in `calicoctl --help`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # spares the import of typing at start-up
if TYPE_CHECKING:
    from types import ModuleType


def read_text(package: ModuleType, name: str) -> str:
    """Return the text of the file ``name``, which stands beside the modules of ``package``."""
    data: bytes = package.__loader__.get_data(os.path.join(package.__path__[0], name))  # type: ignore[union-attr]
    return data.decode("utf-8")
