"""Ports for processes that are started for a while, by benchmarks and tests."""

import random

from bot.ports import is_taken

# Below those that systems give to outgoing connections (Linux from 32768 on, others from 49152): one that is drawn now
# and listened on seconds later must not be taken by a client meanwhile.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 1000
_dice = random.Random()
_drawn: set[int] = set()


def free_port() -> int:
    """On loopback, another one at each call; at random, so that two runs side by side hardly ever meet. Raises
    ``OSError`` when none is found."""
    for _ in range(_ATTEMPTS):
        port = _dice.randint(_FIRST, _LAST)
        if port not in _drawn and not is_taken(port):
            _drawn.add(port)
            return port
    raise OSError(f"hardly a port between {_FIRST} and {_LAST} is free on 127.0.0.1")
