"""Prove that the content's installer ran: a notebook can import this module."""

__version__ = "@version@"


def greeting() -> str:
    """Return the text that the welcome notebook prints."""
    return f"The tour, version {__version__}, is installed."
