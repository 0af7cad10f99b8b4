"""The benchmarks run, on sizes that say nothing about speed."""
