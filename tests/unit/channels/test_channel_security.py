"""What no channel may let pass. Every channel inherits the same cases."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache

import pytest
from multidict import CIMultiDict

from bot.channels.base import BadSignature, Channel
from bot.channels.messenger import MessengerChannel
from bot.channels.x import XChannel

SECRET = "s3cret"
BODY = '{"object":"page","entry":[{"id":"PAGE1","text":"caf\\u00e9 \u00e9"}]}'.encode()


class WebhookSecurityCases:
    """``header``, ``channel`` and ``sign`` are written by a subclass; the rest is the same for all."""

    header: str

    @staticmethod
    def channel(secret: str = SECRET) -> Channel:
        raise NotImplementedError

    def sign(self, body: bytes, secret: str = SECRET) -> str:
        raise NotImplementedError

    def headers(self, value: str) -> Mapping[str, str]:
        return CIMultiDict({self.header: value})

    def test_true_signature_is_accepted(self) -> None:
        self.channel().verify(self.headers(self.sign(BODY)), BODY)

    def test_header_name_may_be_in_any_case(self) -> None:
        self.channel().verify(CIMultiDict({self.header.upper(): self.sign(BODY)}), BODY)

    def test_absent_header_is_refused(self) -> None:
        with pytest.raises(BadSignature):
            self.channel().verify(CIMultiDict(), BODY)

    def test_signature_of_another_body_is_refused(self) -> None:
        with pytest.raises(BadSignature):
            self.channel().verify(self.headers(self.sign(BODY)), BODY + b" ")

    def test_body_encoded_again_is_refused(self) -> None:
        again = json.dumps(json.loads(BODY)).encode()
        assert json.loads(again) == json.loads(BODY)
        with pytest.raises(BadSignature):
            self.channel().verify(self.headers(self.sign(BODY)), again)

    def test_signature_by_another_secret_is_refused(self) -> None:
        with pytest.raises(BadSignature):
            self.channel().verify(self.headers(self.sign(BODY, "other")), BODY)

    def test_channel_without_a_secret_accepts_nobody(self) -> None:
        with pytest.raises(BadSignature):
            self.channel("").verify(self.headers(self.sign(BODY, "")), BODY)

    def test_cut_signature_is_refused(self) -> None:
        for length in range(len(self.sign(BODY))):
            with pytest.raises(BadSignature):
                self.channel().verify(self.headers(self.sign(BODY)[:length]), BODY)

    @pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha512"])
    def test_hash_named_by_the_request_is_not_used(self, algorithm: str) -> None:
        digest = hmac.new(SECRET.encode(), BODY, algorithm)
        for written in (digest.hexdigest(), base64.b64encode(digest.digest()).decode()):
            with pytest.raises(BadSignature):
                self.channel().verify(self.headers(f"{algorithm}={written}"), BODY)

    @pytest.mark.parametrize("strange", ["sha256=", "=", "sha256=é", "sha256=\udce9", "\0", "sha256=" + "f" * 100_000])
    def test_strange_header_is_refused_and_breaks_nothing(self, strange: str) -> None:
        with pytest.raises(BadSignature):
            self.channel().verify({self.header: strange}, BODY)

    def test_error_quotes_neither_body_nor_secret(self) -> None:
        with pytest.raises(BadSignature) as refusal:
            self.channel().verify(self.headers("sha256=0"), BODY)
        assert "caf" not in str(refusal.value)
        assert SECRET not in str(refusal.value)


class TestMessengerSecurity(WebhookSecurityCases):
    header = "x-hub-signature-256"

    @staticmethod
    @cache
    def channel(secret: str = SECRET) -> MessengerChannel:
        return MessengerChannel("PAGE1", "111", secret, "token", "word", "https://graph.example/v25.0")

    def sign(self, body: bytes, secret: str = SECRET) -> str:
        return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    def test_legacy_sha1_header_is_not_read(self) -> None:
        digest = hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()
        with pytest.raises(BadSignature):
            self.channel().verify({"x-hub-signature": f"sha1={digest}"}, BODY)

    def handshake(self, **query: str) -> tuple[int, str]:
        answer = self.channel().answer_handshake({f"hub.{name}": value for name, value in query.items()})
        return answer.status, answer.body

    def test_handshake_returns_the_bare_challenge(self) -> None:
        assert self.handshake(mode="subscribe", verify_token="word", challenge="1158201444") == (200, "1158201444")

    @pytest.mark.parametrize(
        "query",
        [
            {"mode": "subscribe", "verify_token": "wrong", "challenge": "1"},
            {"mode": "unsubscribe", "verify_token": "word", "challenge": "1"},
            {"verify_token": "word", "challenge": "1"},
            {"mode": "subscribe", "challenge": "1"},
            {"mode": "subscribe", "verify_token": "wörd\udce9", "challenge": "1"},
            {},
        ],
    )
    def test_handshake_with_anything_wrong_is_refused(self, query: dict[str, str]) -> None:
        status, body = self.handshake(**query)
        assert status == 403
        assert body != "1"

    def test_handshake_without_a_configured_token_is_refused(self) -> None:
        channel = MessengerChannel("PAGE1", "111", SECRET, "token", "", "https://graph.example/v25.0")
        query = {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"}
        assert channel.answer_handshake(query).status == 403

    def test_challenge_is_never_sent_as_a_page(self) -> None:
        query = {"hub.mode": "subscribe", "hub.verify_token": "word", "hub.challenge": "<script>"}
        assert self.channel().answer_handshake(query).content_type == "text/plain"


class TestXSecurity(WebhookSecurityCases):
    header = "x-twitter-webhooks-signature"

    @staticmethod
    @cache
    def channel(secret: str = SECRET) -> XChannel:
        return XChannel("900", "13", "key", secret, "token", "token-secret", "bearer", "https://api.example")

    def sign(self, body: bytes, secret: str = SECRET) -> str:
        return "sha256=" + base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()

    def test_challenge_is_answered_with_its_hmac(self) -> None:
        answer = self.channel().answer_handshake({"crc_token": "challenge_string"})
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert json.loads(answer.body) == {"response_token": self.sign(b"challenge_string")}

    def test_challenge_signs_no_webhook_body_for_a_stranger(self) -> None:
        """The challenge's answer is built like a webhook's signature: it must not sign a body that somebody invents."""
        forged = '{"for_user_id":"900","direct_message_events":[]}'
        answer = self.channel().answer_handshake({"crc_token": forged})
        assert answer.status == 400
        assert self.sign(forged.encode()) not in answer.body

    @pytest.mark.parametrize("query", [{}, {"crc_token": ""}, {"crc_token": " {}"}, {"crc_token": "a" * 513}])
    def test_challenge_without_a_plain_token_is_refused(self, query: dict[str, str]) -> None:
        assert self.channel().answer_handshake(query).status == 400

    def test_challenge_without_a_configured_secret_is_refused(self) -> None:
        assert self.channel("").answer_handshake({"crc_token": "word"}).status == 400
