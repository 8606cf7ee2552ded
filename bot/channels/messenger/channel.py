"""One page of the brand on Messenger."""

from collections.abc import Mapping

from bot.channels.base import Handshake, Sent, WebhookState
from bot.channels.http import Client, HttpClient
from bot.channels.messenger.graph import GraphNode
from bot.channels.messenger.inbound import MessengerInbound
from bot.channels.messenger.outbound import SENDS_PER_SECOND, MessengerOutbound, compose
from bot.channels.messenger.subscription import MessengerSubscription
from bot.channels.vocabulary import Activity, ChannelName, Event, OutboundMessage, QuickReply, ThreadControl


class MessengerChannel:
    """``app_id`` tells our own echoes from those of colleagues and other tools; ``api_url`` ends in the version.

    ``client`` replaces the network in unit tests.
    """

    def __init__(
        self,
        page_id: str,
        app_id: str,
        app_secret: str,
        page_token: str,
        verify_token: str,
        api_url: str,
        client: Client | None = None,
    ) -> None:
        self._page_id = page_id
        self._client = client or HttpClient(api_url)
        page = GraphNode(self._client, api_url, page_id, page_token, app_secret)
        application = GraphNode(self._client, api_url, app_id, f"{app_id}|{app_secret}", app_secret)
        self._inbound = MessengerInbound(page_id, app_id, app_secret, verify_token)
        self._outbound = MessengerOutbound(page)
        self._subscription = MessengerSubscription(page, application, app_id, verify_token)

    @property
    def name(self) -> ChannelName:
        return ChannelName.MESSENGER

    @property
    def account_id(self) -> str:
        return self._page_id

    @property
    def sends_per_second(self) -> float | None:
        return SENDS_PER_SECOND

    def answer_handshake(self, query: Mapping[str, str]) -> Handshake:
        return self._inbound.answer_handshake(query)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        self._inbound.verify(headers, body)

    def parse(self, body: bytes) -> list[Event]:
        return self._inbound.parse(body)

    def compose(
        self,
        user_id: str,
        reply_id: str,
        text: str,
        quick_replies: tuple[QuickReply, ...] = (),
        to_reply_at: float | None = None,
    ) -> list[OutboundMessage]:
        return compose(self._page_id, user_id, reply_id, text, quick_replies, to_reply_at)

    async def send(self, message: OutboundMessage) -> Sent:
        return await self._outbound.send(message)

    async def show_activity(self, user_id: str, activity: Activity) -> None:
        await self._outbound.show_activity(user_id, activity)

    async def control_thread(self, user_id: str, control: ThreadControl) -> None:
        await self._outbound.control_thread(user_id, control)

    async def find_sent(self, message: OutboundMessage, started_at: float, known_ids: frozenset[str]) -> str | None:
        """Always None: the Conversations API allows 2 calls a second and does not return the metadata that we attach.

        The echo does, and says for certain which reply it is.
        """
        return None

    async def register(self, public_url: str) -> WebhookState:
        return await self._subscription.register(public_url)

    async def check(self, public_url: str) -> WebhookState:
        return await self._subscription.check(public_url)

    async def poll(self, since: float) -> list[Event]:
        """Always empty: Messenger has no second way in that returns events."""
        return []

    async def close(self) -> None:
        await self._client.close()
