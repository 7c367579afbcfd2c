"""SLURP's scoring, in plain loops as its official scorer is described, with the libraries that it names.

The official code has no licence and is not included. This replaces it as a baseline of speed, and as a check of the
numbers. It needs an environment with textdistance 4.1.5 and jiwer 2.0.0.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import jiwer
import textdistance


def main(gold_file: str, predictions_file: str) -> None:
    """Print the micro F1 scores and the seconds of reading and scoring."""
    started = time.perf_counter()
    gold = {}
    for row in map(json.loads, Path(gold_file).read_text(encoding="utf-8").splitlines()):
        for recording in row["recordings"]:
            gold[recording["file"]] = gold_of(row)
    predictions = {}
    for row in map(json.loads, Path(predictions_file).read_text(encoding="utf-8").splitlines()):
        predictions[row["file"]] = row
    sums = {name: Counter() for name in ("scenario_f1", "action_f1", "intent_f1", "entity_f1", "word_f1", "char_f1")}
    for key, right in gold.items():
        if key in predictions:
            add(sums, right, predictions[key])
    sums["slu_f1"] = sums["word_f1"] + sums["char_f1"]
    scores = {name: 2 * s["tp"] / (2 * s["tp"] + s["fp"] + s["fn"]) for name, s in sums.items()}
    print(json.dumps({"seconds": time.perf_counter() - started, "scores": scores}))


def gold_of(row: dict) -> dict:
    """Return scenario, action and entities; fillers are lower-cased tokens."""
    words = [token["surface"].lower() for token in row["tokens"]]
    entities = [{"type": e["type"], "filler": " ".join(words[place] for place in e["span"])} for e in row["entities"]]
    return {"scenario": row["scenario"], "action": row["action"], "entities": entities}


def add(sums: dict, gold: dict, said: dict) -> None:
    """Add one recording's hits and errors."""
    pairs = {name: (gold[name], said[name]) for name in ("scenario", "action")}
    pairs["intent"] = tuple(f"{row['scenario']}_{row['action']}" for row in (gold, said))
    for name, (right, answer) in pairs.items():
        sums[f"{name}_f1"].update({"tp": 1} if right == answer else {"fp": 1, "fn": 1})
    spans(sums["entity_f1"], gold["entities"], said["entities"])
    distances(sums["word_f1"], gold["entities"], said["entities"], jiwer.wer)
    distances(sums["char_f1"], gold["entities"], said["entities"], textdistance.levenshtein.normalized_distance)


def spans(sums: Counter, gold: list, said: list) -> None:
    """Count entities with the exact filler."""
    left = list(gold)
    for entity in said:
        if entity in left:
            left.remove(entity)
            sums["tp"] += 1
        else:
            sums["fp"] += 1
    sums["fn"] += len(left)


def distances(sums: Counter, gold: list, said: list, distance) -> None:
    """Count entities of the right type, with the distance of their fillers as error."""
    left = list(gold)
    for entity in said:
        rivals = [
            (distance(g["filler"], entity["filler"]), n) for n, g in enumerate(left) if g["type"] == entity["type"]
        ]
        if rivals:
            apart, place = min(rivals)
            del left[place]
            sums.update({"tp": 1, "fp": apart, "fn": apart})
        else:
            sums["fp"] += 1
    sums["fn"] += len(left)


if __name__ == "__main__":
    main(*sys.argv[1:])
