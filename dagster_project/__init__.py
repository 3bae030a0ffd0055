"""Seamless 360: the pipeline. The folders are its layers, in the order in which data flows."""
