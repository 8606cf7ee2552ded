"""The headers that tell how much of a limit is used (graph-api/overview/rate-limiting)."""

import json
import math


def usage_headers(page_id: str, regain_seconds: float | None = None) -> dict[str, str]:
    """``regain_seconds`` is told of a throttled call. Meta counts it in whole minutes; what ends sooner is told
    in ``Retry-After``, so that a test need not wait for a minute.
    """
    used = 1 if regain_seconds is None else 100
    minutes = round((regain_seconds or 0) / 60)
    usage = {"type": "messenger", "call_count": used, "total_cputime": 1, "total_time": 1}
    business = {page_id: [usage | {"estimated_time_to_regain_access": minutes}]}
    headers = {
        "X-App-Usage": json.dumps({"call_count": used, "total_time": 1, "total_cputime": 1}),
        "X-Business-Use-Case-Usage": json.dumps(business),
    }
    if regain_seconds is not None and minutes == 0:
        headers["Retry-After"] = str(math.ceil(regain_seconds))
    return headers
