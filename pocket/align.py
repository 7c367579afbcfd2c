"""Train adapter and LoRA together to answer speech as text is answered; saved every few minutes, resumed exactly."""

import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor

from eartune.models.batch import Clip, Row
from eartune.models.chat_format import render
from eartune.models.families.qwen2_audio import CHAT, Qwen2Audio
from eartune.models.fused_operations import summed_cross_entropy
from eartune.models.pocket.build import LORA_ALPHA_OVER_RANK
from eartune.training.optimizer import MasterAdamW
from hearing import Clips
from sentences import Sentence
from tasks import draw_question

RANK = 16
LEARNING_RATE = 5e-4
WARM_UP_STEPS = 60
DECAY_SHARE = 0.3  # constant, then linearly down to nothing over the last part
SPOKEN_SHARE = 0.68
TOKENS_A_BATCH = 1400
SAVE_SECONDS = 240


class Example(NamedTuple):
    """A planned example: the sentence, its clip (None for text), the instruction and the answer."""

    sentence: Sentence
    clip: Clip | None
    instruction: str
    answer: str
    length: int  # about, in tokens


def align(
    pocket: Qwen2Audio,
    sentences: list[Sentence],
    clips: Clips,
    n_examples: int,
    work: Path,
    shipped: Path | None,
) -> None:
    """Train on `n_examples` in total and write `pocket.safetensors` to the work folder."""
    prepare(pocket)
    if shipped is not None:
        put_back(pocket, load_file(shipped))
    batches = plan(sentences, clips, n_examples)
    optimizer = MasterAdamW(pocket.model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, betas=(0.9, 0.98))
    state_file = work / "align.pt"
    done = 0
    if state_file.exists():
        saved = torch.load(state_file, weights_only=True)
        optimizer.load_state_dict(saved["optimizer"])
        done = saved["done"]
    started = saved_at = time.time()
    losses: list[float] = []
    for step in range(done, len(batches)):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedule(step, len(batches))
        losses.append(take_step(pocket, [make_row(example) for example in batches[step]], optimizer))
        if step % 20 == 19:
            left = (time.time() - started) / (step + 1 - done) * (len(batches) - step - 1)
            print(
                f"step {step + 1}/{len(batches)}  loss {sum(losses) / len(losses):.3f}  {left / 60:.0f} min left",
                flush=True,
            )
            losses = []
        if time.time() - saved_at > SAVE_SECONDS or step + 1 == len(batches):
            saved_at = time.time()
            half_done = state_file.with_suffix(".part")
            torch.save({"optimizer": optimizer.state_dict(), "done": step + 1}, half_done)
            half_done.replace(state_file)
            save_file(trained_tensors(pocket), work / "pocket.safetensors")


def prepare(pocket: Qwen2Audio) -> None:
    """Add LoRA to the language model, make the adapter trainable, and freeze everything else."""
    pattern = r"model\.language_model\.layers\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
    lora = LoraConfig(r=RANK, lora_alpha=int(RANK * LORA_ALPHA_OVER_RANK), target_modules=pattern)
    torch.manual_seed(0)
    get_peft_model(pocket.model, lora, autocast_adapter_dtype=False)
    pocket.model.model.multi_modal_projector.requires_grad_(True)


def put_back(pocket: Qwen2Audio, shipped: dict[str, Tensor]) -> None:
    """Load the adapter and LoRA weights of an earlier alignment."""
    with torch.no_grad():
        for name, parameter in trained_parameters(pocket):
            parameter.copy_(shipped[name.replace(".default.weight", "")])


def plan(sentences: list[Sentence], clips: Clips, n_examples: int) -> list[list[Example]]:
    """Return batches of examples of similar length; the n-th example does not depend on `n_examples`."""
    draw = random.Random(7)
    known = {sentence.text: sentence for sentence in sentences if not sentence.held_out}
    spoken = sorted(key for key in clips if key[1] in known)
    typed = list(known.values())
    labelled = [sentence for sentence in typed if sentence.frame is not None]
    examples = []
    waiting: list[tuple[int, str]] = []
    for _ in range(n_examples):
        if draw.random() < SPOKEN_SHARE:
            if not waiting:
                waiting = draw.sample(spoken, len(spoken))
            take, text = waiting.pop()
            sentence, clip = known[text], clips[take, text]
        else:
            sentence, clip = draw.choice(labelled if draw.random() < 0.5 else typed), None
        asked, answer = draw_question(sentence, clip is not None, draw)
        content = clip.n_tokens if clip is not None else len(sentence.text) // 4
        examples.append(Example(sentence, clip, asked, answer, content + 30 + (len(asked) + len(answer)) // 3))
    chunks = [(start, examples[start : start + 640]) for start in range(0, n_examples, 640)]
    return [batch for start, chunk in chunks for batch in bucket(chunk, random.Random(start))]


def bucket(examples: list[Example], draw: random.Random) -> list[list[Example]]:
    """Cut examples, sorted by length, into batches of at most `TOKENS_A_BATCH` padded tokens, then shuffle those."""
    batches: list[list[Example]] = [[]]
    for example in sorted(examples, key=lambda e: e.length):
        if (len(batches[-1]) + 1) * example.length > TOKENS_A_BATCH:
            batches.append([])
        batches[-1].append(example)
    draw.shuffle(batches)
    return [batch for batch in batches if batch]


def make_row(example: Example) -> Row:
    """Return the example as a row of a batch."""
    text = example.sentence.text if example.clip is None else None
    return Row(render(CHAT, example.instruction, text), example.clip, example.answer)


def take_step(pocket: Qwen2Audio, rows: list[Row], optimizer: MasterAdamW) -> float:
    """Train one step on one batch; return the mean loss over the tokens of the answers."""
    batch = pocket.collate(rows)
    answers = batch.labels[:, 1:] != -100
    logits = pocket.head(pocket.hidden(batch)[:, :-1][answers])
    loss = summed_cross_entropy(logits, batch.labels[:, 1:][answers]) / answers.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(pocket.model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def schedule(step: int, total: int) -> float:
    """Return the factor of the learning rate: linear warm-up, a plateau, and linear decay."""
    return min((step + 1) / WARM_UP_STEPS, (total - step) / math.ceil(total * DECAY_SHARE), 1.0)


def trained_tensors(pocket: Qwen2Audio) -> dict[str, Tensor]:
    """Return the weights to ship under the names of the merged model: `<module>.lora_A`, `.lora_B`, and the adapter."""
    tensors = {}
    for name, parameter in trained_parameters(pocket):
        tensors[name.replace(".default.weight", "")] = parameter.detach().to(torch.bfloat16).contiguous()
    return tensors


def trained_parameters(pocket: Qwen2Audio) -> Iterator[tuple[str, Tensor]]:
    """Return the trainable parameters of the wrapped model by name."""
    return ((name, value) for name, value in pocket.model.named_parameters() if value.requires_grad)
