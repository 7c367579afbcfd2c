"""Compare training speed with another framework: python benchmarks/against_frameworks.py llama-factory PYTHON

PYTHON is that of an environment with `pip install llamafactory==0.9.5` and torch, torchaudio and torchvision that fit
each other (2.11.0, 2.11.0, 0.26.0 do), or, for ms-swift, `pip install ms-swift==4.6.0 transformers==4.48.3 librosa`.
Both train all weights of the same model on the same requests, with the same micro-batches, in turns, in float32, which
is all that LLaMA-Factory supports on a CPU. Other settings are the framework's defaults, except that activations are
not recomputed. Writes benchmarks/against_frameworks.json: examples per second (medians of the rounds), ratios.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from against_stock import MICRO_BATCH, RATE, row_maker, row_of, train_ours
from mid_size import our_model, pocket, requests, spoken
from rich.console import Console

from eartune.data.example import Example, as_text
from eartune.experiments.provenance import made_with
from eartune.files import read_json, write_json
from eartune.tasks.slu import instruction

ROUNDS, BATCH, STEPS = 3, 8, 4  # a step of speech takes them half a minute
POLL_SECONDS = 0.05
RESULTS = Path(__file__).with_suffix(".json")


def main(framework: str, python: Path) -> None:
    """Compare the speed of training on speech and on text."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        our_model().save(folder / "model")
        utterances = requests(BATCH * STEPS)
        data = {"speech step": spoken(utterances, folder), "text step": as_text(utterances)}
        prepare, command = FRAMEWORKS[framework]
        prepare(folder)
        rows = [compare(what, framework, examples, folder, python, command) for what, examples in data.items()]
    known = read_json(RESULTS) if RESULTS.exists() else {}
    write_json(RESULTS, known | {framework: {"rows": rows, "made_with": made_with()}})
    Console().print(rows)


Command = Callable[[Path, str, bool, Path], tuple[Sequence[str | Path], Path]]
"""From a folder, a file of chats in it, whether they are spoken, and a Python, to what is run and the log it writes."""


def compare(
    what: str, framework: str, examples: tuple[Example, ...], folder: Path, python: Path, command: Command
) -> dict[str, Any]:
    """Measure examples per second of both in turns; losses are not compared, as prompts differ."""
    theirs, ours = [], []
    spoken = examples[0].recording is not None
    for number in range(ROUNDS):
        name = f"{what.split()[0]}-{number}"
        write_chats(examples, folder / f"{name}.json")
        theirs.append(rate(*command(folder, name, spoken, python), folder))
        ours.append(train_ours(examples, "after", BATCH, folder / f"ours-{name}", torch.float32))
    row = row_of(what, "after", theirs, ours, float("nan"))
    return {key.replace("stock", framework): value for key, value in row.items() if key != "apart"}


def write_chats(examples: tuple[Example, ...], path: Path) -> None:
    """Write one chat for each example, in the format that both frameworks read."""
    maker = row_maker(pocket(), "after")
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{shown(example)}\n{instruction(True)}"},
                {"role": "assistant", "content": maker.to_learn(example).answer},
            ],
            "audios": [] if example.recording is None else [str(example.recording.path)],
        }
        for example in examples
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")


def shown(example: Example) -> str | None:
    """Return the placeholder of a recording, or the text of an example without one."""
    return example.utterance.text if example.recording is None else "<audio>"


def rate(command: Sequence[str | Path], log: Path, folder: Path) -> float:
    """Return examples per second between the ends of the first and last step; each step adds a line to the log."""
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(folder)})
    times: list[float] = []
    while process.poll() is None and len(times) < STEPS:
        time.sleep(POLL_SECONDS)
        lines = [line for path in log.parent.glob(f"**/{log.name}") for line in path.read_text().splitlines()]
        times += [time.perf_counter()] * (len([line for line in lines if '"loss"' in line]) - len(times))
    if process.wait() or len(times) < STEPS:
        raise subprocess.CalledProcessError(process.returncode, command)
    return BATCH * (STEPS - 1) / (times[STEPS - 1] - times[0])


# --- LLaMA-Factory -------------------------------------------------------------------------------------------------

READ_BY_SOUNDFILE = """import soundfile, torch, torchaudio
def load(path, *args, **kwargs):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T), rate
torchaudio.load = load
"""  # its own loader needs TorchCodec, and that ffmpeg


def prepare_llama_factory(folder: Path) -> None:
    """Prepare LLaMA-Factory so that soundfile reads the recordings."""
    (folder / "sitecustomize.py").write_text(READ_BY_SOUNDFILE, encoding="utf-8")


def llama_factory(folder: Path, name: str, spoken: bool, python: Path) -> tuple[Sequence[str | Path], Path]:
    """Write the framework's YAML and its list of data sets; return the command and its log file."""
    roles = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    columns = {"messages": "messages"} | ({"audios": "audios"} if spoken else {})
    entry = {"file_name": f"{name}.json", "formatting": "sharegpt", "columns": columns, "tags": roles}
    (folder / "dataset_info.json").write_text(json.dumps({name: entry}), encoding="utf-8")
    settings = {
        "model_name_or_path": str(folder / "model"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "freeze_vision_tower": not spoken,
        "freeze_multi_modal_projector": not spoken,
        "dataset": name,
        "dataset_dir": str(folder),
        "template": "qwen2_audio",
        "cutoff_len": 4096,
        "per_device_train_batch_size": MICRO_BATCH,
        "gradient_accumulation_steps": BATCH // MICRO_BATCH,
        "num_train_epochs": 1,
        "learning_rate": RATE,
        "lr_scheduler_type": "cosine",
        "disable_gradient_checkpointing": True,
        "output_dir": str(folder / f"theirs-{name}"),
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [python.parent / "llamafactory-cli", "train", folder / f"{name}.yaml"]
    return command, folder / f"theirs-{name}" / "trainer_log.jsonl"


# --- ms-swift ------------------------------------------------------------------------------------------------------


def prepare_ms_swift(folder: Path) -> None:
    """Change the model's files to those of transformers 4.48, whose tokenizers and processors differ."""
    (folder / "model" / "processor_config.json").unlink()  # it finds the extractor in its own file
    config = folder / "model" / "config.json"
    write_json(config, read_json(config) | {"ignore_index": -100})
    path = folder / "model" / "tokenizer_config.json"
    settings = read_json(path) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    settings["additional_special_tokens"] = settings.pop("extra_special_tokens", [])
    write_json(path, settings)


def ms_swift(folder: Path, name: str, spoken: bool, python: Path) -> tuple[Sequence[str | Path], Path]:
    """Return the command, which holds all settings, and its log file."""
    frozen = "false" if spoken else "true"
    options = {
        "model": str(folder / "model"),
        "model_type": "qwen2_audio",
        "template": "qwen2_audio",
        "tuner_type": "full",
        "dataset": str(folder / f"{name}.json"),
        "split_dataset_ratio": "0",
        "torch_dtype": "float32",
        "freeze_vit": frozen,
        "freeze_aligner": frozen,
        "per_device_train_batch_size": str(MICRO_BATCH),
        "gradient_accumulation_steps": str(BATCH // MICRO_BATCH),
        "num_train_epochs": "1",
        "learning_rate": str(RATE),
        "gradient_checkpointing": "false",
        "logging_steps": "1",
        "save_strategy": "no",
        "output_dir": str(folder / f"theirs-{name}"),
        "dataset_num_proc": "1",
    }
    flags = [part for key, value in options.items() for part in (f"--{key}", value)]
    return [python.parent / "swift", "sft", *flags], folder / f"theirs-{name}" / "logging.jsonl"


FRAMEWORKS: dict[str, tuple[Callable[[Path], None], Command]] = {
    "llama-factory": (prepare_llama_factory, llama_factory),
    "ms-swift": (prepare_ms_swift, ms_swift),
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
