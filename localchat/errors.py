"""What the Bot API answers when it refuses."""

from __future__ import annotations


class ApiError(Exception):
    """A refusal in the Bot API's own shape: code, description and, when told to wait, how long."""

    def __init__(self, code: int, description: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, object]:
        """Return the JSON body that goes with the refusal."""
        body: dict[str, object] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.retry_after_s is not None:
            body["parameters"] = {"retry_after": self.retry_after_s}
        return body

    def headers(self) -> dict[str, str]:
        """Return the headers that go with the refusal."""
        if self.retry_after_s is None:
            return {}
        return {"Retry-After": str(self.retry_after_s)}


def bad_request(reason: str) -> ApiError:
    """Return a 400 with the prefix that every one of them carries."""
    return ApiError(400, f"Bad Request: {reason}")


def forbidden(reason: str) -> ApiError:
    """Return a 403 with the prefix that every one of them carries."""
    return ApiError(403, f"Forbidden: {reason}")


def too_many_requests(retry_after_s: int) -> ApiError:
    """Return the 429 that tells the bot how long to be quiet."""
    return ApiError(
        429,
        f"Too Many Requests: retry after {retry_after_s}",
        retry_after_s=retry_after_s,
    )
