"""What a server counts, as Prometheus reads it: requests by status, their times, batches, and memory."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from eartune.experiments.process_memory import resident_bytes

BUCKETS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6)
"""The upper limits of the counts of request times, in seconds."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measurements:
    """Counts since the server began; any thread may add to them."""

    def __init__(self) -> None:
        self.n_open = 0
        """How many questions are being read, wait or are answered now; the gate keeps count."""
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._in_bucket = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._batches = 0
        self._answers = 0

    def add_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request to a path, the status of its response (499 if its client left), and the time it took."""
        with self._lock:
            self._requests[path, status] += 1
            self._in_bucket[bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds

    def add_batch(self, size: int) -> None:
        """Count a batch of this many answers."""
        with self._lock:
            self._batches += 1
            self._answers += size

    def text(self, n_waiting: int) -> str:
        """Return all counts, with that of the questions that wait, in Prometheus' text format."""
        with self._lock:
            return "\n".join(self._lines(n_waiting)) + "\n"

    def _lines(self, n_waiting: int) -> Iterator[str]:
        yield from _head("eartune_requests_total", "counter", "Requests by path and status; 499: the client left.")
        for (path, status), count in sorted(self._requests.items()):
            yield f'eartune_requests_total{{path="{path}",status="{status}"}} {count}'
        yield from _head("eartune_request_seconds", "histogram", "Time from a request to the end of its response.")
        below = 0
        for limit, count in zip((*BUCKETS, "+Inf"), self._in_bucket, strict=True):
            below += count
            yield f'eartune_request_seconds_bucket{{le="{limit}"}} {below}'
        yield f"eartune_request_seconds_sum {self._seconds:.6f}"
        yield f"eartune_request_seconds_count {below}"
        for name, kind, value, meaning in (
            ("eartune_batches_total", "counter", self._batches, "Batches that the model has answered."),
            ("eartune_answers_total", "counter", self._answers, "Answers of all batches."),
            ("eartune_open_requests", "gauge", self.n_open, "Requests that are being read, wait, or are answered."),
            ("eartune_waiting_questions", "gauge", n_waiting, "Questions that wait for a batch."),
            ("process_resident_memory_bytes", "gauge", resident_bytes(), "Memory of the process."),
        ):
            if value is not None:
                yield from _head(name, kind, meaning)
                yield f"{name} {value}"


def _head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"
