"""Simulation: what a book of target weights would have earned, after costs.

Room of pure functions: ``simulate`` (the reference loop), ``simulate_long_frames`` (a user's own frames), metrics,
the L3.PNL rule, a closed-form drift and an adapter that repeats a simulation with vectorbt.
"""
