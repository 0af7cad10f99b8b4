"""Time: the daily and weekly partitions, and the only place that knows look-back windows."""
