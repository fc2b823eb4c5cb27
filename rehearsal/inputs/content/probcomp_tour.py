"""Installed by the content's installer; a notebook that can import it shows that the installer ran."""

__version__ = "@version@"


def greeting() -> str:
    """What the welcome notebook prints."""
    return f"The tour, version {__version__}, is installed."
