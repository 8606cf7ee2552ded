"""What the Graph API answers when it refuses (graph-api/guides/error-handling, messenger-platform/error-codes)."""

from simulator.faults import Fault


class GraphError(Exception):
    """An answer in the Graph API's error form."""

    def __init__(
        self,
        code: int,
        message: str,
        subcode: int | None = None,
        status: int = 400,
        regain_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.regain_seconds = regain_seconds
        self.code = code
        self.message = message
        self.subcode = subcode
        self.status = status


def other_owner() -> GraphError:
    return GraphError(10, "(#10) Message failed to send because another app is controlling this thread now.", 2018300)


def no_such_user() -> GraphError:
    return GraphError(100, "(#100) No matching user found", 2018001)


def no_such_object(node: str) -> GraphError:
    return GraphError(100, f"Unsupported request. Object with ID '{node}' does not exist or cannot be loaded", 33)


def refuse_if_ordered(fault: Fault) -> None:
    """Raises ``GraphError`` when the fault asks for one."""
    if fault.send_status is not None:
        code = fault.error_code or _CODE_OF_STATUS.get(fault.send_status, 1)
        raise GraphError(code, "Simulated fault", fault.error_subcode, fault.send_status)


_CODE_OF_STATUS = {400: 100, 401: 190, 403: 200, 429: 613, 500: 2, 502: 2, 503: 2, 504: 2}
