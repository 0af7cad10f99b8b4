"""The outside world: the lakehouse, the venues, the Dagster home and the few private Dagster calls.

Knows nothing of the asset rooms; they come here, never the other way round.
"""
