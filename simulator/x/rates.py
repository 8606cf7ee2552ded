"""Rate limits as X tells them (docs.x.com, x-api/fundamentals/rate-limits)."""

import time
from dataclasses import dataclass

WINDOW_SECONDS = 900


@dataclass(slots=True)
class RateWindow:
    """A fixed window of 15 minutes, told in the ``x-rate-limit-*`` headers."""

    limit: int
    used: int = 0
    resets_at: float = 0.0

    def spend(self) -> bool:
        """Count one call; False when the window is used up."""
        if time.time() >= self.resets_at:
            self.used, self.resets_at = 0, time.time() + WINDOW_SECONDS
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def headers(self) -> dict[str, str]:
        return limit_headers(self.limit, self.limit - self.used, self.resets_at)


def limit_headers(limit: int, remaining: int, resets_at: float) -> dict[str, str]:
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(max(0, remaining)),
        # Whole seconds, never before the window really opens again.
        "x-rate-limit-reset": str(-int(-resets_at // 1)),
    }
