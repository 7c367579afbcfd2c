"""Training steps against LLaMA-Factory, installed on its own: python benchmarks/against_llama_factory.py PYTHON

PYTHON is that of an environment with `pip install llamafactory==0.9.5` and torch, torchaudio and torchvision that fit
each other (2.11.0, 2.11.0, 0.26.0 do). It tunes all weights of the same model on the same requests, with the same
micro-batches, in turns with ours, in float32, as it knows no other on a CPU. Its own defaults stay, but that it need
not compute activations twice, and that soundfile reads its recordings. Writes benchmarks/against_llama_factory.json:
examples a second (medians of the rounds), ratios.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml
from against_stock import MICRO_BATCH, RATE, row_maker, row_of, train_ours
from mid_size import our_model, requests, spoken
from rich.console import Console

from eartune.files import write_json
from eartune.provenance import made_with
from eartune.schemes import Example, as_text
from eartune.tasks.slu import instruction

ROUNDS, BATCH, STEPS = 1, 8, 4  # a step of speech takes it half a minute; its log has whole seconds

READ_BY_SOUNDFILE = """import soundfile, torch, torchaudio
def load(path, *args, **kwargs):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T), rate
torchaudio.load = load
"""  # its own loader needs TorchCodec, and that ffmpeg


def main(python: Path) -> None:
    """Speech and text."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        our_model().save(folder / "model")
        utterances = requests(BATCH * STEPS)
        data = {"speech step": spoken(utterances, folder), "text step": as_text(utterances)}
        rows = [compare(what, examples, folder, python) for what, examples in data.items()]
    write_json(Path(__file__).with_suffix(".json"), {"rows": rows, "made_with": made_with()})
    Console().print(rows)


def compare(what: str, examples: tuple[Example, ...], folder: Path, python: Path) -> dict[str, Any]:
    """Examples a second of both, round by round; how far losses are apart is not asked, as its prompts differ."""
    theirs, ours = [], []
    for number in range(ROUNDS):
        theirs.append(train_theirs(examples, folder, f"theirs-{what.split()[0]}-{number}", python))
        ours.append(train_ours(examples, "after", BATCH, folder / f"ours-{what}-{number}", torch.float32))
    row = row_of(what, "after", theirs, ours, float("nan"))
    return {key.replace("stock", "LLaMA-Factory"): value for key, value in row.items() if key != "apart"}


def train_theirs(examples: tuple[Example, ...], folder: Path, name: str, python: Path) -> float:
    """Examples a second after the first step."""
    maker = row_maker(our_model(), "after")
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
    (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    roles = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    columns = {"messages": "messages"} | ({"audios": "audios"} if rows[0]["audios"] else {})
    entry = {"file_name": f"{name}.json", "formatting": "sharegpt", "columns": columns, "tags": roles}
    (folder / "dataset_info.json").write_text(json.dumps({name: entry}), encoding="utf-8")
    settings = {
        "model_name_or_path": str(folder / "model"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "freeze_vision_tower": example_is_text(examples),
        "freeze_multi_modal_projector": example_is_text(examples),
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
        "output_dir": str(folder / name),
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "sitecustomize.py").write_text(READ_BY_SOUNDFILE, encoding="utf-8")
    command = [python.parent / "llamafactory-cli", "train", folder / f"{name}.yaml"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(folder)})
    log = [json.loads(line) for line in (folder / name / "trainer_log.jsonl").read_text().splitlines()]
    first, last = (seconds(log[i]["elapsed_time"]) for i in (0, STEPS - 1))
    return BATCH * (STEPS - 1) / (last - first)


def shown(example: Example) -> str | None:
    """The placeholder of a recording, or the words."""
    return example.utterance.text if example.recording is None else "<audio>"


def example_is_text(examples: tuple[Example, ...]) -> bool:
    """Whether nothing is heard, so that what hears is frozen."""
    return examples[0].recording is None


def seconds(elapsed: str) -> int:
    """Of h:mm:ss."""
    hours, minutes, rest = map(int, elapsed.split(":"))
    return 3600 * hours + 60 * minutes + rest


if __name__ == "__main__":
    main(Path(sys.argv[1]))
