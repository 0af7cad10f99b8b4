"""Reading a profile from YAML: by name (shipped with the package) or by path."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from pydantic import ValidationError

from quant_assets.errors import UsageError
from quant_assets.profiles.model import Profile
from quant_assets.profiles.universes import resolve_profile_universes

PROFILE_VARIABLE = "QUANT_PROFILE"
DEFAULT_PROFILE = "demo"
SHIPPED = Path(__file__).parent
VENUE_PATHS = ("path", "cache", "staging")


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(p.stem for p in SHIPPED.glob("*.yaml"))


def load_profile(name_or_path: str | None = None) -> Profile:
    """The profile of that name or file; default: the environment's ``QUANT_PROFILE``, else the demo.

    Raises ``UsageError`` naming the file and every wrong key, with the value received.
    """
    chosen = name_or_path or os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE
    path = _locate(chosen)
    content = _read(path)
    try:
        complete = resolve_profile_universes(_absolute_paths(content, path.parent))
    except UsageError as error:
        raise UsageError(f"profile {path}: {error}") from error
    try:
        return Profile.model_validate(complete)
    except ValidationError as error:
        raise UsageError(f"profile {path}: {_explain(error)}") from error


def profile_universe_entries(name_or_path: str | None = None) -> object:
    """The profile's `universes:` as written, before inheritance; None where it states none. Raises ``UsageError``."""
    chosen = name_or_path or os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE
    return _read(_locate(chosen)).get("universes")


def _read(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"profile {path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"profile {path}: expected a mapping of settings, received {type(content).__name__}")
    return content


def _locate(chosen: str) -> Path:
    as_path = Path(chosen)
    if as_path.suffix in {".yaml", ".yml"}:
        if not as_path.is_file():
            raise UsageError(f"profile {chosen}: no such file. Give a YAML file or one of: {shipped_profiles()}")
        return as_path
    if chosen not in shipped_profiles():
        raise UsageError(f"profile {chosen!r} is unknown. Give a YAML file or one of: {shipped_profiles()}")
    return SHIPPED / f"{chosen}.yaml"


def _absolute_paths(content: dict[str, object], folder: Path) -> dict[str, object]:
    """A relative path of the venue is relative to the profile file, not to wherever the command runs."""
    venue = content.get("venue")
    if not isinstance(venue, dict):
        return content
    stated = {key: venue[key] for key in VENUE_PATHS if isinstance(venue.get(key), str)}
    resolved = {key: str((folder / os.path.expandvars(path)).resolve()) for key, path in stated.items()}
    return {**content, "venue": {**venue, **resolved}}


def _explain(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_url=False):
        where = ".".join(str(part) for part in fault["loc"]) or "profile"
        unknown = fault["type"] == "extra_forbidden"
        hint = " (unknown key: check the spelling in docs/reference/profile.md)" if unknown else ""
        lines.append(f"{where}: {fault['msg']}{hint}, received {fault['input']!r:.80}")
    return "; ".join(lines)
