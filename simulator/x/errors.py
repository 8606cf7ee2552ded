"""What X answers when it refuses."""

from simulator.faults import Fault


class XError(Exception):
    """An answer in X's problem form."""

    def __init__(self, status: int, title: str, detail: str, problem: str = "about:blank") -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.problem = problem
        self.code: int | None = None


def bad_request(detail: str) -> XError:
    return XError(400, "Invalid Request", detail, "https://api.x.com/2/problems/invalid-request")


def refuse_if_ordered(fault: Fault) -> None:
    """Raises ``XError`` when the fault asks for one."""
    if fault.send_status is None:
        return
    title = _TITLE_OF_STATUS.get(fault.send_status, "Simulated fault")
    error = XError(fault.send_status, title, "Simulated fault")
    error.code = fault.error_code
    raise error


_TITLE_OF_STATUS = {
    400: "Invalid Request",
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
