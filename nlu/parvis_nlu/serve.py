"""Serves a trained model: what ``rasa run`` does, started faster and in half the memory.

A model without neural components is served without TensorFlow (``parvis_nlu.without_tensorflow``); one with such a
component (DIET, TED, …) gets it.

Unlike ``rasa run`` it ends with an error when the model cannot be loaded.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tarfile
from pathlib import Path

from parvis_nlu.without_tensorflow import import_rasa_without_tensorflow, may_need_tensorflow


def needs_tensorflow(model: Path) -> bool:
    """Whether a component of the model is a neural one, or may build on one. Raises ValueError on what is no model."""
    try:
        with tarfile.open(model) as archive:
            metadata = archive.extractfile("metadata.json")
            nodes = json.load(metadata)["predict_schema"]["nodes"].values()
    except (tarfile.TarError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{model} is not a Rasa model") from error
    return any(may_need_tensorflow(node["uses"]) for node in nodes)


def import_rasa(model: Path) -> None:
    """Import what serving ``model`` takes, before anything else imports Rasa."""
    if not needs_tensorflow(model):
        import_rasa_without_tensorflow()


def main() -> int:
    arguments = _arguments()
    if not arguments.model.is_file():
        sys.stderr.write(f"There is no model at {arguments.model}: train one first.\n")
        return 1
    import_rasa(arguments.model)
    return _serve(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    import rasa.core.run
    import rasa.utils.common
    from rasa.core.utils import AvailableEndpoints
    from rasa.utils.log_utils import configure_structlog
    from sanic import Sanic

    loaded: list[bool] = []

    async def stop_without_model(app: Sanic, _: object) -> None:
        loaded.append(app.ctx.agent.is_ready())
        if not loaded[-1]:
            app.stop()

    async def spare_the_collector(app: Sanic, _: object) -> None:
        """Rasa and the model are half a million objects that stay: no collection during a turn should walk them."""
        gc.collect()
        gc.freeze()

    async def answer_programs_only(app: Sanic, _: object) -> None:
        """No answer is looked at for what web pages would need, none of which calls, nor told in a log that is off."""
        app.response_middleware.clear()
        app.config.ACCESS_LOG = False

    rasa.utils.common.configure_logging_and_warnings(log_level=arguments.log_level)
    configure_structlog(arguments.log_level)
    rasa.core.run.serve_application(
        model_path=str(arguments.model),
        interface=arguments.interface,
        port=arguments.port,
        credentials=str(arguments.credentials),
        endpoints=AvailableEndpoints.read_endpoints(str(arguments.endpoints)),
        enable_api=False,
        server_listeners=[
            (answer_programs_only, "after_server_start"),
            (stop_without_model, "after_server_start"),
            (spare_the_collector, "after_server_start"),
        ],
    )
    return 0 if all(loaded) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m parvis_nlu.serve", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--interface", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5005)
    parser.add_argument("--endpoints", type=Path, default=Path("endpoints.yml"))
    parser.add_argument("--credentials", type=Path, default=Path("credentials.yml"))
    parser.add_argument(
        "--log-level", type=int, default=20, help="as in Python's logging: 10 debug, 20 info, 30 warning"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
