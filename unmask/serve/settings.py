"""What one client may ask of the service, and who may ask."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from unmask.core.errors import UsageError

MB = 1_000_000
SHORTEST_TOKEN = 16
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeLimits:
    """Limits of the service. What exceeds one is refused, with the limit in the message."""

    file_bytes: int = 200 * MB
    """Per file."""
    files: int = 20
    """Per request."""
    queue: int = 20
    """Files that wait or are judged, of all clients."""
    uploads: int = 4
    """Requests that upload at the same time."""
    upload_s: float = 300.0
    """Seconds for the body of one request."""
    file_s: float = 120.0
    """Seconds to decode one file."""
    kept: int = 200
    """Verdicts in memory; the oldest go first."""
    kept_s: float = 3600.0
    """Seconds that a verdict is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Under which names, and with which token, the service answers."""

    host: str = "127.0.0.1"
    """Address that it is bound to."""
    token: str | None = None
    """None: whoever reaches the address may use it, which only a loopback address allows."""
    names: tuple[str, ...] = ()
    """Further names under which it is reached."""

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii()):
            raise UsageError(
                f"the token is shorter than {SHORTEST_TOKEN} characters or not ASCII",
                "for example --token \"$(python -c 'import secrets; print(secrets.token_urlsafe())')\"",
            )
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"--host {self.host}: other machines could send files to it, and there is no --token",
                "give a --token, or leave --host out",
            )

    def allows(self, host: str) -> bool:
        """Is this `Host` header one of the service's names? A page that had its name resolve to this machine (DNS
        rebinding) sends its own name.
        """
        name = _strip_port(host).lower()
        allowed = {*LOOPBACK_NAMES, self.host.lower(), *(each.lower() for each in self.names)}
        # Bound to other addresses it needs the token, which no rebinding page has, and an address is nobody's name.
        return name in allowed or (not is_loopback(self.host) and is_address(name))


def is_loopback(host: str) -> bool:
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _strip_port(host: str) -> str:
    """`[::1]:8000` -> `::1`, `localhost:8000` -> `localhost`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
