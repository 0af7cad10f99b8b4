"""Fetching verified zips of the archive: kept connections, bounded retries with jitter, and the cache on disk.

A zip reaches the cache only after its checksum fitted and its rows were read, by renaming a finished file: a process
killed at any moment leaves whole verified files and at most one unfinished `.part` for each worker.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from quant_assets.errors import UsageError
from quant_resources.venues.archive_plan import ArchiveFile
from quant_resources.venues.archive_zip import (
    MAX_ZIP_BYTES,
    ArchiveFault,
    ChecksumMismatch,
    Klines,
    read_klines,
    require_checksum,
)
from quant_resources.venues.config import ArchiveVenueConfig

MAX_CHECKSUM_BYTES = 1_024
CHECKSUM_TRIES = 2
"""A zip replaced between the two requests fits at the second look; a damaged one does not."""
_AGENT = {"User-Agent": "quant-assets", "Accept-Encoding": "identity"}


class Unavailable(Exception):
    """No answer for now: a broken connection, a timeout, 429, 418 or 5xx; `retry_after` in seconds where told."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ArchiveClient:
    """Reads files of one archive; safe to share between threads, each of which keeps its own connection."""

    def __init__(self, config: ArchiveVenueConfig) -> None:
        self._config = config
        self._url = urlsplit(config.base_url)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._attempts = 0
        self._open: list[http.client.HTTPConnection] = []

    @property
    def attempts(self) -> int:
        """Requests sent since the client was made, retries included."""
        return self._attempts

    def cached(self, file: ArchiveFile) -> bool:
        """Whether the zip lies in the cache with its checksum (which is verified when it is read)."""
        return self._config.cache is not None and all(p.is_file() for p in self._places(file))

    def bars(self, file: ArchiveFile) -> Klines | None:
        """Return the bars of a file as `read_klines` does, None where the archive has no such file (404).

        Raises ArchiveFault for a file that exists and cannot be fetched, verified or read.
        """
        if (kept := self._from_cache(file)) is not None:
            return read_klines(file, kept)
        fetched = self._verified(file)
        if fetched is None:
            return None
        rows = read_klines(file, fetched[0])
        self._keep(file, *fetched)
        return rows

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _verified(self, file: ArchiveFile) -> tuple[bytes, bytes] | None:
        """Return zip and checksum line that fit each other."""
        for attempt in range(1, CHECKSUM_TRIES + 1):
            body = self._get(file, f"/{file.path}", MAX_ZIP_BYTES)
            if body is None:
                return None
            checksum = self._get(file, f"/{file.path}.CHECKSUM", MAX_CHECKSUM_BYTES)
            if checksum is None:
                raise ArchiveFault(file, "has no CHECKSUM file, so nothing proves it")
            try:
                require_checksum(file, body, checksum)
            except ChecksumMismatch:
                if attempt == CHECKSUM_TRIES:
                    raise
            else:
                return body, checksum
        raise AssertionError("unreachable: the last try returns or raises")

    def _get(self, file: ArchiveFile, path: str, limit: int) -> bytes | None:
        """Return a body of at most `limit` bytes, None for 404; retried with jittered exponential waits."""
        config = self._config
        jitter = wait_random_exponential(multiplier=config.retry_wait_seconds, max=config.retry_wait_max_seconds)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            told = error.retry_after if isinstance(error, Unavailable) else 0.0
            return max(jitter(state), min(told, config.retry_wait_max_seconds))

        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable), stop=stop_after_attempt(config.max_attempts), wait=wait,
            reraise=True,
        )  # fmt: skip
        try:
            return retrying(self._request, file, path, limit)
        except Unavailable as error:
            raise ArchiveFault(file, f"no answer after {config.max_attempts} attempts ({error})") from error

    def _request(self, file: ArchiveFile, path: str, limit: int) -> bytes | None:
        with self._lock:
            self._attempts += 1
        try:
            connection, target = self._connection()
            connection.request("GET", target + path, headers=_AGENT)
            answer = connection.getresponse()
            body = answer.read(limit + 1)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        declared = answer.headers.get("Content-Length", "")
        if len(body) > limit or (declared.isdigit() and int(declared) != len(body)):
            # What is left of the body would be taken for the next answer.
            self._drop()
        return _judged(file, answer.status, answer.headers.get("Retry-After", ""), body, declared, limit)

    def _connection(self) -> tuple[http.client.HTTPConnection, str]:
        """Return this thread's connection and what precedes a path on its request line."""
        held: tuple[http.client.HTTPConnection, str] | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = self._connect()
            with self._lock:
                self._open.append(held[0])
        return held

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        """Return a new connection, through the environment's proxy where there is one for this host."""
        scheme, host, port = self._url.scheme, self._url.hostname or "", self._url.port
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        base = self._url.path.rstrip("/")
        proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)
        if proxy is None:
            return kind(host, port, timeout=self._config.timeout_seconds), base
        through = urlsplit(proxy)
        connection = kind(through.hostname or "", through.port, timeout=self._config.timeout_seconds)
        if scheme == "https":
            connection.set_tunnel(host, port)
            return connection, base
        return connection, f"{scheme}://{self._url.netloc}{base}"

    def _drop(self) -> None:
        """Close this thread's connection, so that the next request begins a new one."""
        held = getattr(self._local, "held", None)
        if held is not None:
            held[0].close()
            with self._lock:
                self._open.remove(held[0])
            self._local.held = None

    def _places(self, file: ArchiveFile) -> tuple[Path, Path]:
        zipped = Path(str(self._config.cache)) / file.path
        return zipped, zipped.with_name(zipped.name + ".CHECKSUM")

    def _from_cache(self, file: ArchiveFile) -> bytes | None:
        """Return the cached zip if it still has its hash; a file damaged on disk is fetched again."""
        if not self.cached(file):
            return None
        zipped, checksum = self._places(file)
        body = zipped.read_bytes()
        fits = checksum.read_text(encoding="ascii", errors="replace")[:64].lower() == hashlib.sha256(body).hexdigest()
        return body if fits else None

    def _keep(self, file: ArchiveFile, body: bytes, checksum: bytes) -> None:
        """Put a verified zip into the cache, its checksum last: a pair is complete or does not count."""
        if self._config.cache is None:
            return
        try:
            for place, content in zip(self._places(file), (body, checksum), strict=True):
                place.parent.mkdir(parents=True, exist_ok=True)
                part = place.with_name(f".{place.name}.part")
                part.write_bytes(content)
                part.replace(place)
        except OSError as error:
            raise UsageError(f"archive cache {self._config.cache} cannot be written: {error}; give another") from error


def _judged(file: ArchiveFile, status: int, retry_after: str, body: bytes, declared: str, limit: int) -> bytes | None:
    """Return the body of a good answer and None for 404; anything else is raised."""
    if status == 404:
        return None
    if status in (418, 429) or status >= 500:
        raise Unavailable(f"HTTP {status}", float(retry_after) if retry_after.isdigit() else 0.0)
    if status != 200:
        raise ArchiveFault(file, f"HTTP {status}, expected 200 or 404")
    if len(body) > limit or (declared.isdigit() and int(declared) > limit):
        raise ArchiveFault(file, f"is larger than {limit} bytes")
    if declared.isdigit() and int(declared) != len(body):
        raise Unavailable(f"the answer broke off after {len(body)} of {declared} bytes")
    return body
