"""Can this machine survey? Each check asks the real thing, and says what it found and what to do about it."""
