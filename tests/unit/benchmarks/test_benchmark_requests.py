import hashlib
import hmac
import json
from itertools import islice

import pytest

from benchmarks.platforms import QUESTIONS, Credentials, RequestMaker, customers, mixed_requests
from bot.channels.base import BadSignature
from bot.channels.messenger import MessengerChannel
from bot.channels.vocabulary import InboundMessage
from bot.channels.x import XChannel

CREDENTIALS = Credentials.draw()


def split(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    request_line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return request_line, {name.lower(): value for name, value in headers.items()}, body


@pytest.fixture
async def messenger():
    secrets = {name: getattr(CREDENTIALS, name) for name in ("page_id", "app_id", "app_secret")}
    channel = MessengerChannel(**secrets, page_token="t", verify_token="v", api_url="http://127.0.0.1:9")
    yield channel
    await channel.close()


@pytest.fixture
async def x():
    channel = XChannel(
        account_id=CREDENTIALS.account_id,
        app_id="1",
        consumer_key=CREDENTIALS.consumer_key,
        consumer_secret=CREDENTIALS.consumer_secret,
        access_token="a",
        access_token_secret="s",
        bearer_token="b",
        api_url="http://127.0.0.1:9",
    )
    yield channel
    await channel.close()


async def test_messenger_channel_accepts_and_reads_the_generated_webhook(messenger):
    request_line, headers, body = split(RequestMaker(CREDENTIALS, "host").messenger("42", QUESTIONS[1]))
    messenger.verify(headers, body)
    [event] = messenger.parse(body)
    assert isinstance(event, InboundMessage)
    assert (event.user_id, event.text) == ("42", QUESTIONS[1])
    assert request_line == "POST /webhooks/messenger HTTP/1.1"
    assert int(headers["content-length"]) == len(body)


async def test_x_channel_accepts_and_reads_the_generated_webhook(x):
    _, headers, body = split(RequestMaker(CREDENTIALS, "host").x("42", QUESTIONS[1]))
    x.verify(headers, body)
    [event] = x.parse(body)
    assert isinstance(event, InboundMessage)
    assert (event.user_id, event.text) == ("42", QUESTIONS[1])


async def test_generated_signature_is_worth_something(messenger):
    _, headers, body = split(RequestMaker(Credentials.draw(), "host").messenger("42", "hi"))
    with pytest.raises(BadSignature):
        messenger.verify(headers, body)


def test_messenger_webhook_carries_the_signature_that_rasa_reads():
    _, headers, body = split(RequestMaker(CREDENTIALS, "host", "/webhooks/facebook/webhook").messenger("42", "hi"))
    expected = hmac.new(CREDENTIALS.app_secret.encode(), body, hashlib.sha1).hexdigest()
    assert headers["x-hub-signature"] == f"sha1={expected}"


async def test_every_generated_message_is_a_new_one(messenger, x):
    ids = set()
    for _ in range(2):  # two steps of one run
        for request in islice(mixed_requests(RequestMaker(CREDENTIALS, "host"), customers(7), x_share=3), 100):
            request_line, _, body = split(request)
            channel = x if "/x " in request_line else messenger
            ids.update((event.conversation_id, event.message_id) for event in channel.parse(body))
    assert len(ids) == 200


def test_share_of_x_is_as_asked():
    requests = islice(mixed_requests(RequestMaker(CREDENTIALS, "host"), customers(7), x_share=3), 100)
    assert sum(b"/webhooks/x " in request for request in requests) == 30


def test_environment_points_both_channels_at_the_send_endpoint():
    variables = CREDENTIALS.environment("http://127.0.0.1:7")
    assert variables["PARVIS_MESSENGER_API_URL"].startswith("http://127.0.0.1:7/")
    assert variables["PARVIS_X_API_URL"] == "http://127.0.0.1:7"
    assert json.dumps(variables).count(CREDENTIALS.app_secret) == 1
