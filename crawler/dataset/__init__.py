"""The published form of a run: sorted, described, and where asked for redacted or under pseudonyms."""
