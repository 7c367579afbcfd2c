"""Load a server and abuse it: python benchmarks/serving.py MODEL [--clips DIR] [--seconds S] [--out FILE]

`eartune serve MODEL` is started twice, once with batches as the model's run has them and once with batches of one. For
each number of clients, which ask one request after another: requests a second, and the 50th, 95th and 99th percentile
of their times. Then the first server is abused while four good clients ask it: by clients that leave, rubbish, half a
file, 200 MB, an hour of silence in a small FLAC, and half a minute of it in 8 channels at 192 kHz. No good request may
be lost, and the memory of the server, read from its /metrics, must stay flat. The recordings are the first 16 of a
folder, or noise of 1 to 5 s, whose answers are longer than those to speech. All traffic stays on this machine. With 12
s a measurement it takes about four minutes.
"""

import argparse
import http.client
import io
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from eartune.cli.predict import find_recordings
from eartune.experiments.provenance import made_with
from eartune.files import write_json

RATE = 16_000
PERCENTILES = (50, 95, 99)
N_CLIPS, GOOD_CLIENTS = 16, 4
PATH = "/v1/understand"


def main() -> None:
    """Measure, print tables and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="of each measurement; the abuse takes four times it"
    )
    parser.add_argument("--clips", type=Path, help="a folder of recordings")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    if options.clips is None:
        clips = [noise(seconds, seed) for seed, seconds in enumerate(np.linspace(1, 5, N_CLIPS))]
    else:
        clips = [path.read_bytes() for path in islice(find_recordings([options.clips]), N_CLIPS)]
    load, abuse = [], {}
    for name, more in (("batched", []), ("one by one", ["--batch-size", "1"])):
        with server(options.model, more) as port:
            ask(port, clips[0])  # the first answer compiles grammars and allocates memory
            load += [{"how": name} | under_load(port, clips, n, options.seconds) for n in options.clients]
            if not more:
                abuse = abused(port, clips, 4 * options.seconds)
    show(load, abuse)
    write_json(options.out, {"model": Path(options.model).name, "load": load, "abuse": abuse, **made_with()})


# --- the server and one request ------------------------------------------------------------------------------


@contextmanager
def server(model: str, options: Sequence[str]) -> Iterator[int]:
    """Start a server, yield its port, and end it as a service manager would; it must end in peace."""
    command = [sys.executable, "-m", "eartune", "serve", model, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found, "the server did not start"
        try:
            yield int(found[1])
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode == 0, process.returncode


def ask(port: int, body: bytes) -> tuple[int, str]:
    """Return the status and the text of the response to a recording."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", PATH, body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def memory_of(port: int) -> float:
    """Return the memory of the server, in MB."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", "/metrics")
    found = re.search(r"^process_resident_memory_bytes (\d+)", connection.getresponse().read().decode(), re.MULTILINE)
    connection.close()
    assert found
    return int(found[1]) / 1e6


def noise(seconds: float, seed: int = 0) -> bytes:
    """Return the bytes of a FLAC of noise."""
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return flac([samples[:, None]], RATE, 1)


def silence(seconds: int, rate: int, channels: int) -> bytes:
    """Return the bytes of a FLAC of silence, a second at a time."""
    return flac([np.zeros((rate, channels))] * seconds, rate, channels)


def flac(blocks: Sequence[Any], rate: int, channels: int) -> bytes:
    """Return the bytes of a FLAC."""
    to = io.BytesIO()
    with soundfile.SoundFile(to, "w", rate, channels, format="FLAC") as file:
        for block in blocks:
            file.write(block)
    return to.getvalue()


# --- load ----------------------------------------------------------------------------------------------------


def under_load(port: int, clips: Sequence[bytes], n_clients: int, seconds: float) -> dict[str, Any]:
    """Return requests a second and percentiles of their times, in s, for clients that ask one after another."""
    times: list[float] = []
    statuses: Counter[int] = Counter()
    end = time.monotonic() + seconds

    def client(seed: int) -> None:
        draw = random.Random(seed)
        while time.monotonic() < end:
            began = time.monotonic()
            status, _ = ask(port, draw.choice(clips))
            statuses[status] += 1
            times.append(time.monotonic() - began)

    began = time.monotonic()
    run_all([lambda seed=seed: client(seed) for seed in range(n_clients)])  # type: ignore[misc]
    rate = len(times) / (time.monotonic() - began)
    found = {f"p{p}": round(float(np.percentile(times, p)), 3) for p in PERCENTILES}
    return {"clients": n_clients, "requests_a_second": round(rate, 2), **found, "statuses": dict(statuses)}


def run_all(works: Sequence[Callable[[], None]]) -> None:
    """Run each in a thread of its own, and wait for all."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- abuse ---------------------------------------------------------------------------------------------------


def abused(port: int, clips: Sequence[bytes], seconds: float) -> dict[str, Any]:
    """Return what came of good requests and of bad ones, and the server's memory before, at most and after, in MB."""
    hour, wide = silence(3600, RATE, 1), silence(29, 192_000, 8)
    counts: Counter[str] = Counter()
    expected = {clip: answer_of(*ask(port, clip)) for clip in clips}
    end = time.monotonic() + seconds

    def good(draw: random.Random) -> None:
        clip = draw.choice(clips)
        status, text = ask(port, clip)
        while status == 429:
            counts["good: told to wait"] += 1
            time.sleep(1)
            status, text = ask(port, clip)
        counts["good: answered" if status == 200 else f"good: LOST ({status})"] += 1
        if status == 200 and answer_of(status, text) != expected[clip]:
            counts["good: other answer than alone"] += 1  # other rows of a batch change the last digits

    def bad(name: str, body: bytes) -> Callable[[random.Random], None]:
        def send(draw: random.Random) -> None:
            status, _ = ask(port, body)
            counts[f"{name}: {status}"] += 1

        return send

    def leave(draw: random.Random) -> None:
        clip = draw.choice(clips)
        sent = draw.choice([len(clip), len(clip) // 2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(clip)}\r\n\r\n"
            connection.sendall(head.encode() + clip[:sent])
            time.sleep(draw.random() / 2)
        counts["left"] += 1

    abuses = [
        *([good] * GOOD_CLIENTS),
        *([leave] * 2),
        bad("rubbish", random.Random(0).randbytes(50_000)),
        bad("half a file", clips[-1][: len(clips[-1]) // 2]),
        bad("200 MB", bytes(200_000_000)),
        bad("an hour of silence", hour),
        bad("8 channels at 192 kHz", wide),
    ]
    memory: list[float] = [memory_of(port)]

    def repeat(work: Callable[[random.Random], None], seed: int) -> None:
        draw = random.Random(seed)
        while time.monotonic() < end:
            try:
                work(draw)
            except OSError as error:
                counts[f"{getattr(work, '__name__', work)}: {type(error).__name__}"] += 1
            if work is not good:
                time.sleep(0.1)

    def watch() -> None:
        while time.monotonic() < end:
            with suppress(OSError):
                memory.append(memory_of(port))
            time.sleep(0.2)

    run_all([watch, *(lambda work=work, seed=seed: repeat(work, seed) for seed, work in enumerate(abuses))])
    time.sleep(1)
    memory.append(memory_of(port))
    sizes = {"before": round(memory[0]), "most": round(max(memory)), "after": round(memory[-1])}
    return {"counts": dict(sorted(counts.items())), "memory_mb": sizes, "bomb_bytes": [len(hour), len(wide)]}


def answer_of(status: int, text: str) -> str:
    """Return what the model wrote."""
    return str(json.loads(text).get("text")) if status == 200 else text


# --- tables --------------------------------------------------------------------------------------------------


def show(load: Sequence[dict[str, Any]], abuse: dict[str, Any]) -> None:
    """Print what was measured."""
    console, table = Console(), Table("", "clients", "requests/s", *(f"{p} %, s" for p in PERCENTILES))
    for row in load:
        times = (str(row[f"p{p}"]) for p in PERCENTILES)
        table.add_row(row["how"], str(row["clients"]), str(row["requests_a_second"]), *times)
    console.print(table)
    for name, count in abuse["counts"].items():
        console.print(f"{name}: {count}")
    console.print(f"memory, MB: {abuse['memory_mb']}")


if __name__ == "__main__":
    main()
