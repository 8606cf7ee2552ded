"""An assistant of five intents and its actions, of which some fail or hang when told to."""

DOMAIN = """
version: "3.1"
session_config: {session_expiration_time: 60, carry_over_slots_to_new_session: true}
intents:
  - faq_opening_hours: {use_entities: []}
  - private_order_status: {use_entities: []}
  - contentious_complaint: {use_entities: []}
  - human_agent: {use_entities: []}
  - chitchat_greet: {use_entities: []}
entities: [language]
slots:
  language:
    type: categorical
    values: [fr, en]
    initial_value: fr
    influence_conversation: false
    mappings: [{type: from_entity, entity: language}]
responses:
  utter_introduction:
  - condition: [{type: slot, name: language, value: en}]
    text: "I am an automated assistant."
  - condition: [{type: slot, name: language, value: fr}]
    text: "Je suis un assistant automatique."
  utter_opening_hours:
  - condition: [{type: slot, name: language, value: en}]
    text: "We open at ten."
  - condition: [{type: slot, name: language, value: fr}]
    text: "Nous ouvrons à dix heures."
  - condition: [{type: slot, name: language, value: fr}]
    channel: x
    text: "Dès 10 h !"
  utter_greet:
  - text: "Bonjour !"
    buttons:
    - {title: Horaires, payload: /faq_opening_hours}
    - {title: Ma commande, payload: /private_order_status}
  utter_off_topic:
  - text: "Je ne sais pas encore répondre à cela."
actions: [action_escalate, action_break, action_decline]
"""

NLU = """
version: "3.1"
nlu:
- intent: faq_opening_hours
  examples: |
    - vous ouvrez à quelle heure
    - horaires du magasin
    - c'est ouvert le dimanche ?
    - à quelle heure fermez-vous
    - what time do you open
    - opening hours please
    - are you open on sunday
- intent: private_order_status
  examples: |
    - où est ma commande
    - je n'ai pas reçu mon colis
    - suivi de commande
    - where is my order
    - my parcel has not arrived
    - track my order
- intent: chitchat_greet
  examples: |
    - bonjour
    - salut
    - coucou
    - hello
    - hi there
    - good morning
- intent: contentious_complaint
  examples: |
    - c'est une honte
    - je vais porter plainte
    - this is unacceptable
    - I will sue you
- intent: human_agent
  examples: |
    - un humain svp
    - je veux parler à quelqu'un
    - a real person please
    - let me talk to someone
"""

RULES = """
version: "3.1"
rules:
- rule: hours
  steps: [{intent: faq_opening_hours}, {action: utter_opening_hours}]
- rule: greet
  steps: [{intent: chitchat_greet}, {action: utter_greet}]
- rule: order
  steps: [{intent: private_order_status}, {action: action_escalate}]
- rule: broken
  steps: [{intent: contentious_complaint}, {action: action_break}]
- rule: declined
  steps: [{intent: human_agent}, {action: action_decline}]
- rule: fallback
  steps: [{intent: nlu_fallback}, {action: utter_off_topic}]
"""

ACTIONS = """
import asyncio
from pathlib import Path

from rasa_sdk import Action
from rasa_sdk.interfaces import ActionExecutionRejection

HERE = Path(__file__).parent


class Escalate(Action):
    def name(self):
        return "action_escalate"

    async def run(self, dispatcher, tracker, domain):
        message_id = tracker.latest_message["metadata"]["message_id"]
        with (HERE / "runs.txt").open("a") as runs:
            runs.write(message_id + "\\n")
        while (HERE / "hang").exists():
            await asyncio.sleep(0.02)
        dispatcher.utter_message(text="Ticket for " + message_id)
        return []


class Break(Action):
    def name(self):
        return "action_break"

    async def run(self, dispatcher, tracker, domain):
        raise RuntimeError("a defect")


class Decline(Action):
    def name(self):
        return "action_decline"

    async def run(self, dispatcher, tracker, domain):
        raise ActionExecutionRejection("action_decline", "not now")
"""
