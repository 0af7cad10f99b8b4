"""Typed profiles: one YAML file says which market, which sleeves and which metas exist, and by which rules."""
