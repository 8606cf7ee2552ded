from pathlib import Path

import pytest
import yaml

from bot.desk import Disposition, Priority, RoutingError, load_routing
from bot.desk.routing import parse_routing
from bot.settings import PROJECT_ROOT

GOOD = """\
reference_prefix: ML
business_hours:
  week:
    monday: ["09:00-12:00", "14:00-18:00"]
    saturday: ["10:00-24:00"]
  closed: [2026-12-24]
teams:
  care: {name: Care, email: care@brand.example, language: en}
  money: {name: Payments, email: money@brand.example, language: fr}
default: {team: care, priority: normal, promise_hours: 8}
routes:
  escalate_contentious:
    default: {priority: high, promise_hours: 4}
    fraud: {team: money, priority: urgent, label: Fraude}
"""


def broken(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(RoutingError) as raised:
        parse_routing(GOOD.replace(old, new), "routing.yml")
    return str(raised.value)


def test_the_file_that_comes_with_the_project_is_good() -> None:
    routing = load_routing(PROJECT_ROOT / "routing.yml")
    assert routing.route(Disposition.ESCALATE_CONTENTIOUS, "fraud").priority is Priority.URGENT


def test_every_topic_of_the_projects_file_is_an_intent_of_the_assistant() -> None:
    prefixes = {"escalate_private": "private", "escalate_contentious": "contentious", "human": "human"}
    domain = yaml.safe_load((PROJECT_ROOT / "domain.yml").read_text(encoding="utf-8"))
    intents = {next(iter(intent)) if isinstance(intent, dict) else intent for intent in domain["intents"]}
    routes = yaml.safe_load((PROJECT_ROOT / "routing.yml").read_text(encoding="utf-8"))["routes"]
    named = {f"{prefixes[disposition]}_{topic}" for disposition, topics in routes.items() for topic in topics}
    assert {name for name in named if not name.endswith("_default")} <= intents


def test_a_topic_takes_its_own_route_and_the_rest_from_its_disposition() -> None:
    route = parse_routing(GOOD, "routing.yml").route(Disposition.ESCALATE_CONTENTIOUS, "fraud")
    assert (route.team.key, route.priority, route.promise_hours, route.label.fr) == ("money", "urgent", 4, "Fraude")


def test_an_unknown_topic_takes_its_dispositions_default() -> None:
    route = parse_routing(GOOD, "routing.yml").route(Disposition.ESCALATE_CONTENTIOUS, "late_parcel")
    assert (route.team.key, route.priority, route.promise_hours, route.label.fr) == ("care", "high", 4, "Late parcel")


def test_an_unknown_disposition_takes_the_files_default() -> None:
    route = parse_routing(GOOD, "routing.yml").route(Disposition.HUMAN, "person")
    assert (route.team.key, route.priority, route.promise_hours, route.label.fr) == ("care", "normal", 8, "Person")


def test_a_topic_is_called_by_its_name_in_each_language_and_one_name_alone_serves_both() -> None:
    both = parse_routing(GOOD.replace("label: Fraude", "label: {fr: Fraude, en: Fraud}"), "routing.yml")
    assert (both.labels("fr"), both.labels("en"), both.labels("es")) == (
        {"fraud": "Fraude"},
        {"fraud": "Fraud"},
        {"fraud": "Fraude"},
    )
    assert parse_routing(GOOD, "routing.yml").labels("en") == {"fraud": "Fraude"}


def test_every_topic_of_the_projects_file_has_a_name_of_its_own_in_each_language() -> None:
    routing = load_routing(PROJECT_ROOT / "routing.yml")
    for language in ("fr", "en"):
        names = routing.labels(language)
        assert len(set(names.values())) == len(names)
    written = yaml.safe_load((PROJECT_ROOT / "routing.yml").read_text(encoding="utf-8"))["routes"]
    routes = [route for topics in written.values() for topic, route in topics.items() if topic != "default"]
    assert all(set(route["label"]) == {"fr", "en"} for route in routes)


def test_a_team_that_left_the_file_is_stood_in_for_by_the_default_team() -> None:
    assert parse_routing(GOOD, "routing.yml").team("gone").key == "care"


def test_the_brands_zone_and_country_hold_where_the_file_is_silent() -> None:
    hours = parse_routing(GOOD, "routing.yml", time_zone="Europe/Brussels", country="BE").hours
    assert (hours.time_zone.key, hours.country) == ("Europe/Brussels", "BE")


def test_the_files_zone_and_holidays_win_over_the_brands() -> None:
    own = GOOD.replace("  week:", "  time_zone: Europe/Zurich\n  holidays: CH-GE\n  week:")
    hours = parse_routing(own, "routing.yml").hours
    assert (hours.time_zone.key, hours.country, hours.subdivision) == ("Europe/Zurich", "CH", "GE")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("team: money", "team: monney", "routing.yml:14: routes.escalate_contentious.fraud.team: there is no team"),
        ("priority: high", "priority: hihg", "routing.yml:13: routes.escalate_contentious.default.priority"),
        ("care@brand.example", "care brand", "routing.yml:8: teams.care.email"),
        ("care@brand.example", '"a@brand.example\\nBcc: b@brand.example"', "routing.yml:8: teams.care.email"),
        ('"09:00-12:00"', '"9h-12h"', 'routing.yml:4: business_hours.week.monday.0: write an opening as "09:00-18:30"'),
        ('"09:00-12:00"', '"12:00-09:00"', "routing.yml:4: business_hours.week.monday.0: an opening ends"),
        ('"09:00-12:00"', '"09:00-25:00"', "routing.yml:4: business_hours.week.monday.0: there is no such time"),
        ('"14:00-18:00"', '"11:00-18:00"', "routing.yml:4: business_hours.week.monday.1: begins before"),
        ("saturday", "samedi", "routing.yml:5: business_hours.week.samedi"),
        ("  week:", "  time_zone: Paris\n  week:", "routing.yml:3: business_hours.time_zone: unknown time zone"),
        ("  week:", "  holidays: ZZ\n  week:", "routing.yml:3: business_hours.holidays: no public holidays are known"),
        ("promise_hours: 8", "promise_hours: 0", "routing.yml:10: default.promise_hours"),
        ("escalate_contentious:", "contentious:", "routing.yml:12: routes.contentious"),
        ("label: Fraude", "labell: Fraude", "routing.yml:14: routes.escalate_contentious.fraud.labell: Extra inputs"),
        ("label: Fraude", "label: {fr: Fraude}", "routing.yml:14: routes.escalate_contentious.fraud.label.en: Field"),
        ("reference_prefix: ML\n", "", "reference_prefix: Field required"),
        ("2026-12-24", "24/12/2026", "routing.yml:6: business_hours.closed.0"),
        ("  money:", "  care:", "routing.yml:9: care: written twice in the same block"),
        ("teams:", "teams: [", "routing.yml:"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_field(old: str, new: str, says: str) -> None:
    assert says in broken(old, new)


def test_every_mistake_is_told_at_once() -> None:
    told = broken("care@brand.example, language: en", "care, language: de")
    assert "teams.care.email" in told
    assert "teams.care.language" in told


def test_a_desk_that_never_opens_is_refused() -> None:
    told = broken('    monday: ["09:00-12:00", "14:00-18:00"]\n    saturday: ["10:00-24:00"]', "    monday: []")
    assert "routing.yml:3: business_hours.week: the desk never opens" in told


@pytest.mark.parametrize("source", ["", "- a", "42", "\t"])
def test_a_file_of_another_shape_is_refused(source: str) -> None:
    with pytest.raises(RoutingError):
        parse_routing(source, "routing.yml")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RoutingError, match=r"absent\.yml: cannot be read"):
        load_routing(tmp_path / "absent.yml")


# Exceptions, members and promises

RULES = (
    GOOD
    + """\
rules:
  - when: {channel: x, severity: [high, urgent]}
    promise_hours: 1
  - when: {language: en, topic: fraud}
    team: care
"""
)


def test_the_first_rule_that_fits_takes_the_place_of_the_topics_route() -> None:
    routing = parse_routing(RULES, "routing.yml")
    contentious = Disposition.ESCALATE_CONTENTIOUS
    on_x = routing.route(contentious, "fraud", language="en", channel="x")
    assert (on_x.team.key, on_x.promise_hours, on_x.priority) == ("money", 1, Priority.URGENT)
    in_english = routing.route(contentious, "fraud", language="en", channel="messenger")
    assert (in_english.team.key, in_english.promise_hours, in_english.label.fr) == ("care", 4, "Fraude")
    assert routing.route(contentious, "fraud", language="fr", channel="messenger").team.key == "money"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("channel: x", "channel: telegram", "routing.yml:16: rules.0.when.channel: no such channel: telegram"),
        ("severity: [high, urgent]", "severity: [hot]", "no such severity: hot"),
        ("    team: care\n", "    team: nobody\n", "rules.1.team: there is no team 'nobody'"),
        ("when: {language: en, topic: fraud}", "when: {}", "rules.1.when: an exception for everything"),
        ("email: care@brand.example,", "email: care@brand.example, escalate_to: up,", "teams.care.escalate_to"),
        ("email: care@brand.example,", "email: care@brand.example, assign: round_robin,", "without members"),
    ],
)
def test_a_rule_or_a_team_that_can_never_work_is_told_with_its_place(old: str, new: str, said: str) -> None:
    assert old in RULES
    with pytest.raises(RoutingError) as raised:
        parse_routing(RULES.replace(old, new, 1), "routing.yml")
    assert said in str(raised.value)


def test_a_team_may_have_hours_of_its_own() -> None:
    source = GOOD.replace(
        "money: {name", 'money: {business_hours: {week: {sunday: ["10:00-12:00"]}, holidays: BE}, name'
    )
    routing = parse_routing(source, "routing.yml")
    own = routing.team("money").hours
    assert (own.country, list(own.week)) == ("BE", [6])
    assert own.time_zone == routing.hours.time_zone
    assert routing.team("care").hours is routing.hours
