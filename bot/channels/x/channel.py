"""One account of the brand on X."""

from collections.abc import Mapping

from bot.channels.base import Handshake, Sent, WebhookState
from bot.channels.http import Client, HttpClient
from bot.channels.vocabulary import Activity, ChannelName, Event, OutboundMessage, QuickReply, ThreadControl
from bot.channels.x.api import BearerToken, UserContext, XApi
from bot.channels.x.inbound import XInbound
from bot.channels.x.outbound import XOutbound, compose
from bot.channels.x.polling import poll
from bot.channels.x.subscription import XSubscription


class XChannel:
    """``app_id`` tells our own echoes from those of colleagues and other tools, where X names the application.

    ``client`` replaces the network in unit tests.
    """

    def __init__(
        self,
        account_id: str,
        app_id: str,
        consumer_key: str,
        consumer_secret: str,
        access_token: str,
        access_token_secret: str,
        bearer_token: str,
        api_url: str,
        client: Client | None = None,
    ) -> None:
        self._account_id = account_id
        self._client = client or HttpClient(api_url)
        user = UserContext(consumer_key, consumer_secret, access_token, access_token_secret)
        self._api = XApi(self._client, api_url, user, BearerToken(bearer_token))
        self._inbound = XInbound(account_id, app_id, consumer_secret)
        self._outbound = XOutbound(self._api, account_id)
        self._subscription = XSubscription(self._api, account_id)

    @property
    def name(self) -> ChannelName:
        return ChannelName.X

    @property
    def account_id(self) -> str:
        return self._account_id

    @property
    def sends_per_second(self) -> float | None:
        """None: X's pages disagree on the limits, and each answer's headers tell."""
        return None

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
        return compose(self._account_id, user_id, reply_id, text, quick_replies, to_reply_at)

    async def send(self, message: OutboundMessage) -> Sent:
        return await self._outbound.send(message)

    async def show_activity(self, user_id: str, activity: Activity) -> None:
        """Does nothing: v2 shows neither reading nor typing in direct messages."""

    async def control_thread(self, user_id: str, control: ThreadControl) -> None:
        """Does nothing: X gives a conversation to no application."""

    async def find_sent(self, message: OutboundMessage, started_at: float, known_ids: frozenset[str]) -> str | None:
        return await self._outbound.find_sent(message, started_at, known_ids)

    async def register(self, public_url: str) -> WebhookState:
        return await self._subscription.register(public_url)

    async def check(self, public_url: str) -> WebhookState:
        return await self._subscription.check(public_url)

    async def poll(self, since: float) -> list[Event]:
        return await poll(self._api, self._inbound, since)

    async def close(self) -> None:
        await self._client.close()
