"""What the Send API lets through: the parts of a message and their limits (messenger-platform/send-messages)."""

from typing import Any

from simulator.conversations import Message
from simulator.messenger.errors import GraphError
from simulator.messenger.events import new_mid
from simulator.platform import now_ms

MAX_TEXT = 2_000
MAX_QUICK_REPLIES = 13
MAX_TITLE = 20
MAX_PAYLOAD = 1_000
MAX_METADATA = 1_000
SENDER_ACTIONS = frozenset({"typing_on", "typing_off", "mark_seen"})


def read_message(body: dict[str, Any], *, human_agent: bool) -> Message:
    """``human_agent``: the Page has the permission of that name. Raises ``GraphError``."""
    messaging_type, tag = _read_messaging_type(body)
    if tag and not human_agent:
        raise GraphError(10, "(#10) The human_agent permission is required for this tag")
    content = body.get("message")
    if not isinstance(content, dict):
        raise GraphError(100, "(#100) The parameter message is required")
    text = content.get("text")
    if not isinstance(text, str) or not text.strip():
        raise GraphError(100, "(#100) Param message[text] must be a non-empty UTF-8 encoded string")
    if len(text) > MAX_TEXT:
        raise GraphError(100, f"(#100) Length of param message[text] must be less than or equal to {MAX_TEXT}")
    metadata = content.get("metadata")
    if metadata is not None and (not isinstance(metadata, str) or len(metadata) > MAX_METADATA):
        raise GraphError(100, f"(#100) Param message[metadata] must be a string of at most {MAX_METADATA}")
    return Message(
        id=new_mid(),
        sender="brand",
        text=text,
        at=now_ms() / 1000,
        quick_replies=_read_quick_replies(content.get("quick_replies")),
        origin="application",
        metadata=metadata,
        messaging_type=messaging_type,
        tag=tag,
    )


def _read_messaging_type(body: dict[str, Any]) -> tuple[str, str | None]:
    """And the tag, which only MESSAGE_TAG has."""
    match body.get("messaging_type"):
        case "RESPONSE" | "UPDATE" as messaging_type:
            return messaging_type, None
        case "MESSAGE_TAG":
            if body.get("tag") != "HUMAN_AGENT":
                raise GraphError(100, "(#100) Param tag is deprecated or unknown")
            return "MESSAGE_TAG", "HUMAN_AGENT"
        case _:
            raise GraphError(100, "(#100) Param messaging_type must be one of RESPONSE, UPDATE, MESSAGE_TAG")


def _read_quick_replies(value: Any) -> list[dict[str, str]]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_QUICK_REPLIES:
        raise GraphError(100, f"(#100) Param message[quick_replies] must have at most {MAX_QUICK_REPLIES} items")
    return [_read_quick_reply(item) for item in value]


def _read_quick_reply(item: Any) -> dict[str, str]:
    """Longer titles are cut at 20 characters, as the platform does."""
    if not isinstance(item, dict) or item.get("content_type") not in ("text", "user_phone_number", "user_email"):
        raise GraphError(100, "(#100) Param message[quick_replies][content_type] is invalid")
    title, payload = item.get("title", ""), item.get("payload", "")
    if item["content_type"] == "text" and (not title or not payload):
        raise GraphError(100, "(#100) Text quick replies need a title and a payload")
    if len(payload) > MAX_PAYLOAD:
        raise GraphError(100, f"(#100) Quick reply payloads have at most {MAX_PAYLOAD} characters")
    return {"title": title[:MAX_TITLE], "payload": payload}


def read_action(body: dict[str, Any]) -> str:
    """Raises ``GraphError``."""
    if "message" in body:
        raise GraphError(100, "(#100) sender_action and message cannot be sent together")
    if body["sender_action"] not in SENDER_ACTIONS:
        raise GraphError(100, "(#100) Param sender_action must be one of typing_on, typing_off, mark_seen")
    return str(body["sender_action"])
