"""Builds the venue a configuration block asks for; each kind is imported only when it is used."""

from __future__ import annotations

from quant_resources.venues.config import ArchiveVenueConfig, CcxtVenueConfig, FilesVenueConfig, SampleVenueConfig
from quant_resources.venues.port import Clock, Venue, utc_now


def build_venue(
    config: SampleVenueConfig | FilesVenueConfig | CcxtVenueConfig | ArchiveVenueConfig, clock: Clock = utc_now
) -> Venue:
    """Return the venue of `config`; `clock` tells the time of reading (the sample has a clock of its own)."""
    match config:
        case SampleVenueConfig():
            from quant_resources.venues.sample import SampleVenue

            return SampleVenue(config)
        case FilesVenueConfig():
            from quant_resources.venues.files import FilesVenue

            return FilesVenue(config, clock=clock)
        case CcxtVenueConfig():
            from quant_resources.venues.ccxt_venue import CcxtVenue

            return CcxtVenue(config, clock=clock if clock is not utc_now else None)
        case ArchiveVenueConfig():
            from quant_resources.venues.archive import ArchiveVenue

            rest = None if config.rest is None else build_venue(config.rest, clock)
            return ArchiveVenue(config, rest, clock)
