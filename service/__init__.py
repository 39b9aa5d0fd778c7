"""The SCNEN application: from a hook call to a card."""

__all__ = ["__version__"]

__version__ = "0.1.0"
