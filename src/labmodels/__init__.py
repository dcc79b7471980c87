"""labmodels operates the AI models of a lab: configuration as code, releases, and a router with fallback.

`open_lab()` is the Python API; importing the package costs nothing.
"""

TYPE_CHECKING = False  # typing's own is the same, and takes an import
if TYPE_CHECKING:
    from os import PathLike

    from labmodels.wiring.open_lab import OpenLab

__all__ = ["__version__", "open_lab"]
__version__ = "0.1.0"


def open_lab(path: "str | PathLike[str] | None" = None) -> "OpenLab":
    """Return the lab in the folder `path`; without one, the lab that the command line would find here. Raises Usage."""
    from pathlib import Path

    from labmodels.lab import find_lab
    from labmodels.wiring.open_lab import OpenLab

    return OpenLab(find_lab(None if path is None else Path(path)))
