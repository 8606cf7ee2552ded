"""The components that run inside the Rasa process have tests of their own, which need that process's Python 3.10."""


def test_the_components_of_the_rasa_process_pass_their_tests(outcome_inside) -> None:
    code, printed = outcome_inside()
    assert code == 0, printed[-8000:]
