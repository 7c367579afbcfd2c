"""Why a request gets no answer: a status and one sentence, in the shape that OpenAI's clients read."""

from typing import Any

from starlette.responses import JSONResponse


class RefusalError(Exception):
    """Raised where a request cannot be answered."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        """Keep the status of the response, what it says, and headers, whose names are written with underscores."""
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> dict[str, Any]:
        """The response as a value of JSON."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.sentence, "type": kind, "code": self.status}}

    def response(self) -> JSONResponse:
        """Return the response of HTTP: the status, the sentence as JSON, and the headers."""
        return JSONResponse(self.body, self.status, self.headers)
