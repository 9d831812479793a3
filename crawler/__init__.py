"""An internet-scale STARTTLS adoption survey."""

__version__ = "0.1.0"
