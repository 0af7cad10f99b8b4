"""The asset graph: a room for each artifact, from the listed market to the meta-portfolio's report."""

__version__ = "0.1.0"
