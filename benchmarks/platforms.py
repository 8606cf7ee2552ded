"""Webhook requests as Messenger and X send them: their headers, their shapes, and signatures that are really valid."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from string import Template

MESSENGER_PATH = "/webhooks/messenger"
X_PATH = "/webhooks/x"
RASA_PATH = "/webhooks/facebook/webhook"

QUESTIONS = (
    "Bonjour, vous ouvrez à quelle heure à Lyon ?",
    "Bonsoir 😊 est-ce que le magasin de Paris est ouvert dimanche ?",
    "Combien coûte la livraison en Belgique ?",
    "Sous combien de jours je peux retourner un article ?",
    "Quels moyens de paiement acceptez-vous ?",
    "Vous livrez en Suisse ?",
    "Merci beaucoup, bonne journée !",
    "Comment connaître ma taille pour une chemise ?",
    "Hello, what are your opening hours in Brussels?",
    "Do you ship abroad? I live in Luxembourg",
    "hi! how long does delivery take",
    "What is your return policy?",
    "Can I pay with PayPal?",
    "Do you sell gift cards?",
    "Thanks a lot 🙏",
    "Are you a robot?",
)
"""General questions, which an assistant answers by itself."""


@dataclass(frozen=True)
class Credentials:
    """One page on Messenger and one account on X, with secrets drawn at random for one run."""

    page_id: str
    app_id: str
    app_secret: str
    page_token: str
    verify_token: str
    account_id: str
    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    bearer_token: str

    @classmethod
    def draw(cls) -> "Credentials":
        ids = {"page_id": "104200300400500", "app_id": "700600500400300", "account_id": "1400800700600500400"}
        drawn = {name: secrets.token_hex(16) for name in cls.__dataclass_fields__ if name not in ids}
        return cls(**ids, **drawn)

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def environment(self, send_url: str) -> dict[str, str]:
        """The ``PARVIS_*`` variables of both channels, sending to ``send_url`` instead of to the platforms."""
        return {
            "PARVIS_MESSENGER_PAGE_ID": self.page_id,
            "PARVIS_MESSENGER_APP_ID": self.app_id,
            "PARVIS_MESSENGER_APP_SECRET": self.app_secret,
            "PARVIS_MESSENGER_PAGE_TOKEN": self.page_token,
            "PARVIS_MESSENGER_VERIFY_TOKEN": self.verify_token,
            "PARVIS_MESSENGER_API_URL": f"{send_url}/v25.0",
            "PARVIS_X_ACCOUNT_ID": self.account_id,
            "PARVIS_X_APP_ID": "13572468",
            "PARVIS_X_CONSUMER_KEY": self.consumer_key,
            "PARVIS_X_CONSUMER_SECRET": self.consumer_secret,
            "PARVIS_X_ACCESS_TOKEN": self.access_token,
            "PARVIS_X_ACCESS_TOKEN_SECRET": self.access_token_secret,
            "PARVIS_X_BEARER_TOKEN": self.bearer_token,
            "PARVIS_X_API_URL": send_url,
        }


_MESSENGER_BODY = Template(
    '{"object":"page","entry":[{"time":$now,"id":"$page","messaging":[{"sender":{"id":"$user"},'
    '"recipient":{"id":"$page"},"timestamp":$now,"message":{"mid":"$message","text":$text}}]}]}'
)

# X Activity API, event dm.received (docs.x.com, "x-api/activity/event-payloads").
_X_BODY = Template(
    '{"data":{"event_uuid":"$message","filter":{"user_id":"$account"},"event_type":"dm.received","tag":"in","payload":'
    '{"direct_message_events":[{"type":"message_create","id":"$message","created_timestamp":"$now","message_create":'
    '{"target":{"recipient_id":"$account"},"sender_id":"$user","message_data":{"text":$text,"entities":{"hashtags":[],'
    '"symbols":[],"user_mentions":[],"urls":[]}}}}],"users":{"$user":{"data":{"id":"$user","username":"customer_$user",'
    '"name":"A customer","created_at":"2019-05-04T10:11:12.000Z","protected":false,"verified":false,'
    '"public_metrics":{"followers_count":12,"following_count":34,"tweet_count":56,"listed_count":0}}},"$account":{"data":'
    '{"id":"$account","username":"maison_lumen","name":"Maison Lumen","protected":false}}}}}}'
)


class RequestMaker:
    """Makes whole HTTP requests, ready to be written to a connection."""

    def __init__(self, credentials: Credentials, host: str, messenger_path: str = MESSENGER_PATH) -> None:
        self._credentials = credentials
        self._host = host
        self._messenger_path = messenger_path
        self._run = secrets.token_urlsafe(66)
        self._numbers = count(1)
        # X's ids are numbers that grow with time; those of two runs must not meet.
        self._first_x_id = time.time_ns() // 1000 << 8

    def messenger(self, user: str, text: str) -> bytes:
        """Signed in both ways that Messenger signs; the older one is the only one that Rasa's channel reads."""
        message_id = f"m_{self._run}{next(self._numbers):010d}"
        body = _MESSENGER_BODY.substitute(
            now=_milliseconds(), page=self._credentials.page_id, user=user, message=message_id, text=json.dumps(text)
        ).encode()
        secret = self._credentials.app_secret.encode()
        signatures = (
            f"X-Hub-Signature: sha1={hmac.digest(secret, body, hashlib.sha1).hex()}\r\n"
            f"X-Hub-Signature-256: sha256={hmac.digest(secret, body, hashlib.sha256).hex()}\r\n"
        )
        return self._request(self._messenger_path, "facebookexternalua", signatures, body)

    def x(self, user: str, text: str) -> bytes:
        body = _X_BODY.substitute(
            now=_milliseconds(),
            account=self._credentials.account_id,
            user=user,
            message=self._first_x_id + next(self._numbers),
            text=json.dumps(text),
        ).encode()
        digest = hmac.digest(self._credentials.consumer_secret.encode(), body, hashlib.sha256)
        signature = f"x-twitter-webhooks-signature: sha256={base64.b64encode(digest).decode()}\r\n"
        return self._request(X_PATH, "Twitterbot/1.0", signature, body)

    def _request(self, path: str, agent: str, signatures: str, body: bytes) -> bytes:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\n"
            f"User-Agent: {agent}\r\nContent-Type: application/json\r\n{signatures}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def customers(number: int) -> list[str]:
    """Ids of ``number`` customers, drawn afresh at each call."""
    first = secrets.randbelow(10**9) * 10**6 + 4 * 10**15
    return [str(first + position) for position in range(number)]


def mixed_requests(maker: RequestMaker, users: Sequence[str], *, x_share: int) -> Iterator[bytes]:
    """Endless. Of ten messages, ``x_share`` come from X; consecutive ones come from different customers."""
    for number in count():
        make: Callable[[str, str], bytes] = maker.x if number % 10 < x_share else maker.messenger
        yield make(users[number % len(users)], QUESTIONS[number % len(QUESTIONS)])


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
