"""The sections of the report."""

from analysis.sections_on_starttls import SECTIONS_ON_STARTTLS
from analysis.sections_on_trust import SECTIONS_ON_TRUST

SECTIONS = SECTIONS_ON_STARTTLS + SECTIONS_ON_TRUST
"""The figures in the order of the report."""
