"""Delta tables under one root: one reader, one writer, SQL over all of them, and their upkeep."""

from quant_resources.lakehouse.hashing import content_hashes
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.lakehouse.tables import Column, TableSpec

__all__ = ["Column", "Lakehouse", "TableSpec", "content_hashes"]
