"""The lab: a loopback internet with known truth."""
