"""What stands before every answer: whose request it is, and what a browser may do with the answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from unmask.serve.settings import Access

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "unmask-session"
OPEN = ("/login", "/static/app.css")
"""What needs no token."""
READING = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
VERDICT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Of a verdict page, which holds its style and pictures itself and runs no script."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Session:
    """Proof that a browser has given the token once, for as long as the service runs."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._cookie = hmac.new(secrets.token_bytes(32), (token or "").encode(), hashlib.sha256).hexdigest()

    @property
    def needs_token(self) -> bool:
        return self._token is not None

    def check_token(self, given: str) -> bool:
        """In a time that does not depend on how much of `given` is right."""
        return self._token is None or hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def make_cookie(self) -> str:
        """The Set-Cookie header of a browser that gave the token."""
        return f"{COOKIE}={self._cookie}; HttpOnly; SameSite=Strict; Path=/"

    def allows(self, headers: dict[str, str]) -> bool:
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.check_token(given.strip()):
            return True
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode("utf-8", "replace"), self._cookie.encode())


class Guard:
    """ASGI middleware: refuses foreign hosts and origins and requests without the token, and adds HEADERS."""

    def __init__(self, app: App, access: Access, session: Session) -> None:
        self._app, self._access, self._session = app, access, session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", ())}
                added = HEADERS | {"content-security-policy": POLICY}
                pairs = [(name.encode(), value.encode()) for name, value in added.items()]
                message["headers"] = [
                    *message.get("headers", ()), *(pair for pair in pairs if pair[0] not in present),
                ]  # fmt: skip
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refuse(scope["method"], scope["path"], headers)
        if refusal and refusal[0] == 401 and "text/html" in headers.get("accept", ""):
            location = [(b"location", b"/login"), (b"content-length", b"0")]
            await send_with_headers({"type": "http.response.start", "status": 303, "headers": location})
            await send_with_headers({"type": "http.response.body", "body": b""})
        elif refusal:
            await _answer(send_with_headers, *refusal)
        else:
            await self._app(scope, receive, send_with_headers)

    def _refuse(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str, str] | None:
        host = headers.get("host", "")
        if not self._access.allows(host):
            return 421, "the service is not reached under this name", "open it by its address, or start it with --name"
        if method not in READING and not is_same_origin(headers):
            return 403, "the request comes from another page", "use the page of the service itself"
        if path not in OPEN and not self._session.allows(headers):
            return 401, "the token is missing or wrong", "Authorization: Bearer TOKEN, or log in at /login"
        return None


def is_same_origin(headers: dict[str, str]) -> bool:
    """Does a request that changes something come from the service's own page, or from no page at all (curl)?"""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


async def _answer(send: Send, status: int, problem: str, hint: str) -> None:
    body = json.dumps({"error": problem, "hint": hint}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"www-authenticate", b"Bearer")] * (status == 401) + [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
