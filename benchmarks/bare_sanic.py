"""The limit: a Sanic route that only checks the signature over the raw body and answers 200.

python -m benchmarks.bare_sanic PORT    with BENCHMARK_MESSENGER_SECRET and BENCHMARK_X_SECRET
"""

import base64
import hashlib
import hmac
import os
import sys
from typing import Any

from sanic import Request, Sanic, empty
from sanic.response import HTTPResponse


def create_server(messenger_secret: bytes, x_secret: bytes) -> Sanic[Any, Any]:
    server: Sanic[Any, Any] = Sanic("bare", configure_logging=False)
    server.config.update({"ACCESS_LOG": False, "KEEP_ALIVE_TIMEOUT": 75})

    @server.post("/webhooks/messenger")
    async def messenger(request: Request) -> HTTPResponse:
        expected = "sha256=" + hmac.digest(messenger_secret, request.body, hashlib.sha256).hex()
        return _answer(expected, request.headers.get("x-hub-signature-256", ""))

    @server.post("/webhooks/x")
    async def x(request: Request) -> HTTPResponse:
        digest = hmac.digest(x_secret, request.body, hashlib.sha256)
        expected = "sha256=" + base64.b64encode(digest).decode()
        return _answer(expected, request.headers.get("x-twitter-webhooks-signature", ""))

    @server.get("/ready")
    async def ready(_: Request) -> HTTPResponse:
        return empty(status=200)

    return server


def _answer(expected: str, received: str) -> HTTPResponse:
    return empty(status=200 if hmac.compare_digest(expected, received) else 401)


def main() -> None:
    secrets = (os.environ[f"BENCHMARK_{channel}_SECRET"].encode() for channel in ("MESSENGER", "X"))
    create_server(*secrets).run(
        host="127.0.0.1", port=int(sys.argv[1]), single_process=True, access_log=False, motd=False
    )


if __name__ == "__main__":
    main()
