"""The run folder, on this machine or in an object store, and queries over it."""
