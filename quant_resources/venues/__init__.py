"""Venues behind one small port: the sample (synthetic), the user's files, and live exchanges through ccxt.

Start at `port.Venue` for what a venue promises, `config.VenueConfig` for how one is described, and
`factory.build_venue` for how one is made. Nothing heavy is imported here.
"""
