"""Pure, versioned judgements of what the probes observed."""

RULE_VERSION = 1
"""Stands in every verdict; raised whenever the same observation would be judged otherwise than before."""
