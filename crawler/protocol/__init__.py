"""Protocol logic without I/O: octets in, values out."""
