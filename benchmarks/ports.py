"""Ports for processes that are started for a while."""

import random
import socket

# Below those that systems give to outgoing connections (Linux from 32768 on, others from 49152): one that is drawn now
# and listened on seconds later must not be taken by a client meanwhile.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 100
_dice = random.SystemRandom()


def free_port() -> int:
    """On loopback; drawn at random, so that two runs side by side hardly ever meet. Raises ``OSError`` when none is
    found free."""
    for _ in range(_ATTEMPTS):
        port = _dice.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST} on 127.0.0.1: something listens on nearly all of them")
