"""What an operator does: look, register, replay, resume; and what the command says when something is wrong."""

import json

from tests.scenarios.installation import Installation, eventually


def test_status_shows_every_process_ready(parvis: Installation):
    listed = json.loads(parvis.parvis("status", "--json").stdout)
    assert [one["name"] for one in listed] == [
        "redis",
        "rasa",
        "actions",
        "gateway",
        "worker",
        "sender",
        "desk",
        "console",
        "simulator",
    ]
    assert all(one["problem"] is None and one["pid"] for one in listed)


def test_starting_again_while_all_runs_changes_nothing(parvis: Installation):
    before = parvis.pid("gateway")
    assert "Already running" in parvis.parvis("up").stdout
    assert parvis.pid("gateway") == before


def test_a_taken_port_is_named_with_the_setting_that_changes_it(parvis: Installation, tmp_path):
    other = Installation(tmp_path)
    other.environment["PARVIS_GATEWAY_PORT"] = str(parvis.ports["gateway"])
    done = other.parvis("up", check=False)
    assert done.returncode == 2
    assert "PARVIS_GATEWAY_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_redis_a_command_says_how_to_start_it(tmp_path):
    done = Installation(tmp_path).parvis("dead-letters", "list", check=False)
    assert done.returncode == 2
    assert "parvis up" in done.stderr


def test_webhooks_are_registered_and_found_valid(parvis: Installation):
    parvis.parvis("channels", "register")
    checked = parvis.parvis("channels", "check")
    assert "messenger: subscribed and valid" in checked.stdout
    assert "x: subscribed and valid" in checked.stdout


def test_a_reply_nobody_could_get_is_listed_with_the_reason_and_replayed(parvis: Installation, user: str):
    parvis.fault(send_status=400, times=2, channel="messenger", user=user, error={"code": 551})
    parvis.write("messenger", user, "bonjour")

    def listed() -> list[dict[str, str]]:
        return json.loads(parvis.parvis("dead-letters", "list", "--json").stdout)

    first, second = eventually(lambda: len(found := listed()) == 2 and found)
    assert "551" in first["reason"]
    assert "bonjour" not in json.dumps([first, second]), "contents are personal data"
    assert parvis.replies("messenger", user) == []

    parvis.parvis("dead-letters", "replay", first["id"])
    eventually(lambda: len(parvis.replies("messenger", user)) == 1)
    assert "dropped" in parvis.parvis("dead-letters", "drop", second["id"]).stdout
    assert listed() == []


def test_every_process_of_ours_has_metrics_and_json_logs(parvis: Installation):
    for process in ("gateway", "worker", "sender", "desk"):
        assert "python_info" in parvis.metrics(process)
        log = (parvis.home / "logs" / f"{process}.log").read_text(encoding="utf-8")
        assert all(json.loads(line)["event"] for line in log.splitlines())


def test_an_outage_of_the_assistant_is_bridged_by_one_word_and_then_answered(parvis: Installation, user: str):
    import os
    import signal
    import time

    from tests.scenarios.responses import response_of

    pid = parvis.pid("rasa")
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        parvis.write("messenger", user, "combien coûte la livraison ?")
        parvis.write("messenger", user, "quels sont les délais de livraison ?")
        eventually(lambda: parvis.replies("messenger", user), seconds=25)
        time.sleep(2)
        assert [response_of(text) for text in parvis.replies("messenger", user)] == ["utter_holding"]
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: len(parvis.replies("messenger", user)) == 4, seconds=30)
    names = [response_of(text) for text in parvis.replies("messenger", user)]
    assert names == ["utter_holding", "utter_introduction", "utter_faq_delivery_cost", "utter_faq_delivery_time"]
