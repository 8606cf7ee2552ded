"""Answers that need more than a response: the clock, a list, or what was said before."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions.days import NOW, asked_days
from actions.policy import disposition_of
from actions.stores import (
    Store,
    doors_of,
    openings_on,
    read_stores,
    reopens,
    say_change,
    say_hours,
    say_openings,
)
from actions.turn import Turn, Voice, said_before
from actions.words import say_countries, say_day, say_time
from bot.desk import Disposition

Events = list[dict[str, Any]]
# Actions take the domain because rasa-sdk hands it to them; none of ours reads it.
_NO_DOMAIN: Final = DomainDict(intents=[], entities=[], slots={}, responses={}, actions=[], forms={})
# A weekend, and a day beside it; more would be a calendar.
_MOST_DAYS: Final = 3
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class OpeningHours(Action):
    """The hours of the stores asked about, on the days asked about or else now; of all stores when none is named.

    Days begin and end by each store's own clock.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._now = clock

    def name(self) -> str:
        return "action_opening_hours_now"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        voice, language = Voice(dispatcher), Turn.of(tracker).language
        stores = read_stores(tracker.get_slot("stores"))
        asked = asked_stores(tracker, stores)
        named = [str(value) for kind in ("date", "weekday") for value in tracker.get_latest_entity_values(kind)]
        if not asked:
            self._say_all(voice, list(stores.values()), named, language)
        for store in asked:
            days = self._days(store, named)
            for day in days:
                self._say_day(voice, store, day, language)
            if not days:
                self._say_now(voice, store, language)
        return []

    def _days(self, store: Store, named: list[str]) -> list[date]:
        today = self._now().astimezone(store.hours.time_zone).date()
        return asked_days(named, today, store.country)[:_MOST_DAYS] if NOW not in named else []

    def _say_now(self, voice: Voice, store: Store, language: str) -> None:
        doors = doors_of(store, self._now())
        facts = {"store": store.name(language), "hours": say_hours(store.hours, language)} | say_change(doors, language)
        closed = "utter_store_hours_holiday" if doors.holiday else "utter_store_hours_closed"
        voice.say("utter_store_hours_open" if doors.open else closed, facts)

    def _say_day(self, voice: Voice, store: Store, day: date, language: str) -> None:
        openings = openings_on(store, day)
        facts = {"store": store.name(language), "day": say_day(day, language)}
        if openings:
            voice.say("utter_store_hours_day", facts | {"hours": say_openings(openings)})
            return
        opens = reopens(store, day)
        facts |= {"next_day": say_day(opens.date(), language), "time": say_time(opens)}
        holiday = store.hours.is_public_holiday(day)
        voice.say("utter_store_hours_day_holiday" if holiday else "utter_store_hours_day_closed", facts)

    def _say_all(self, voice: Voice, stores: list[Store], named: list[str], language: str) -> None:
        days = dict.fromkeys(day for store in stores for day in self._days(store, named))
        for day in sorted(days):
            opened = [store for store in stores if openings_on(store, day)]
            lines = [f"{store.name(language)} · {say_openings(openings_on(store, day))}" for store in opened]
            response = "utter_all_store_hours_day" if len(opened) == len(stores) else "utter_some_store_hours_day"
            facts = {"day": say_day(day, language), "list": "\n".join(lines)}
            voice.say(response if opened else "utter_no_store_hours_day", facts)
        if not days:
            every = (f"{store.name(language)} · {say_hours(store.hours, language)}" for store in stores)
            voice.say("utter_all_store_hours", {"list": "\n".join(every)})


class StoreLocation(Action):
    """The address of the stores asked about; of all when none is named."""

    def name(self) -> str:
        return "action_store_location"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        voice, language = Voice(dispatcher), Turn.of(tracker).language
        stores = read_stores(tracker.get_slot("stores"))
        asked = asked_stores(tracker, stores)
        for store in asked:
            facts = {"store": store.name(language), "address": store.address, "phone": store.phone}
            voice.say("utter_store_location", facts)
        if not asked:
            lines = (f"{store.name(language)} · {store.address}, {store.phone}" for store in stores.values())
            voice.say("utter_all_store_locations", {"list": "\n".join(lines)})
        return []


class DeliveryCountries(Action):
    def name(self) -> str:
        return "action_delivery_countries"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        countries = say_countries(tracker.get_slot("delivery_countries") or [], Turn.of(tracker).language)
        Voice(dispatcher).say("utter_faq_delivery_countries", {"countries": countries})
        return []


class Answers:
    """Answers any question whose intent says that it may be answered, also in the middle of something else.

    An intent is answered by the response of its name, unless an action has been registered for it.
    """

    def __init__(self, actions: dict[str, Action]) -> None:
        self._actions = actions

    def knows(self, intent: str) -> bool:
        return intent in self._actions or disposition_of(intent) is Disposition.ANSWER

    async def answer(self, intent: str, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        action = self._actions.get(intent)
        if action is None:
            Voice(dispatcher).say(f"utter_{intent}")
            return []
        return await action.run(dispatcher, tracker, _NO_DOMAIN)


def asked_stores(tracker: Tracker, stores: dict[str, Store]) -> list[Store]:
    """The stores that the message names, or else the one that the last answer was about."""
    named = dict.fromkeys(str(value).lower() for value in tracker.get_latest_entity_values("store"))
    if not named and said_before(tracker) & _ABOUT_ONE_STORE:
        named = {str(tracker.get_slot("store")): None}
    return [stores[key] for key in named if key in stores]


_ABOUT_ONE_STORE: Final = frozenset(
    {
        *("utter_store_hours_open", "utter_store_hours_closed", "utter_store_hours_holiday", "utter_store_location"),
        *("utter_store_hours_day", "utter_store_hours_day_closed", "utter_store_hours_day_holiday"),
    }
)
ANSWERED_BY: Final = {
    "faq_opening_hours": "action_opening_hours_now",
    "faq_store_location": "action_store_location",
    "faq_delivery_countries": "action_delivery_countries",
    "chitchat_greet": "action_greet",
    "chitchat_abuse": "action_abuse",
    "chitchat_stop": "action_stop",
    "chitchat_resume": "action_resume",
}
