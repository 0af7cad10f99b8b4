"""Meta-portfolios: capital divided among sleeves (or other metas), flattened to one physical book."""
