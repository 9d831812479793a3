"""Figures and report from a run folder: Parquet in, CSV and HTML out."""
