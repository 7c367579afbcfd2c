"""Train the language model's LoRA and the adapter so that spoken and typed content lead to the same answer.

clip  -> states of every layer, answer --+
                                         +--> cross entropy (where the answer is known) + KL + distance of states
words -> states of every layer, answer --+    (the words are read by the same model, without a gradient)

Saved every few minutes; an interrupted run resumes exactly.
"""

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import kl_div, smooth_l1_loss

from eartune.files import atomic
from eartune.models.batch import Batch, Clip, Row
from eartune.models.chat_format import InstructionPosition, render
from eartune.models.families.qwen2_audio import CHAT, Qwen2Audio
from eartune.models.fused_operations import summed_cross_entropy
from eartune.models.pocket.build import LORA_ALPHA_OVER_RANK
from eartune.training.optimizer import MasterAdamW
from sentences import Sentence
from tasks import Question, draw_question, known_names

RANK = 16
LEARNING_RATE = 5e-4
ADAPTER_RATE = 0.3  # of the learning rate: the adapter's output is near the embeddings of tokens already
WARM_UP_STEPS = 60
DECAY_SHARE = 0.3  # constant, then linearly down to nothing over the last part
SPOKEN_SHARE = 0.85
TOKENS_A_BATCH = 1400
LONGEST_CLIP = 110  # audio tokens, 4.4 s; longer ones cost more than they teach
STATES_WEIGHT = 2.0
SAVE_SECONDS = 180


class Heard(NamedTuple):
    """A clip as the language model gets it: the encoder's states, and the frame that holds each of its tokens."""

    clip: Clip
    peaks: tuple[int, ...]


Clips = dict[tuple[int, str], Heard]
"""By take and text."""


class Example(NamedTuple):
    """A planned example: the sentence, its clip (None for text), where the instruction stands, and the question."""

    sentence: Sentence
    heard: Heard | None
    position: InstructionPosition
    question: Question
    length: int  # about, in tokens


def align(
    pocket: Qwen2Audio,
    sentences: Sequence[Sentence],
    clips: Clips,
    n_examples: int,
    work: Path,
    start: dict[str, Tensor],
) -> None:
    """Train on `n_examples` in total, from the tensors `start`, and write aligned.safetensors to the work folder."""
    prepare(pocket)
    put_back(pocket, start)
    batches = plan(sentences, clips, n_examples)
    optimizer = make_optimizer(pocket)
    state_file = work / "align.pt"
    done = 0
    if state_file.exists():
        saved = torch.load(state_file, weights_only=True)
        optimizer.load_state_dict(saved["optimizer"])
        done = saved["done"]
    started = saved_at = time.time()
    losses: list[dict[str, float]] = []
    for step in range(done, len(batches)):
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * schedule(step, len(batches), DECAY_SHARE)
        losses.append(take_step(pocket, batches[step], optimizer))
        if step % 20 == 19:
            left = (time.time() - started) / (step + 1 - done) * (len(batches) - step - 1)
            print(f"step {step + 1}/{len(batches)}  {means(losses)}  {left / 60:.0f} min left", flush=True)
            losses = []
        if time.time() - saved_at > SAVE_SECONDS or step + 1 == len(batches):
            saved_at = time.time()
            with atomic(state_file) as half_written:
                torch.save({"optimizer": optimizer.state_dict(), "done": step + 1}, half_written)
            with atomic(work / "aligned.safetensors") as half_written:
                save_file(trained_tensors(pocket), half_written)


def prepare(pocket: Qwen2Audio) -> None:
    """Add LoRA to the language model, make the adapter trainable, and freeze everything else."""
    pattern = r"model\.language_model\.layers\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
    lora = LoraConfig(r=RANK, lora_alpha=int(RANK * LORA_ALPHA_OVER_RANK), target_modules=pattern)
    torch.manual_seed(0)
    get_peft_model(pocket.model, lora, autocast_adapter_dtype=False)
    pocket.model.model.multi_modal_projector.requires_grad_(True)


def put_back(pocket: Qwen2Audio, tensors: dict[str, Tensor]) -> None:
    """Load the adapter and LoRA weights of an earlier alignment."""
    with torch.no_grad():
        for name, parameter in trained_parameters(pocket):
            if (saved := tensors.get(name.replace(".default.weight", ""))) is not None:
                parameter.copy_(saved)


def make_optimizer(pocket: Qwen2Audio) -> MasterAdamW:
    """Return the optimizer, in which the adapter has a rate of its own."""
    named = list(trained_parameters(pocket))
    groups = [
        {"params": [value for name, value in named if ("lora_" in name) is is_lora], "lr": rate, "initial_lr": rate}
        for is_lora, rate in ((True, LEARNING_RATE), (False, LEARNING_RATE * ADAPTER_RATE))
    ]
    return MasterAdamW(groups, weight_decay=0.0, betas=(0.9, 0.98))


def plan(sentences: Sequence[Sentence], clips: Clips, n_examples: int) -> list[list[Example]]:
    """Return batches of examples of one modality and similar length; the n-th does not depend on `n_examples`."""
    draw = random.Random(7)
    known = {sentence.text: sentence for sentence in sentences if not sentence.held_out}
    spoken = sorted(key for key, heard in clips.items() if key[1] in known and heard.clip.n_tokens <= LONGEST_CLIP)
    labelled = [sentence for sentence in known.values() if sentence.frame is not None]
    names = known_names(known.values())
    examples = []
    waiting: list[tuple[int, str]] = []
    for _ in range(n_examples):
        if draw.random() < SPOKEN_SHARE:
            if not waiting:
                waiting = draw.sample(spoken, len(spoken))
            key = waiting.pop()
            sentence, heard = known[key[1]], trim(clips[key], draw)
        else:
            sentence, heard = draw.choice(labelled), None
        question = draw_question(sentence, heard is not None, names, draw)
        content = heard.clip.n_tokens if heard is not None else len(sentence.text) // 4
        length = content + 30 + (len(question.instruction) + len(question.answer)) // 3
        examples.append(Example(sentence, heard, draw.choice(("after", "before")), question, length))
    chunks = [(start, examples[start : start + 640]) for start in range(0, n_examples, 640)]
    return [batch for start, chunk in chunks for batch in bucket(chunk, random.Random(start))]


def trim(heard: Heard, draw: random.Random) -> Heard:
    """Return the clip, mostly with no more than 0.4 s of silence at either end, where it teaches little."""
    if draw.random() < 0.15:
        return heard
    start = max(0, heard.peaks[0] - draw.randint(1, 10))
    stop = min(heard.clip.n_tokens, heard.peaks[-1] + 1 + draw.randint(1, 10))
    assert heard.clip.states is not None
    states = heard.clip.states[start:stop]
    return Heard(Clip(None, 0, len(states), states), tuple(peak - start for peak in heard.peaks))


def bucket(examples: Sequence[Example], draw: random.Random) -> list[list[Example]]:
    """Cut examples, sorted by length, into batches of at most `TOKENS_A_BATCH` padded tokens, then shuffle those."""
    batches: list[list[Example]] = []
    for is_spoken in (True, False):
        batches.append([])
        for example in sorted((e for e in examples if (e.heard is not None) is is_spoken), key=lambda e: e.length):
            if (len(batches[-1]) + 1) * example.length > TOKENS_A_BATCH:
                batches.append([])
            batches[-1].append(example)
    draw.shuffle(batches)
    return [batch for batch in batches if batch]


def take_step(pocket: Qwen2Audio, examples: Sequence[Example], optimizer: MasterAdamW) -> dict[str, float]:
    """Train one step on one batch; return the parts of the loss."""
    parts = spoken_loss(pocket, examples) if examples[0].heard is not None else typed_loss(pocket, examples)
    torch.stack(list(parts.values())).sum().backward()
    torch.nn.utils.clip_grad_norm_([value for _, value in trained_parameters(pocket)], 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return {name: part.item() for name, part in parts.items()}


def typed_loss(pocket: Qwen2Audio, examples: Sequence[Example]) -> dict[str, Tensor]:
    """Return the cross entropy of typed examples, a token."""
    batch = pocket.collate([typed(example) for example in examples])
    answers = batch.labels[:, 1:] != -100
    logits = pocket.head(pocket.hidden(batch)[:, :-1][answers])
    return {"typed": summed_cross_entropy(logits, batch.labels[:, 1:][answers]) / answers.sum()}


def spoken_loss(pocket: Qwen2Audio, examples: Sequence[Example]) -> dict[str, Tensor]:
    """Return the parts of the loss of spoken examples.

    words: cross entropy a token, of the answers that are known. kl: from the answer's distribution after reading to
    that after hearing, a token. states: smooth distance of the layers' states, at the frames of tokens and at all that
    follows the content, each feature in units of its standard deviation over the same states of the words.
    """
    read, heard = pocket.collate([typed(e) for e in examples]), pocket.collate([spoken(e) for e in examples])
    places = [matching(pocket, example) for example in examples]
    with torch.no_grad(), layer_outputs(pocket) as teacher:
        taught = pocket.head(pocket.hidden(read)[:, :-1][read.labels[:, 1:] != -100]).float().log_softmax(-1)
    with layer_outputs(pocket) as student:
        logits = pocket.head(pocket.hidden(heard)[:, :-1][heard.labels[:, 1:] != -100])
    labels = heard.labels[:, 1:][heard.labels[:, 1:] != -100]
    is_known = torch.tensor([e.question.is_known for e in examples])
    known = is_known[:, None].expand(-1, heard.labels.shape[1] - 1)[heard.labels[:, 1:] != -100]
    there = packed_places(heard, [spoken_places for _, spoken_places in places])
    here = packed_places(read, [typed_places for typed_places, _ in places])
    apart = [difference(s[0, there], t[0, here]) for s, t in zip(student, teacher, strict=True)]
    return {
        "words": summed_cross_entropy(logits[known], labels[known]) / known.sum().clamp(min=1),
        "kl": kl_div(logits.float().log_softmax(-1), taught, reduction="sum", log_target=True) / len(labels),
        "states": STATES_WEIGHT * torch.stack(apart).mean(),
    }


def difference(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean smooth distance of states (places, width), each feature in units of the teacher's deviation."""
    teacher = teacher.float()
    scale = teacher.std(0) + 1e-3
    return smooth_l1_loss(student.float() / scale, teacher / scale)


@contextmanager
def layer_outputs(pocket: Qwen2Audio) -> Iterator[list[Tensor]]:
    """Collect the output of every second layer of the language model inside the block, (1, packed, width) each."""
    found: list[Tensor] = []

    def collect(layer: Any, inputs: Any, output: Tensor) -> None:
        found.append(output)

    hooks = [layer.register_forward_hook(collect) for layer in pocket.language_model.layers[1::2]]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def typed(example: Example) -> Row:
    """Return the example as a row whose content is text."""
    question = example.question
    return Row(render(CHAT, question.instruction, example.sentence.text, example.position), None, question.answer)


def spoken(example: Example) -> Row:
    """Return the example as a row whose content is speech."""
    assert example.heard is not None
    question = example.question
    return Row(render(CHAT, question.instruction, None, example.position), example.heard.clip, question.answer)


def matching(pocket: Qwen2Audio, example: Example) -> tuple[list[int], list[int]]:
    """Return which tokens of the typed row and which of the spoken one stand for the same: content, and what follows.

    Places count from the end of the row, -1 being its last token. Tokens of the first word are left out where it is
    cut differently at the beginning of a text and after a space.
    """
    assert example.heard is not None
    question = example.question

    def ids(text: str) -> list[int]:
        found: list[int] = pocket.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    trail = f"\n{question.instruction}" if example.position == "after" else ""
    n_following = len(ids(trail + CHAT.answer_open)) + len(ids(question.answer + CHAT.answer_end))
    n_close = len(ids(CHAT.audio_close))
    n_typed, peaks, n_frames = len(ids(example.sentence.text)), example.heard.peaks, example.heard.clip.n_tokens
    n_content = n_typed if n_typed == len(peaks) else min(n_typed, len(peaks)) - 1
    following = list(range(-n_following, 0))
    typed_places = [-n_following - back for back in range(1, n_content + 1)]
    spoken_places = [-n_following - n_close - n_frames + peaks[-back] for back in range(1, n_content + 1)]
    return typed_places + following, spoken_places + following


def packed_places(batch: Batch, places: Sequence[Sequence[int]]) -> Tensor:
    """Return the places of all rows, which count from the end of a row, as places of the packed sequence."""
    kept = batch.attention_mask != 0
    kept[1:, : batch.n_shared] = False
    packed = (kept.flatten().cumsum(0) - 1).reshape(kept.shape)
    packed[:, : batch.n_shared] = packed[:1, : batch.n_shared]
    n_padding = (batch.attention_mask == 0).sum(1).tolist()
    columns = [
        [column if (column := width + place) >= batch.n_shared + padding else column - padding for place in row]
        for row, padding, width in zip(places, n_padding, [kept.shape[1]] * len(places), strict=True)
    ]
    return torch.cat([packed[row, torch.tensor(some)] for row, some in enumerate(columns)])


def means(losses: Sequence[dict[str, float]]) -> str:
    """Return the mean of each part of the loss as text."""
    names = sorted({name for loss in losses for name in loss})
    found = {name: [loss[name] for loss in losses if name in loss] for name in names}
    return "  ".join(f"{name} {sum(values) / len(values):.3f}" for name, values in found.items())


def schedule(step: int, total: int, decay_share: float) -> float:
    """Return the factor of the learning rate: linear warm-up, a plateau, and linear decay over a share of the steps."""
    return min((step + 1) / WARM_UP_STEPS, (total - step) / math.ceil(total * decay_share), 1.0)


def trained_tensors(pocket: Qwen2Audio) -> dict[str, Tensor]:
    """Return the weights to ship under the names of the merged model: `<module>.lora_A`, `.lora_B`, and the adapter."""
    tensors = {}
    for name, parameter in trained_parameters(pocket):
        tensors[name.replace(".default.weight", "")] = parameter.detach().to(torch.bfloat16).contiguous()
    return tensors


def trained_parameters(pocket: Qwen2Audio) -> Iterator[tuple[str, Tensor]]:
    """Return the trainable parameters of the wrapped model by name."""
    return ((name, value) for name, value in pocket.model.named_parameters() if value.requires_grad)
