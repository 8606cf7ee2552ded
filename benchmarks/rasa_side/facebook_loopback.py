"""Rasa's own Facebook channel, whose client calls this machine instead of graph.facebook.com. Nothing else differs.

Runs inside a Rasa process (Python 3.10), which finds it through PYTHONPATH; BENCHMARK_SEND_URL says where to call.
"""

import os
from typing import Any

import rasa.core.channels.facebook
from fbmessenger import MessengerClient


class LoopbackClient(MessengerClient):
    def __init__(self, page_access_token: str, **kwargs: Any) -> None:
        super().__init__(page_access_token, **kwargs)
        self.graph_url = os.environ["BENCHMARK_SEND_URL"]


# The channel's input and output sides both look the client up in their module.
rasa.core.channels.facebook.MessengerClient = LoopbackClient


class LoopbackFacebook(rasa.core.channels.facebook.FacebookInput):
    """Named in the credentials file in the place of ``facebook``."""
