"""What the inbox counts, for Prometheus. Labels are few and bounded: never an id of a customer or a conversation."""

from prometheus_client import Counter, Gauge, Histogram

_TURN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

TURNS = Counter("parvis_turns_total", "Customer messages that left the inbox", ["channel", "outcome"])
TURN_SECONDS = Histogram(
    "parvis_turn_seconds", "From inbox to replies in the outbox", ["channel"], buckets=_TURN_BUCKETS
)
ASSISTANT_AWAY = Gauge("parvis_assistant_away", "1 while the assistant does not answer")
SENDS = Counter("parvis_sends_total", "Calls of a platform's send endpoint", ["channel", "outcome"])
DELIVERY_SECONDS = Histogram("parvis_delivery_seconds", "Outbox to platform", ["channel"], buckets=_TURN_BUCKETS)
CHANNEL_PAUSED = Gauge("parvis_channel_paused", "1 while nothing can be sent on the channel", ["channel"])
WAITING = Gauge("parvis_waiting_entries", "Entries read from the streams and not finished", ["group"])
SHARDS = Gauge("parvis_shards_held", "Shards whose lease this process holds", ["group"])
DEAD_LETTERED = Counter("parvis_dead_letters_total", "Entries parked in the dead letters", ["kind"])
ALERTS = Counter("parvis_platform_alerts_total", "Warnings, blocks and revocations by a platform", ["channel", "kind"])
