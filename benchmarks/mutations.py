"""Break one line of the code at a time, and see whether the tests that guard it fail.

    python benchmarks/mutations.py              # all rows
    python benchmarks/mutations.py cosine seed  # those whose name holds one of these words
    python benchmarks/mutations.py --list

A row of MUTATIONS is (name, file, old text, new text, tests). In a temporary copy of the tree the old text, which must
stand in the file exactly once, becomes the new text, and the tests (as pytest is given them) are run. They must fail:

    killed      the tests failed, as they should
    SURVIVES    the tests passed: nothing holds this line
    BROKEN      pytest found no tests, or could not load them
    STALE       the old text does not stand in the file exactly once

First the tests of all rows run on the untouched copy, where they must pass. The exit code is 0 if all are killed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = (
    "src",
    "tests",
    "benchmarks",
    "experiments",
    "pocket",
    "docs",
    "results",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
)

TRAINER, CALLBACKS = "src/eartune/training/trainer.py", "src/eartune/training/callbacks.py"
OPTIMIZER, RUNNER = "src/eartune/training/optimizer.py", "src/eartune/experiments/model_run.py"
RUN_FOLDER = "src/eartune/run_folder.py"
RECIPE, LOG = "tests/unit/training/test_recipe.py", "tests/unit/training/test_callbacks.py"
SEEDS, TRAINER_TESTS = "tests/flow/test_seeds.py", "tests/unit/training/test_trainer.py"
PROGRESS, PROGRESS_TESTS = "src/eartune/experiments/progress.py", "tests/unit/experiments/test_progress.py"
ANSWERS, ANSWERS_TESTS = "src/eartune/inference/answers.py", "tests/unit/inference/test_answers.py"
FOLDER, FOLDER_TESTS = "src/eartune/run_folder.py", "tests/unit/test_run_folder.py"
INDEX, INDEX_TESTS = "src/eartune/data/recording_index.py", "tests/unit/data/test_recording_index.py"
LISTENING, KEYS = "src/eartune/inference/listening_check.py", "src/eartune/experiments/keys.py"
COMPONENTS, BEAMS = "src/eartune/models/components.py", "src/eartune/models/generation/beam_search.py"
RUNS, RUNS_GRID = "tests/flow/test_experiment.py", "src/eartune/experiments/runner.py"
GRID, GRID_TESTS = "src/eartune/experiments/grid.py", "tests/unit/experiments/test_grid.py"
WORKERS, SHARED = "src/eartune/experiments/workers.py", "tests/flow/test_workers.py"
CACHE, CACHE_TESTS = "src/eartune/training/encoder_cache.py", "tests/unit/training/test_encoder_cache.py"
MODEL_RUN, CLAIMS_TESTS = "src/eartune/experiments/model_run.py", "tests/unit/experiments/test_model_run.py"
PROCESSES, PROCESSES_TESTS = "src/eartune/processes.py", "tests/unit/test_processes.py"
PROCESSES_IN_TRAINING = "tests/unit/training/test_processes_in_training.py"
IN_TRAINING = f"{PROCESSES_IN_TRAINING}::test_several_processes_train_as_one"
CUT_AND_TAKEN_UP = (
    f"{PROCESSES_IN_TRAINING}::test_a_stage_cut_on_some_processes_and_taken_up_on_others_ends_as_if_never_cut"
)
CHOICE, CHOICE_TESTS = "src/eartune/data/recording_choice.py", "tests/unit/data/test_recording_choice.py"
SCRIPT, SCRIPT_TESTS = "src/eartune/data/recording_script.py", "tests/unit/data/test_recording_script.py"
KILLED, THROUGH_WORDS = "tests/flow/test_kill_and_resume.py", "tests/flow/test_through_words.py"
DISK, DISK_TESTS = "src/eartune/training/disk_estimate.py", "tests/unit/training/test_disk_estimate.py"
CLASSIFICATION, CLASSIFICATION_TESTS = (
    "src/eartune/tasks/classification.py",
    "tests/unit/tasks/test_classification.py",
)
EPOCHS, EPOCHS_TESTS = "src/eartune/training/epoch_choice.py", "tests/unit/training/test_epoch_choice.py"
DEV_CHOICE, SETTINGS_CHOSEN = "src/eartune/experiments/dev_choice.py", "tests/flow/test_choice_of_settings.py"
CHOSEN, PLAN = "tests/flow/test_choice_of_epochs.py", "src/eartune/experiments/plan.py"
COUNTS, EVALUATE = (
    "src/eartune/evaluation/metrics/count_table.py",
    "src/eartune/evaluation/metrics/evaluate.py",
)
CONFIDENCE, CALIBRATION = "src/eartune/evaluation/metrics/confidence.py", "src/eartune/evaluation/calibration.py"
CONSTRAINT, CONSTRAINT_TESTS = (
    "src/eartune/models/generation/json_constraint.py",
    "tests/unit/models/generation/test_json_constraint.py",
)
UTTERANCE, UTTERANCE_TESTS = "src/eartune/data/utterance.py", "tests/unit/data/test_utterance.py"
TASK_SETTINGS, TASK_TESTS = "src/eartune/tasks/settings.py", "tests/unit/tasks/test_task_of_ones_own.py"
TASK_FLOW = "tests/flow/test_tasks.py"
FUSED_OPS, FUSED_OPS_TESTS = "src/eartune/models/fused_operations.py", "tests/unit/models/test_fused_operations.py"
FUSED_LINEAR, FUSED_LINEAR_TESTS = "src/eartune/models/fused_linear.py", "tests/unit/models/test_fused_linear.py"
PACKED, PACKED_TESTS = "src/eartune/models/packed_attention.py", "tests/unit/models/test_packed_attention.py"
STAGED = "src/eartune/training/staged.py"
SCHEMES, BEYOND = "src/eartune/training/schemes.py", "tests/flow/test_schemes_beyond_the_paper.py"
DISTILLATION, DISTILLATION_TESTS = "src/eartune/training/distillation.py", "tests/unit/training/test_distillation.py"
TEACHER, TEACHER_TESTS = "src/eartune/inference/teacher.py", "tests/unit/inference/test_teacher.py"
LABELLING, LABELLING_TESTS = (
    "src/eartune/inference/self_labelling.py",
    "tests/unit/inference/test_self_labelling.py",
)
WORKER, WORKER_TESTS = "src/eartune/serving/worker.py", "tests/unit/serving/test_worker.py"
GATE, SERVING, SERVING_TESTS = (
    "src/eartune/serving/gate.py",
    "src/eartune/serving/app.py",
    "tests/unit/serving/test_app.py",
)
KEPT, KEPT_TESTS = "src/eartune/serving/kept_rows.py", "tests/unit/serving/test_kept_rows.py"
SERVER, SERVER_TESTS = "src/eartune/serving/server.py", "tests/unit/serving/test_server.py"
CHAT, ANSWERS_FILE = "src/eartune/serving/chat.py", "src/eartune/cli/answers_file.py"
PREDICT, PREDICT_TESTS = "src/eartune/cli/predict.py", "tests/unit/cli/test_predict.py"
APP, APP_TESTS = "src/eartune/cli/app.py", "tests/unit/cli/test_app.py"
SOUND_FILE, SOUND_FILE_TESTS = "src/eartune/data/sound_file.py", "tests/unit/data/test_sound_file.py"
FILES, FILES_TESTS = "src/eartune/files.py", "tests/unit/test_files.py"
RECORDING_POOL = "src/eartune/experiments/recording_pool.py"
RECORDING_POOL_TESTS = "tests/unit/experiments/test_recording_pool.py"
TRY_PAGE, TRY_TESTS = "src/eartune/serving/try_page.html", "tests/flow/test_try_page.py"
BETWEEN, BETWEEN_TESTS = "src/eartune/models/generation/kept.py", "tests/unit/models/generation/test_kept.py"
GENERATE = "src/eartune/models/generation/generate.py"
AUGMENTATION_TESTS = "tests/unit/data/test_augmentation.py"

MUTATIONS: tuple[tuple[str, str, str, str, str], ...] = (
    # --- the training recipe
    ("cosine is constant", TRAINER, '"cosine"', '"constant_with_warmup"', RECIPE),
    ("warm-up removed", TRAINER, "round(stage.warmup_ratio * n_steps)", "0", RECIPE),
    ("clipping removed", TRAINER, "max_grad_norm=settings.max_grad_norm", "max_grad_norm=0.0", RECIPE),
    (
        "weight decay ignored",
        OPTIMIZER,
        "MasterAdamW(groups, weight_decay=settings.weight_decay)",
        "MasterAdamW(groups, weight_decay=0.0)",
        RECIPE,
    ),
    (
        "weight decay of 8-bit AdamW ignored",
        OPTIMIZER,
        "AdamW8bit(groups, weight_decay=settings.weight_decay,",
        "AdamW8bit(groups, weight_decay=0.0,",
        RECIPE,
    ),
    ("seed of the order ignored", TRAINER, "settings.batch_size, seed)", "settings.batch_size, 0)", RECIPE),
    ("seed of dropout ignored", TRAINER, "        seed=seed,", "        seed=0,", RECIPE),
    (
        "every epoch in one order",
        TRAINER,
        "        epoch: list[tuple[float, tuple[Example, ...]]] = []\n",
        "        epoch: list[tuple[float, tuple[Example, ...]]] = []\n        draw = random.Random(seed)\n",
        RECIPE,
    ),
    (
        "runner trains with seed 0",
        RUNNER,
        "settings, plan.cell.seed, folder.path",
        "settings, 0, folder.path",
        SEEDS,
    ),
    (
        "runner draws LoRA with seed 0",
        RUNNER,
        "lora.add(experiment.training.lora, plan.cell.seed)",
        "lora.add(experiment.training.lora, 0)",
        SEEDS,
    ),
    # --- a stage that another run has trained
    (
        "other runs: an unfinished stage is taken",
        RUN_FOLDER,
        "for other in found if other.is_finished)",
        "for other in found)",
        "tests/flow/test_experiment.py",
    ),
    (
        "other runs: a stage is finished before its weights are there",
        RUN_FOLDER,
        "for path in sorted(files, key=lambda path: path == other.note):",
        "for path in sorted(files):",
        "tests/unit/test_run_folder.py",
    ),
    (
        "other runs: a log is linked that a later training would change in both",
        RUN_FOLDER,
        "if path == other.weights:",
        "if True:",
        "tests/unit/test_run_folder.py",
    ),
    # --- recordings that nobody labelled
    (
        "self-training: labelled recordings count as unlabelled",
        "src/eartune/prepare/recipes.py",
        "if row.recordings and not any(_real(one) in known for one in row.recordings)",
        "if row.recordings",
        "tests/flow/test_prepare.py",
    ),
    (
        "prepare: what was written below a folder is read with it",
        "src/eartune/cli/prepare.py",
        "if folder.resolve() not in own.parents:",
        "if True:",
        "tests/flow/test_prepare.py",
    ),
    # --- the log and the checkpoints of a stage
    ("checkpoint at the last step", CALLBACKS, " and state.global_step < state.max_steps", "", LOG),
    ("log not cut back", CALLBACKS, "cut_log(self.path, state.global_step)", "pass", LOG),
    (
        "half a line of the log kept",
        CALLBACKS,
        "        except ValueError:\n",
        "        except ValueError:\n            kept.append(line)\n",
        LOG,
    ),
    (
        "time of earlier sessions forgotten",
        CALLBACKS,
        "self.earlier_seconds + self.clock()",
        "self.clock()",
        LOG,
    ),
    ("interval ignores the save", CALLBACKS, "CHECKPOINT_SHARE * self.save_seconds", "0.0", LOG),
    ("time of a save is not measured", TRAINER, "saved(self.training_log.clock() - started)", "saved(0.0)", LOG),
    (
        "batches pickled without workers",
        TRAINER,
        "PickledBatches(batches) if arguments.dataloader_num_workers else batches",
        "PickledBatches(batches)",
        f"{TRAINER_TESTS}::test_without_workers_batches_are_handed_over_as_they_are",
    ),
    (
        "rows tokenized twice",
        TRAINER,
        "self.model.tokenize(self.make_row(example))",
        "self.make_row(example)",
        f"{TRAINER_TESTS}::test_a_row_is_tokenized_once",
    ),
    ("half a checkpoint is loaded", FOLDER, 'read_json(self.path / "trainer_state.json")', "pass", LOG),
    # --- what a killed run leaves
    ("half an answer kept", FILES, "file.truncate(whole)", "pass", ANSWERS_TESTS),
    ("everything asked again", ANSWERS, "if not all(key in known", "if None not in (key in known", ANSWERS_TESTS),
    ("half a batch kept", ANSWERS, "if not all(key in known", "if not any(key in known", ANSWERS_TESTS),
    ("answers written late", ANSWERS, "                file.flush()\n", "", ANSWERS_TESTS),
    (
        "collected answers stay",
        ANSWERS,
        "    _remove_parts(path)\n    return _written",
        "    return _written",
        ANSWERS_TESTS,
    ),
    (
        "an old key stays until the end",
        FOLDER,
        "(self.fingerprint, *answers, self.scores, self.result, self.prompts)",
        "(*answers, self.scores, self.result, self.prompts)",
        FOLDER_TESTS,
    ),
    (
        "index written without its lock",
        INDEX,
        ".hold(self.file.stem, wait=True)",
        ".hold(self.file.stem + str(id(self)), wait=True)",
        INDEX_TESTS,
    ),
    ("half of the weights stay", FOLDER, "            remove(half_written)", "            pass", FOLDER_TESTS),
    (
        "half an index stays",
        INDEX,
        "remove_leftovers(self.file.parent, stem",
        "remove_leftovers(self.file, stem",
        INDEX_TESTS,
    ),
    (
        "checkpoints of a finished stage stay",
        "src/eartune/experiments/runner.py",
        "            stage.remove_what_training_needs()\n",
        "            pass\n",
        KILLED,
    ),
    ("half-written files stay", FOLDER, "(self.path, recursive=True)", "(self.path)", KILLED),
    ("workers outlive the run", TRAINER, "worker_init_fn=_end_with_the_run", "worker_init_fn=None", KILLED),
    # --- several workers
    ("a model that failed is not tried again", GRID, "TRIES = 2", "TRIES = 1", RUNS),
    ("a model that failed is tried again at once", GRID, "untried or ready", "ready", GRID_TESTS),
    ("a stage in training is not waited for", GRID, "training = {", "training = set() and {", GRID_TESTS),
    ("the claim of a dead worker is of others", GRID, " and not self._tries[name]", "", GRID_TESTS),
    ("what others claimed is not looked up", GRID, "if self.is_free(self._taken[name]):", "if True:", GRID_TESTS),
    (
        "workers live on",
        WORKERS,
        "    except (EOFError, OSError):\n        os._exit(1)",
        "    except OSError:\n        pass",
        SHARED,
    ),
    ("a worker that died is not replaced", RUNS_GRID, "            slot.renew()", "            pass", SHARED),
    (
        "a stage that others train is trained",
        MODEL_RUN,
        "self.claims.hold(name)",
        "self.claims.hold(str(id(self)))",
        SHARED,
    ),
    ("a lost claim is not noticed", MODEL_RUN, "            self.claims.check()\n", "", CLAIMS_TESTS),
    ("the cache takes what others need", CACHE, "set() if self.claims.of_others() else ", "", CACHE_TESTS),
    # --- several processes
    (
        "processes: loss divided by own labels",
        TRAINER,
        "for some in batches], n_labels)",
        "for some in batches], sum(len(row.token_ids[1]) for row in own))",
        IN_TRAINING,
    ),
    ("processes: loss is of one", TRAINER, "self.processes.add_up([total])", "pass", IN_TRAINING),
    (
        "processes: gradients and their norm are of one",
        TRAINER,
        "self.processes.sum_gradients(list(components.trainable()))",
        "pass",
        IN_TRAINING,
    ),
    (
        "processes: gradients are summed after the norm",
        TRAINER,
        "        self.processes.sum_gradients(list(components.trainable()))\n        return total\n",
        "        return total\n\n    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:\n"
        "        self.processes.sum_gradients(list(self.model.audio_llm.components.trainable()))\n"
        "        return super()._get_grad_norm(model, grad_norm=grad_norm)\n",
        IN_TRAINING,
    ),
    ("processes: what none has counts as zero", PROCESSES, "strict=True) if n]", "strict=True)]", PROCESSES_TESTS),
    (
        "processes: what one lacks is left out",
        PROCESSES,
        "torch.zeros_like(parameter) if parameter.grad is None",
        "torch.ones_like(parameter) if parameter.grad is None",
        PROCESSES_TESTS,
    ),
    (
        "processes: weights stay with their owners",
        TRAINER,
        "        give_out_weights(self.model.components, self.processes)",
        "        pass",
        IN_TRAINING,
    ),
    (
        "processes: moments of one share are loaded",
        OPTIMIZER,
        'for share in saved for name, value in share["state"]',
        'for share in saved[:1] for name, value in share["state"]',
        CUT_AND_TAKEN_UP,
    ),
    (
        "processes: masters of one share are loaded",
        OPTIMIZER,
        'for share in saved for name, value in share["masters"]',
        'for share in saved[:1] for name, value in share["masters"]',
        CUT_AND_TAKEN_UP,
    ),
    (
        "processes: dropout goes on from the first one's state",
        TRAINER,
        "torch.manual_seed(hash((self.args.seed, step, self.processes.rank)))",
        "pass",
        f"{PROCESSES_IN_TRAINING}::test_a_stage_with_dropout_that_is_cut_ends_as_if_never_cut",
    ),
    (
        "processes: every clock decides on checkpoints",
        CALLBACKS,
        "self.processes.of_first(lambda: self.clock() - self.saved_at >= interval)",
        "self.clock() - self.saved_at >= interval",
        CUT_AND_TAKEN_UP,
    ),
    (
        "processes: rows are dealt out as they come",
        "src/eartune/training/micro_batches.py",
        "key=lambda place: -lengths[place]",
        "key=lambda place: place",
        "tests/unit/training/test_micro_batches.py",
    ),
    (
        "processes: they outlive the one that started them",
        "src/eartune/experiments/ranks.py",
        "    threading.Thread(target=_end_with_the_one_that_waits, daemon=True).start()\n",
        "",
        "tests/unit/experiments/test_ranks.py",
    ),
    ("processes: all answer everything", ANSWERS, "processes.share_of(unknown)", "unknown", ANSWERS_TESTS),
    (
        "processes: answers of others are forgotten at a resume",
        ANSWERS,
        "rows = [row for part in (collected, *_parts_of_others(path))",
        "rows = [row for part in (collected,)",
        ANSWERS_TESTS,
    ),
    (
        "processes: answers to other settings are taken",
        ANSWERS,
        "        _remove_parts(path)\n        rows = []\n",
        "        pass\n",
        ANSWERS_TESTS,
    ),
    # --- progress and the disk estimate
    (
        "progress passes 100 %",
        PROGRESS,
        "min(self.finished + sum(piece.done for piece in at_work), self.total)",
        "self.finished + sum(piece.done for piece in at_work)",
        PROGRESS_TESTS,
    ),
    (
        "a resume flatters the estimate",
        PROGRESS,
        "done - self.skipped - sum(piece.earlier for piece in at_work)",
        "done - self.skipped",
        PROGRESS_TESTS,
    ),
    (
        "one checkpoint on disk",
        DISK,
        "2 * checkpoint_bytes(size, trained",
        "1 * checkpoint_bytes(size, trained",
        DISK_TESTS,
    ),
    (
        "weights of an earlier stage not saved",
        DISK,
        "for stage in stages for component",
        "for stage in stages[-1:] for component",
        DISK_TESTS,
    ),
    # --- what is reused between runs, and what models are told
    (
        "a hole is filled from a later stage",
        RUNNER,
        "folders = stage_folders(context.folder, plan, keys)[:n_stages]\n",
        "folders = stage_folders(context.folder, plan, keys)[:n_stages]\n"
        "    for found in [one for one in folders if one.is_finished][-1:]:\n"
        "        load_weights(model, found.weights)\n",
        f"{RUNS}::test_a_hole_in_the_stages_is_never_filled_from_the_weights_of_a_later_stage",
    ),
    (
        "first finished stage loaded",
        RUNNER,
        "if was_finished and (place + 1 in (plan.transcribes_after, n_stages) or not all(is_followed)):",
        "if was_finished and place == 0:",
        f"{RUNS}::test_the_last_of_two_finished_stages_is_loaded",
    ),
    (
        "tuned weights transcribe",
        "src/eartune/inference/asr.py",
        "with rows.model.untuned.put_back():",
        "if True:",
        THROUGH_WORDS,
    ),
    (
        "what alignment taught is not kept",
        "src/eartune/experiments/finished_model.py",
        "load_weights(model, finished.aligned)",
        "pass",
        THROUGH_WORDS,
    ),
    (
        "labels are no part of a model's key",
        KEYS,
        "digest([asked, self._labels, names,",
        "digest([asked, names,",
        "tests/unit/experiments/test_keys.py",
    ),
    (
        "recordings named without their folder",
        "src/eartune/experiments/runner.py",
        'return whole.removeprefix(root).replace(os.sep, "/")',
        "return os.path.basename(whole)",
        f"{RUNS}::test_two_recordings_of_one_name_in_two_folders_each_get_their_own_answer",
    ),
    (
        "a failed model ends the grid",
        "src/eartune/experiments/cell.py",
        "if isinstance(error, InputError) or context.processes.size > 1:",
        "if True:",
        f"{RUNS}::test_one_failed_model_does_not_end_the_grid_and_the_report_is_written",
    ),
    (
        "labels of the test told to prompted models",
        "src/eartune/experiments/plan.py",
        "known = (*pools.text, *pools.speech) if asking.labels",
        "known = (*pools.text, *pools.speech, *(e.utterance for e in pools.test)) if asking.labels",
        "tests/unit/experiments/test_plan.py",
    ),
    (
        "the listening check always says yes",
        LISTENING,
        "return self.changes and (",
        "return True or (",
        "tests/unit/inference/test_listening_check.py",
    ),
    (
        "the listening check trusts a swap alone",
        LISTENING,
        "min(self.swapped, self.muted)",
        "self.swapped",
        "tests/unit/inference/test_listening_check.py",
    ),
    (
        "one meaning is checked all the same",
        LISTENING,
        "while found and task.reference(found[-1].utterance) == task.reference(found[0].utterance):",
        "while False:",
        "tests/unit/inference/test_listening_check.py",
    ),
    (
        "the listening check swaps recordings of one meaning",
        LISTENING,
        "zip_longest(*groups.values())",
        "groups.values()",
        "tests/unit/inference/test_listening_check.py",
    ),
    (
        "check: translations have shares of right answers",
        "src/eartune/cli/check.py",
        "if settings.task.grammar(pools.labels) is not None:",
        "if True:",
        "tests/unit/cli/test_check.py",
    ),
    (
        "languages: the main metric counts, whatever is asked for",
        "src/eartune/report/transfer.py",
        "metric = metric or results[0].main_metric",
        "metric = results[0].main_metric",
        "tests/unit/report/test_transfer.py",
    ),
    (
        "folders: a table beside recordings is not seen",
        "src/eartune/prepare/importers/folders.py",
        "        _check_no_tables(path, known)\n    if not parts",
        "        pass\n    if not parts",
        "tests/unit/prepare/importers/test_folders.py",
    ),
    (
        "own files: an empty list of entities is no answer",
        "src/eartune/prepare/importers/tabular.py",
        "return is_blank(value) and not isinstance(value, str)",
        "return is_blank(value) or value in ([], {})",
        "tests/unit/prepare/importers/test_tabular.py",
    ),
    (
        "own files: rows that name a split stay with their file",
        "src/eartune/prepare/named_splits.py",
        "row.split if isinstance(row, OfSplit) else given",
        "given",
        "tests/unit/prepare/test_named_splits.py",
    ),
    (
        "shared recordings: a part of a file is another sound",
        "src/eartune/prepare/validation/text_faults.py",
        "return last - max(start, other_start) > ROUNDED and have_a_channel_in_common",
        "return one == other",
        "tests/unit/prepare/validation/test_text_faults.py",
    ),
    (
        "two files: the second row of an id is a repeated one",
        "src/eartune/prepare/repeated_ids.py",
        "if row.id.strip() and earlier.setdefault(row.id, row) != row:",
        "if False:",
        "tests/unit/prepare/test_repeated_ids.py",
    ),
    (
        "report: answers that are missing are not seen",
        "src/eartune/report/answers.py",
        "if found and others else ()",
        "if False else ()",
        "tests/unit/report/test_differences.py",
    ),
    (
        "report: models without answers leave the headline",
        "src/eartune/report/headline.py",
        "        for row, score, test in compared\n    ]",
        "        for row, score, test in compared\n        if test is not None\n    ]",
        "tests/unit/report/test_headline.py",
    ),
    (
        "differences: one selection is paired with all",
        "src/eartune/report/differences.py",
        "is_drawn = all(row.budget is not None and 0 < row.share < 1 for row in (first, second))",
        "is_drawn = False",
        "tests/unit/report/test_differences.py",
    ),
    (
        "differences: intervals without the variation between seeds",
        "src/eartune/report/differences.py",
        "if shown[0] is not None and shown[1] is not None:",
        "if False:",
        "tests/unit/report/test_differences.py",
    ),
    (
        "selections: the first scheme is held against the baseline",
        "src/eartune/report/selections.py",
        "key=lambda one: abs(one.gap.value if one.gap else 0.0)",
        "key=lambda one: 0",
        "tests/unit/report/test_selections.py",
    ),
    (
        "curve: fitted over recordings, drawn over utterances",
        "src/eartune/report/layout.py",
        "fitted, _recordings_of_pool(spoken), x_axis",
        "fitted, pool, x_axis",
        "tests/unit/report/test_curve_geometry.py",
    ),
    (
        "diagnosis: all architectures have one curve",
        "src/eartune/report/diagnosis.py",
        "next_round(fits.of(own), wish)",
        "next_round(fits, wish)",
        "tests/unit/report/test_diagnosis.py",
    ),
    (
        "diagnosis: selections are called seeds",
        "src/eartune/report/diagnosis.py",
        'what = "seed" if len({one.seed for one, _ in pairs}) > 1 else "selection"',
        'what = "seed"',
        "tests/unit/report/test_diagnosis.py",
    ),
    (
        "a budget may exceed the pool by 5 %",
        "src/eartune/data/budget.py",
        "hours[-1] * 1.005",
        "hours[-1] * 1.05",
        "tests/unit/data/test_budget.py",
    ),
    (
        "the cache may fill the disk",
        "src/eartune/training/encoder_cache.py",
        "FREE_SHARE = 0.5",
        "FREE_SHARE = 1.0",
        "tests/unit/training/test_encoder_cache.py",
    ),
    # --- models
    (
        "sinusoids are trained",
        COMPONENTS,
        " and not name.endswith(SINUSOIDS)",
        "",
        "tests/contract/test_audio_llm.py::test_sinusoids_and_what_lies_in_no_component_are_never_trained",
    ),
    (
        "batch normalisation left in train mode",
        COMPONENTS,
        "if isinstance(module, nn.BatchNorm1d):",
        "if False:",
        "tests/contract/test_audio_llm.py::test_batch_normalisation_never_learns_from_a_few_clips",
    ),
    (
        "beams: finished ones beyond the n best count",
        BEAMS,
        "for beam in candidates[:width] if not _is_open",
        "for beam in candidates if not _is_open",
        "tests/unit/models/generation/test_beam_search.py",
    ),
    (
        "beams: stop at the best finished one",
        BEAMS,
        "worst = self.finished[-1].mean_score",
        "worst = self.finished[0].mean_score",
        "tests/unit/models/generation/test_beam_search.py",
    ),
    (
        "beams: score not divided by length",
        BEAMS,
        "return self.score / len(self.answer)",
        "return self.score",
        "tests/unit/models/generation/test_beam_search.py",
    ),
    (
        "confidence: of tokens that the rules forbid as well",
        BEAMS,
        "allowed.gather(1, best)[:, 0] - allowed.logsumexp(dim=-1)",
        "allowed.gather(1, best)[:, 0] - scores.logsumexp(dim=-1)",
        "tests/unit/models/generation/test_beam_search.py",
    ),
    (
        "confidence: forbidden tokens count in beams",
        BEAMS,
        "beam.log_probability - beam.score + more",
        "beam.log_probability - beam.score",
        "tests/unit/models/generation/test_beam_search.py",
    ),
    (
        "confidence: an empty place in the beam is a second answer",
        BEAMS,
        "if others and others[0].score > NO_BEAM / 2 else None",
        "if others else None",
        "tests/unit/models/generation/test_beam_search.py",
    ),
    # --- the dev set
    (
        "dev: a checkpoint where patience has ended the stage",
        EPOCHS,
        "control.should_training_stop, control.should_save = True, False",
        "control.should_training_stop = True",
        f"{EPOCHS_TESTS} {CHOSEN}",
    ),
    (
        "dev: the row of an epoch before its weights",
        EPOCHS,
        "        if self.best == epoch:\n",
        "        write_lines(self.path, self.rows)\n        if self.best == epoch:\n",
        EPOCHS_TESTS,
    ),
    (
        "dev: the later of two equal epochs",
        EPOCHS,
        "return scores.index(max(scores)) + 1 if scores else None",
        "return len(scores) - scores[::-1].index(max(scores)) if scores else None",
        EPOCHS_TESTS,
    ),
    (
        "dev: the weights of the last epoch stay",
        MODEL_RUN,
        "load_weights(model, folder.best_weights)",
        "pass",
        f"{CHOSEN}::test_the_weights_that_are_kept_answer_the_dev_set_as_its_best_epoch_did",
    ),
    (
        "dev: in the key of a stage of one epoch",
        PLAN,
        "return replace(stage, dev=dev) if stage.epochs > 1 else stage",
        "return replace(stage, dev=dev)",
        "tests/unit/experiments/test_keys.py",
    ),
    (
        "dev: a value that was scored is scored again",
        DEV_CHOICE,
        "range(len(rows), len(values))",
        "range(len(values))",
        SETTINGS_CHOSEN,
    ),
    (
        "dev: the later of two equal values",
        DEV_CHOICE,
        "return scores.index(max(scores))",
        "return len(scores) - 1 - scores[::-1].index(max(scores))",
        SETTINGS_CHOSEN,
    ),
    (
        "dev: a finished model does not know the chosen prompt",
        DEV_CHOICE,
        '| {"preface": chosen.preface}',
        "| {}",
        SETTINGS_CHOSEN,
    ),
    (
        "dev: not in the key",
        KEYS,
        "if stage.dev is not None:",
        "if False:",
        "tests/unit/experiments/test_keys.py",
    ),
    (
        "dev: recordings that are tested on",
        PLAN,
        "        for real in first:\n            if real in second:",
        '        for real in first:\n            if real in second and one != "test":',
        "tests/unit/experiments/test_plan.py",
    ),
    (
        "calibration: equally sure answers told apart by their order",
        CALIBRATION,
        "np.unique(sure, return_inverse=True)",
        "(sure, np.arange(len(sure)))",
        "tests/unit/evaluation/test_calibration.py",
    ),
    # --- tasks
    (
        "task: a label that the data does not have is OK",
        CLASSIFICATION,
        "ParseStatus.OK if label in labels.names else ParseStatus.UNKNOWN_LABEL",
        "ParseStatus.OK",
        CLASSIFICATION_TESTS,
    ),
    (
        "task: keys beside the label forgiven",
        CLASSIFICATION,
        'set(value) != {"label"}',
        '"label" not in value',
        CLASSIFICATION_TESTS,
    ),
    (
        "task: the intent before the label",
        CLASSIFICATION,
        "if utterance.label is not None:",
        "if utterance.label is not None and utterance.frame is None:",
        CLASSIFICATION_TESTS,
    ),
    ("task: declared classes ignored", CLASSIFICATION, "label not in self.classes", "False", CLASSIFICATION_TESTS),
    (
        "task: average recall over predicted labels too",
        COUNTS,
        "_mean_ratio(of_references[..., np.newaxis], ",
        "_mean_ratio(counts, ",
        CLASSIFICATION_TESTS,
    ),
    ("task: average recall is an F1", CLASSIFICATION, "        ratio=reference_recall,\n", "", CLASSIFICATION_TESTS),
    (
        "task: intervals ignore the ratio",
        CONFIDENCE,
        "[table.ratio(part) for",
        "[CountTable(table.labels, part).ratio(part) for",
        CLASSIFICATION_TESTS,
    ),
    (
        "task: values ignore the ratio",
        EVALUATE,
        "table.ratio(table.counts.sum(axis=0))",
        "CountTable(table.labels, table.counts).ratio(table.counts.sum(axis=0))",
        CLASSIFICATION_TESTS,
    ),
    (
        "task: the permutation test ignores the ratio",
        COUNTS,
        "replace(self, labels=labels, counts=counts)",
        "CountTable(labels, counts)",
        CLASSIFICATION_TESTS,
    ),
    (
        "task: an answer that may end goes on at the limit",
        CONSTRAINT,
        "([answer_end], line_break, quotes, brackets)",
        "(line_break, quotes, [answer_end, *brackets])",
        CONSTRAINT_TESTS,
    ),
    (
        "task: an answer takes a token a letter",
        CLASSIFICATION,
        "max((len(answer.encode()) for answer in answers), default=0)",
        "max((len(answer) for answer in answers), default=0)",
        CONSTRAINT_TESTS,
    ),
    (
        "task: labels of a frame take a token a letter",
        "src/eartune/tasks/slu.py",
        "max((len(text.encode()) for text in heads), default=0)",
        "max((len(text) for text in heads), default=0)",
        CONSTRAINT_TESTS,
    ),
    (
        "task: the label of a row is not written",
        UTTERANCE,
        '"label": utterance.label, "translation"',
        '"translation"',
        f"{UTTERANCE_TESTS} tests/unit/experiments/test_keys.py",
    ),
    (
        "translation: too short a translation is not punished",
        "src/eartune/evaluation/metrics/translation.py",
        "np.minimum(0.0, 1 - right[..., 0] / said[..., 0])",
        "np.minimum(0.0, right[..., 0] * 0)",
        "tests/unit/evaluation/metrics/test_translation_metrics.py",
    ),
    (
        "translation: orders that are longer than the reference count",
        "src/eartune/evaluation/metrics/translation.py",
        "said.total() if right else 0",
        "said.total()",
        "tests/unit/evaluation/metrics/test_translation_metrics.py",
    ),
    (
        "translation: it is called misheard",
        "src/eartune/report/errors.py",
        "lost = was_said and heard",
        "lost = heard",
        "tests/unit/report/test_errors.py",
    ),
    (
        "report: sentences under several labels are said to leak",
        "src/eartune/report/diagnosis.py",
        "shared / sentences < LEAKED or words_do_not_tell(evidence)",
        "shared / sentences < LEAKED",
        "tests/unit/report/test_diagnosis.py",
    ),
    (
        "expectations: a range is met by the score alone",
        "src/eartune/report/expectations.py",
        "expected.low <= share.low and share.high <= expected.high",
        "expected.low <= share.value <= expected.high",
        "tests/unit/report/test_expectations.py",
    ),
    (
        "expectations: intervals may overlap",
        "src/eartune/report/expectations.py",
        "if score.low > other.high:",
        "if score.value > other.value:",
        "tests/unit/report/test_expectations.py",
    ),
    (
        "expectations: seeds do not count",
        "src/eartune/report/differences.py",
        "math.hypot(found.value - bound, spread)",
        "abs(found.value - bound)",
        "tests/unit/report/test_expectations.py",
    ),
    (
        "expectations: a metric that is none is expected",
        "src/eartune/experiments/plan.py",
        "if metric not in (known := experiment.task.metrics(pools.labels)):",
        "if metric not in (known := experiment.task.metrics(pools.labels)) and False:",
        "tests/unit/experiments/test_plan.py",
    ),
    (
        "crema-d: actors of the test are trained on",
        "src/eartune/data/corpora/crema_d.py",
        "for clip in clips if _actor(clip) in actors",
        "for clip in clips if _actor(clip)",
        "tests/unit/data/corpora/test_emotions.py",
    ),
    (
        "task: a row needs neither frame nor label",
        UTTERANCE,
        "if labelled and not found.is_labelled:",
        "if False:",
        UTTERANCE_TESTS,
    ),
    (
        "task: slu must be named",
        TASK_SETTINGS,
        'validate({"type": "slu"} | dict(value))',
        "validate(dict(value))",
        TASK_TESTS,
    ),
    (
        "task: half a task is taken",
        TASK_SETTINGS,
        "if missing := missing_members(value):",
        "if missing := []:",
        TASK_TESTS,
    ),
    (
        "task: a row without a frame is SLU",
        "src/eartune/tasks/slu.py",
        "        if utterance.frame is None:\n",
        "        if utterance.frame is None and utterance.label is None:\n",
        "tests/unit/tasks/test_task_settings.py",
    ),
    (
        "task: a task from Python is not asked for again",
        "src/eartune/experiments/finished_model.py",
        'if task is None and read_task(settings["task"]) is None:',
        "if False:",
        TASK_FLOW,
    ),
    (
        "task: what metrics mean is not kept",
        "src/eartune/experiments/cell.py",
        "definitions={name: metric.definition for name, metric in experiment.task.metrics(pools.labels).items()}",
        "definitions={}",
        TASK_FLOW,
    ),
    (
        "task: the report is not given the task",
        "src/eartune/experiments/runner.py",
        "write_report(folder.path, prepared.experiment.task)",
        "write_report(folder.path)",
        TASK_FLOW,
    ),
    # --- files of one's own
    (
        "own files: a quote of a TSV is no letter",
        "src/eartune/prepare/importers/csv_rows.py",
        r'if delimiter == "\t":',
        "if False:",
        "tests/unit/prepare/importers/test_csv_rows.py",
    ),
    (
        "own files: an open quote swallows rows",
        "src/eartune/prepare/importers/csv_rows.py",
        " or _are_rows(lines[start : start + n_lines], delimiter, n_columns)",
        "",
        "tests/unit/prepare/importers/test_csv_rows.py",
    ),
    (
        "own files: a channel is the mean of all",
        "src/eartune/prepare/importers/excerpt.py",
        "samples[:, self.channel : self.channel + 1]",
        "samples",
        "tests/unit/prepare/test_prepare.py",
    ),
    (
        "own files: a part is the whole file",
        "src/eartune/prepare/importers/excerpt.py",
        "file.read_part(self.start, self.end)",
        "file.read()",
        "tests/unit/prepare/test_prepare.py",
    ),
    (
        "own files: a part beyond the end of its file is the whole file",
        "src/eartune/prepare/importers/excerpt.py",
        "-ROUNDED <= self.end - file.seconds <= STATED_SECONDS_OFF",
        "-ROUNDED <= self.end - file.seconds",
        "tests/unit/prepare/validation/test_audio_faults.py",
    ),
    (
        "own files: a channel that nobody understands is the mean of all",
        "src/eartune/prepare/importers/excerpt.py",
        "return isinstance(self.channel, int) and self.channel < file.channels",
        "return not isinstance(self.channel, int) or self.channel < file.channels",
        "tests/unit/prepare/validation/test_audio_faults.py",
    ),
    (
        "own files: startMs is in seconds",
        "src/eartune/prepare/importers/columns.py",
        'return plain(heading) in known or [word.lower() for word in _WORD.findall(heading)][-1:] == ["ms"]',
        'return heading.endswith("ms")',
        "tests/unit/prepare/importers/test_tabular.py",
    ),
    (
        "own files: half an entity is one of the types of its keys",
        "src/eartune/prepare/importers/entities.py",
        "if len(said) > 1 and (kind is not None or filler is not None or is_about_a_place):",
        "if False:",
        "tests/unit/prepare/importers/test_tabular.py",
    ),
    (
        "own files: slots that are called type and text are one entity",
        "src/eartune/prepare/importers/entities.py",
        " or not _is_one(value, kind, filler, text)",
        "",
        "tests/unit/prepare/importers/test_tabular.py",
    ),
    (
        "own files: what was rejected in Prodigy is learned",
        "src/eartune/prepare/importers/tabular.py",
        'in ("reject", "ignore")',
        "in ()",
        "tests/unit/prepare/importers/test_annotation.py",
    ),
    (
        "own files: a header among the rows is a row",
        "src/eartune/prepare/importers/csv_rows.py",
        "if cells and cells == [*header]:",
        "if False:",
        "tests/unit/prepare/importers/test_csv_rows.py",
    ),
    (
        "own files: channels from 1 on are the other speaker's",
        "src/eartune/prepare/channel_numbers.py",
        "channel=recording.channel - 1",
        "channel=recording.channel",
        "tests/unit/prepare/test_channel_numbers.py",
    ),
    (
        "own files: rows of different words may share a whole recording",
        "src/eartune/prepare/importers/whole_recordings.py",
        "if len(rows) > 1}",
        "if False}",
        "tests/unit/prepare/validation/test_text_faults.py",
    ),
    (
        "own files: an empty list of recordings hides the column of audio",
        "src/eartune/prepare/importers/tabular.py",
        "if isinstance(listed, list) and listed:",
        "if listed is not None:",
        "tests/unit/prepare/importers/test_tabular.py",
    ),
    (
        "own files: slots of a manifest are ignored",
        UTTERANCE,
        'if "entities" not in row and (other',
        "if False and (other",
        UTTERANCE_TESTS,
    ),
    (
        "kaldi: of two lines with one name the first counts",
        "src/eartune/prepare/importers/kaldi.py",
        "if name in self._differ:",
        "if False:",
        "tests/unit/prepare/importers/test_kaldi.py",
    ),
    (
        "own files: a WAV of unstated size is empty",
        "src/eartune/data/sound_file.py",
        "if data and data.is_unstated:",
        "if False:",
        "tests/unit/data/test_sound_file.py",
    ),
    (
        "long recordings: they are cut at the edge of a pause",
        "src/eartune/data/pauses.py",
        "while end < len(power) and power[end] <= quiet:",
        "while False:",
        "tests/unit/data/test_pauses.py",
    ),
    (
        "long recordings: a divided word is called a pause",
        "src/eartune/data/pauses.py",
        "if means.min() > quiet:",
        "if False:",
        "tests/unit/data/test_pauses.py",
    ),
    (
        "long recordings: pieces of a labelled one keep its label",
        "src/eartune/prepare/long_recordings.py",
        "if row.text is not None or row.is_labelled:",
        "if False:",
        "tests/unit/prepare/test_long_recordings.py",
    ),
    (
        "hold-out: a sentence is in training and test",
        "src/eartune/prepare/hold_out.py",
        'yield "words", normalize_spoken_text(row.text)',
        'yield "words", row.text',
        "tests/unit/prepare/test_hold_out.py",
    ),
    (
        "hold-out: a speaker is in both",
        "src/eartune/prepare/hold_out.py",
        "if by_speaker and recording.speaker:",
        "if False:",
        "tests/unit/prepare/test_hold_out.py",
    ),
    (
        "hold-out: a part of a call is in both",
        "src/eartune/prepare/hold_out.py",
        'yield "file", os.path.realpath(recording.path)',
        "pass",
        "tests/unit/prepare/test_hold_out.py",
    ),
    (
        "hold-out: the last row of a label is held out",
        "src/eartune/prepare/hold_out.py",
        "return any(taken[label] + n == totals[label] for label, n in kind), further",
        "return False, further",
        "tests/unit/prepare/test_hold_out.py",
    ),
    (
        "hold-out: labels are not counted",
        "src/eartune/prepare/hold_out.py",
        "best = min(islice(fitting, _KINDS_COMPARED), key=distance, default=None)",
        "best = next(iter(fitting), None)",
        "tests/unit/prepare/test_hold_out.py",
    ),
    (
        "own files: .. of a linked folder leads elsewhere",
        "src/eartune/data/utterance.py",
        "return os.path.realpath(folder)",
        "return folder",
        "tests/unit/prepare/test_prepare.py",
    ),
    (
        "own files: copies of one name replace each other",
        "src/eartune/prepare/importers/excerpt.py",
        'return f"{path.stem}-{_digest(path, path.stat().st_mtime_ns)[:12]}{path.suffix}"',
        "return path.name",
        "tests/unit/prepare/test_prepare.py",
    ),
    (
        "own files: a slot cell is read up to its first =",
        "src/eartune/prepare/importers/entities.py",
        '[^=;\\[\\]{}]*)")',
        '[^;\\[\\]{}]*)")',
        "tests/unit/prepare/importers/test_tabular.py::test_a_row_that_cannot_be_used_has_its_reason",
    ),
    (
        "data root: relative to where the command runs",
        "src/eartune/experiments/experiment.py",
        '{"root": folder / experiment.data.root}',
        '{"root": experiment.data.root}',
        "tests/unit/experiments/test_experiment.py",
    ),
    (
        "data root: the environment is stronger",
        "src/eartune/cli/options.py",
        'return given or stated or Path(os.environ.get("EARTUNE_DATA") or "data")',
        'return given or Path(os.environ.get("EARTUNE_DATA") or stated or "data")',
        "tests/unit/experiments/test_experiment.py",
    ),
    (
        "recipes: the dev part is trained on",
        "src/eartune/prepare/recipes.py",
        "for row in contents.splits[name] if row not in held_out]",
        "for row in contents.splits[name]]",
        "tests/unit/prepare/test_recipes.py",
    ),
    (
        "kaldi: a command is taken for a file",
        "src/eartune/prepare/importers/kaldi.py",
        'if sound.endswith("|"):',
        "if False:",
        "tests/unit/prepare/importers/test_kaldi.py",
    ),
    (
        "hugging face: a label is its number",
        "src/eartune/prepare/importers/hugging_face.py",
        "return lambda content: _named(content, features)",
        "return lambda content: content",
        "tests/unit/prepare/importers/test_hugging_face.py",
    ),
    (
        "convert: a second recording has the id of the first",
        "src/eartune/prepare/importers/named_recordings.py",
        "utterance.id if not place else free_name(utterance.id, taken, place + 1)",
        "utterance.id",
        "tests/unit/prepare/test_convert.py::test_rows_are_read_again",
    ),
    (
        "own files: a key that stands twice has its last value",
        "src/eartune/tasks/json_answer.py",
        "json.loads(text, object_pairs_hook=object_of_single_keys)",
        "json.loads(text)",
        "tests/unit/tasks/test_slu.py",
    ),
    (
        "predict: bad recordings are decoded too",
        "src/eartune/cli/predict.py",
        "usable = [path for path in recordings if path not in faults]",
        "usable = recordings",
        "tests/unit/cli/test_predict.py",
    ),
    # --- few, large operations
    ("fused: a norm's gradient along its input", FUSED_OPS, ".div_(-states.shape[-1])", ".mul_(0)", FUSED_OPS_TESTS),
    (
        "fused: rotary turns on, not back",
        FUSED_OPS,
        "_turned(outer[0], cos, -signed_sin)",
        "_turned(outer[0], cos, signed_sin)",
        FUSED_OPS_TESTS,
    ),
    (
        "fused: a label is not taken from its gradient",
        FUSED_OPS,
        "probs.new_full(own.shape, -1.0)",
        "probs.new_zeros(own.shape)",
        FUSED_OPS_TESTS,
    ),
    ("fused: few rows are converted too", FUSED_OPS, "n_rows >= enough", "n_rows >= 1", FUSED_OPS_TESTS),
    (
        "fused: rows are converted late without kernels",
        FUSED_OPS,
        "if has_bfloat16_kernels()",
        "if True",
        FUSED_OPS_TESTS,
    ),
    (
        "fused: weights are packed in bfloat16 without kernels",
        FUSED_LINEAR,
        "weight = weight.float()",
        "weight = weight.clone()",
        FUSED_LINEAR_TESTS,
    ),
    (
        "diagnosis: a target beyond the cascade asks for no recordings",
        "src/eartune/report/diagnosis.py",
        "cascade[1].value < evidence.target",
        "False",
        "tests/unit/report/test_enough.py",
    ),
    (
        "fused: LoRA's scale is not in its gradient",
        FUSED_LINEAR,
        "(exact_dy.t() @ low).mul_(ctx.scale)",
        "exact_dy.t() @ low",
        FUSED_LINEAR_TESTS,
    ),
    ("fused: the states get no gradient of LoRA", FUSED_LINEAR, "dx.addmm_(d_low, down)", "dx", FUSED_LINEAR_TESTS),
    (
        "fused: dropout is left out",
        FUSED_LINEAR,
        "if not isinstance(module.lora_dropout[names[0]], nn.Identity):",
        "if False:",
        FUSED_LINEAR_TESTS,
    ),
    (
        "fused: packed weights outlive their search",
        FUSED_LINEAR,
        "        _PACKED.reset(token)",
        "        pass",
        FUSED_LINEAR_TESTS,
    ),
    (
        "fused: LoRA is left out of packed weights",
        FUSED_LINEAR,
        "    if not factors:",
        "    if True:",
        FUSED_LINEAR_TESTS,
    ),
    (
        "fused: windows are not passed on",
        "src/eartune/models/fused_layers.py",
        'settings["sliding_window"] = getattr(',
        'settings["sliding_window"] = None and getattr(',
        "tests/unit/models/test_fused_layers.py",
    ),
    ("packed: padding gets a gradient", PACKED, "gradient.index_fill_(0, padding, 0)", "gradient", PACKED_TESTS),
    (
        "packed: filling stands behind another row",
        PACKED,
        "min(range(len(lengths)), key=lengths.__getitem__)",
        "0 * len(lengths)",
        PACKED_TESTS,
    ),
    (
        "micro-batches: the optimizer needs no memory",
        "src/eartune/training/micro_batches.py",
        "memory - weights - trained * (gradient + optimizer / n_processes)",
        "memory - weights",
        "tests/unit/training/test_micro_batches.py",
    ),
    (
        "a search sees no new columns",
        "src/eartune/models/generation/kv_cache.py",
        "return self.buffers[0].shape[-2], 0",
        "return self.n_columns, 0",
        "tests/unit/models/generation",
    ),
    # --- schemes beyond the paper
    (
        "languages: an unknown feature counts as its opposite",
        "src/eartune/data/language_distance.py",
        "np.maximum(data[languages[code]][columns], 0)",
        "np.asarray(data[languages[code]][columns])",
        "tests/unit/data/test_language_distance.py",
    ),
    (
        "languages: fewer errors are worse",
        "src/eartune/report/transfer.py",
        'Predictor("character errors", False',
        'Predictor("character errors", True',
        "tests/unit/report/test_transfer.py",
    ),
    (
        "languages: noise contradicts a predictor",
        "src/eartune/report/transfer.py",
        "value > other and better.score.low > worse.score.high",
        "value > other and better.score.value > worse.score.value",
        "tests/unit/report/test_transfer.py",
    ),
    (
        "languages: p counts one side alone",
        "src/eartune/evaluation/rank_correlation.py",
        "return float((np.abs(orders @ first) >= seen).mean())",
        "return float((orders @ first >= seen).mean())",
        "tests/unit/evaluation/test_rank_correlation.py",
    ),
    (
        "languages: characters of Chinese are words",
        "src/eartune/evaluation/transcript_errors.py",
        "return 2 * without < len(letters)",
        "return True",
        "tests/unit/evaluation/test_transcript_errors.py",
    ),
    (
        "languages: a gain is the score",
        "src/eartune/report/transfer.py",
        "score.value - text.value, metric)",
        "score.value, metric)",
        "tests/unit/report/test_transfer.py",
    ),
    (
        "selections: training seeds count as draws",
        "src/eartune/report/selections.py",
        "values.setdefault(result.selection_seed, [])",
        "values.setdefault(100 * result.seed + result.selection_seed, [])",
        "tests/unit/report/test_selections.py",
    ),
    (
        "selections: no correction for many rows",
        "src/eartune/report/selections.py",
        "adjusted = iter(holm(tested))",
        "adjusted = iter(tested)",
        "tests/unit/report/test_selections.py",
    ),
    (
        "selections: a p alone shows that recordings help",
        "src/eartune/report/selections.py",
        "self.adjusted_p < LEVEL and self.gain.low > 0",
        "self.adjusted_p < LEVEL",
        "tests/unit/report/test_selections.py",
    ),
    (
        "architectures: all models are made with the first",
        "src/eartune/experiments/cell.py",
        "    context = context.of(plan)\n",
        "",
        "tests/flow/test_several_architectures.py",
    ),
    (
        "architectures: all models have the keys of the first",
        RUNS_GRID,
        "Keys(part, pools, base_fingerprint(part.architecture)",
        "Keys(experiment, pools, base_fingerprint(experiment.architecture)",
        "tests/flow/test_several_architectures.py",
    ),
    (
        "architectures: everything is compared across them",
        "src/eartune/report/differences.py",
        "for pair in _pairs_of_one(own)]",
        "for pair in _pairs_of_one(rows)]",
        "tests/unit/report/test_differences.py",
    ),
    (
        "listed stages: each share of text is the first",
        STAGED,
        "first = round(shown * len(ranked))",
        "first = 0",
        "tests/unit/training/test_staged.py",
    ),
    (
        "listed stages: speech of other languages is shown whole",
        STAGED,
        "first_share(source, by_hash(source), heard)",
        "first_share(source, by_hash(source), 1)",
        "tests/unit/training/test_staged.py",
    ),
    (
        "listed stages: nobody says which speech is of other languages",
        PLAN,
        "if cell.scheme.knows_source else {}",
        "if False else {}",
        "tests/unit/experiments/test_plan.py",
    ),
    (
        "listed stages: an order by length is still shuffled",
        TRAINER,
        "epoch.sort(key=itemgetter(0))",
        "pass",
        f"{TRAINER_TESTS}::test_by_length_both_modalities_go_from_short_to_long_side_by_side",
    ),
    (
        "listed stages: the order is in no key",
        KEYS,
        'if stage.order != "shuffled":',
        "if False:",
        "tests/unit/experiments/test_keys.py",
    ),
    (
        "words first: every example asks for them",
        SCHEMES,
        "Asked.FRAME if turn % 2 else Asked.WORDS_THEN_FRAME",
        "Asked.WORDS_THEN_FRAME",
        "tests/unit/training/test_schemes.py",
    ),
    (
        "words first: a recording shown again is asked for alike",
        SCHEMES,
        "times[same] += 1",
        "times[same] += 2",
        "tests/unit/training/test_schemes.py",
    ),
    (
        "words first: the test is asked for the answer alone",
        RUNNER,
        "replace(example, asked=asking.asked)",
        "replace(example)",
        BEYOND,
    ),
    (
        "words first: a loaded model is asked for the answer alone",
        "src/eartune/inference/trained_model.py",
        "rows.to_ask_about(content, asked)",
        "rows.to_ask_about(content)",
        BEYOND,
    ),
    (
        "words first: their line is not ended at the limit",
        "src/eartune/models/generation/json_constraint.py",
        "([answer_end], line_break, quotes, brackets)",
        "([answer_end], quotes, brackets)",
        "tests/unit/models/generation/test_json_constraint.py",
    ),
    (
        "distilled: the teacher's other tokens are left out",
        DISTILLATION,
        "sum() + of_others.sum()",
        "sum()",
        DISTILLATION_TESTS,
    ),
    (
        "distilled: the teacher's own answers count as right",
        TEACHER,
        "is_right=example.answer is None",
        "is_right=True",
        TEACHER_TESTS,
    ),
    (
        "distilled: the teacher hears what the student hears",
        TEACHER,
        "replace(example, recording=None)",
        "replace(example)",
        TEACHER_TESTS,
    ),
    (
        "distilled: files that exist are made again",
        TEACHER,
        "if not all(file.exists() for file in files):",
        "if True:",
        TEACHER_TESTS,
    ),
    (
        "distilled: the teacher has no weight",
        TRAINER,
        "batch, self.teacher_weight)",
        "batch, 1.0)",
        BEYOND,
    ),
    (
        "unlabelled: recordings of the budget take part a second time",
        "src/eartune/experiments/plan.py",
        "in taken for recording",
        "in () for recording",
        "tests/unit/experiments/test_plan.py",
    ),
    (
        "unlabelled: the labels are seen",
        "src/eartune/data/example.py",
        "replace(utterance, frame=None, label=None, translation=None)",
        "replace(utterance)",
        "tests/unit/experiments/test_plan.py",
    ),
    (
        "keys: a teacher changes no key",
        KEYS,
        "if stage.teacher_weight:",
        "if False:",
        "tests/unit/experiments/test_keys.py",
    ),
    (
        "self-training: what does not agree is kept",
        LABELLING,
        "and answer == again",
        "and answer is not None",
        LABELLING_TESTS,
    ),
    (
        "self-training: labels that the data does not have are kept",
        LABELLING,
        "status is status_again is ParseStatus.OK and",
        "status is status_again and",
        LABELLING_TESTS,
    ),
    (
        "self-training: both answers are read from the transcript",
        LABELLING,
        "replace(example, transcript=None) for example in examples",
        "replace(example) for example in examples",
        LABELLING_TESTS,
    ),
    (
        "self-training: the learned example shows the transcript",
        LABELLING,
        'replace(example, transcript=None, answer=row["from_sound"])',
        'replace(example, answer=row["from_sound"])',
        LABELLING_TESTS,
    ),
    (
        "self-training: words of the unlabelled recordings are seen",
        SCHEMES,
        "replace(utterance, text=None)",
        "replace(utterance)",
        "tests/unit/training/test_schemes.py",
    ),
    (
        "keys: what is labelled changes no key",
        KEYS,
        "if stage.to_label:",
        "if False:",
        "tests/unit/experiments/test_keys.py",
    ),
    (
        "self-training: recordings to label are not encoded",
        "src/eartune/training/encoder_cache.py",
        "[replace(example, transcript=None) for example in stage.most_examples]",
        "[*stage.most_examples]",
        BEYOND,
    ),
    (
        "augment: every showing sounds the same",
        "src/eartune/data/augmentation.py",
        "{example.recording.path.name} {example.showing}",
        "{example.recording.path.name}",
        AUGMENTATION_TESTS,
    ),
    (
        "augment: noise does not depend on the level of the speech",
        "src/eartune/data/augmentation.py",
        "noise * level * 10",
        "noise * 10",
        AUGMENTATION_TESTS,
    ),
    (
        "augment: slow speech is longer than a model can take",
        "src/eartune/data/augmentation.py",
        "max(factor, 1.001 * seconds / MAX_SECONDS)",
        "factor",
        AUGMENTATION_TESTS,
    ),
    (
        "augment: the test is changed too",
        "src/eartune/models/rows.py",
        "self.clip(example.recording) if answer is None else ",
        "",
        AUGMENTATION_TESTS,
    ),
    (
        "augment: states of unchanged recordings are learned",
        "src/eartune/training/encoder_cache.py",
        " or stage.augment is not None:",
        ":",
        BEYOND,
    ),
    (
        "augment: showings are not counted",
        TRAINER,
        "return batches if stage.augment is None else numbered(batches)",
        "return batches",
        BEYOND,
    ),
    (
        "keys: augmentation changes no key",
        KEYS,
        "if stage.augment is not None:",
        "if False:",
        "tests/unit/experiments/test_keys.py",
    ),
    # --- what to record
    (
        "select: values take the whole choice",
        CHOICE,
        "if unit[0] is Reason.VALUE and n_chosen >= number // 2:",
        "if False:",
        CHOICE_TESTS,
    ),
    (
        "select: frequent sentences count once",
        CHOICE,
        "[sentence.count for sentence in sentences], dtype",
        "[1 for sentence in sentences], dtype",
        CHOICE_TESTS,
    ),
    (
        "select: what is represented counts again",
        CHOICE,
        "np.maximum(self._represented, self._similarity[found], out=self._represented)",
        "pass",
        CHOICE_TESTS,
    ),
    (
        "select: the first sentence is taken for the best",
        CHOICE,
        "            if gain > best:\n",
        "            if found is None:\n",
        CHOICE_TESTS,
    ),
    (
        "select: the sample loses rare labels",
        CHOICE,
        "            taken.append(place)\n",
        "            pass\n",
        CHOICE_TESTS,
    ),
    (
        "select: rare words weigh as much as frequent ones",
        "src/eartune/data/sentence_vectors.py",
        "np.log1p(counts) * rarity",
        "np.log1p(counts)",
        "tests/unit/data/test_sentence_vectors.py",
    ),
    (
        "select: a sentence ends the page's data",
        SCRIPT,
        r'.replace("<", "\\u003c")',
        "",
        SCRIPT_TESTS,
    ),
    (
        "try: a label ends the page's data",
        SCRIPT,
        r'.replace("<", "\\u003c")',
        "",
        "tests/unit/serving/test_trying.py",
    ),
    (
        "hearing: recordings with errors count as heard",
        "src/eartune/report/diagnosis.py",
        "if said and word_edits(said, text)[0] == 0)",
        "if said)",
        "tests/unit/report/test_diagnosis.py::test_what_was_misheard_says_nothing_of_what_text_taught",
    ),
    (
        "select: a script with recordings is replaced",
        SCRIPT,
        "if script.exists() and script.read_bytes() != ",
        "if False and script.read_bytes() != ",
        SCRIPT_TESTS,
    ),
    (
        "select: what has the id of a recording is chosen",
        "src/eartune/experiments/recording_pool.py",
        " and u.id not in ids_spoken",
        "",
        "tests/unit/experiments/test_recording_pool.py",
    ),
    (
        "select: a synthetic voice counts as a recording",
        "src/eartune/cli/select.py",
        " if not voices_of(corpus)]",
        "]",
        "tests/unit/cli/test_select.py",
    ),
    (
        "select: what the model hears comes first",
        "src/eartune/cli/select.py",
        "[*unheard, *typical]",
        "[*typical, *unheard]",
        "tests/unit/cli/test_select.py",
    ),
    (
        "select: text is compared with text",
        "src/eartune/inference/disagreement.py",
        "answers[len(pool) :], strict=True)]",
        "answers[: len(pool)], strict=True)]",
        "tests/unit/inference/test_disagreement.py",
    ),
    # --- several GPUs
    (
        "the longest work is not first",
        "src/eartune/experiments/schedule.py",
        "key=lambda task: -task.seconds(finished)",
        "key=lambda task: task.seconds(finished)",
        "tests/unit/experiments/test_schedule.py",
    ),
    (
        "a stage that is being trained is taken",
        "src/eartune/experiments/schedule.py",
        "if not any(key in in_training for key in task.unfinished(finished)[:1]):",
        "if True:",
        "tests/unit/experiments/test_schedule.py::test_a_stage_that_another_worker_trains_is_waited_for",
    ),
    (
        "every GPU of a model has all moments",
        "src/eartune/training/memory_estimate.py",
        'optimizer=trained * (12 if training.optimizer == "adamw" else 2) / gpus',
        'optimizer=trained * (12 if training.optimizer == "adamw" else 2)',
        "tests/unit/training/test_memory_estimate.py",
    ),
    (
        "seconds of another machine count as measured here",
        "src/eartune/experiments/measured.py",
        " and _made_here(model)",
        "",
        "tests/unit/experiments/test_measured.py",
    ),
    (
        "stages share one run of a tracker",
        "src/eartune/training/tracking.py",
        "                tracker.finish()",
        "                pass",
        "tests/unit/training/test_tracking.py::test_wandb_gets_the_losses_in_a_run_for_each_stage",
    ),
    (
        "losses go to Kubeflow unasked",
        "src/eartune/training/trainer.py",
        "    arguments.report_to = [] if tracked is None else [tracked.tracker]",
        "    pass",
        "tests/unit/training/test_tracking.py::test_unasked_nothing_is_sent_anywhere",
    ),
    (
        "curve: a forecast may fall",
        "src/eartune/evaluation/learning_curve.py",
        "np.minimum(drifted, _log_odds(self._law.errors(self.largest)))",
        "drifted",
        "tests/unit/evaluation/test_learning_curve.py::test_a_gain_is_never_a_loss",
    ),
    (
        "curve: no scatter of one model",
        "src/eartune/evaluation/learning_curve.py",
        "        odds = self._log_odds(amount) + self._scatter * self._noise[0]",
        "        odds = self._log_odds(amount)",
        "tests/unit/evaluation/test_learning_curve.py::test_one_model_scatters_around_the_curve_and_a_small_test_even_more",
    ),
    (
        "curve: errors of one test count as independent",
        "src/eartune/evaluation/learning_curve.py",
        "    shared = np.zeros((len(errors), len(errors))) if covariance is None else covariance",
        "    shared = np.zeros((len(errors), len(errors)))",
        "tests/unit/evaluation/test_learning_curve.py::test_errors_that_all_amounts_share_do_not_blur_the_gain",
    ),
    (
        "curve: any amount is named",
        "src/eartune/evaluation/learning_curve.py",
        "        first = np.where(reached.any(axis=1), amounts[reached.argmax(axis=1)], math.inf)",
        "        first = amounts[reached.argmax(axis=1)]",
        "tests/unit/evaluation/test_learning_curve.py::test_a_target_needs_more_than_a_lower_one_and_none_is_named_beyond_the_horizon",
    ),
    (
        "curve: jumps are trusted",
        "src/eartune/evaluation/learning_curve.py",
        "        return self.scatter >= ERRATIC",
        "        return False",
        "tests/unit/evaluation/test_learning_curve.py::test_scores_that_jump_are_called_erratic_and_smooth_ones_are_not",
    ),
    (
        "hindsight sees the largest budget",
        "src/eartune/report/speech_curve.py",
        "    kept = [place for place, one in enumerate(measured) if one.amount < largest.amount]",
        "    kept = list(range(len(measured)))",
        "tests/unit/report/test_enough.py::test_hindsight_leaves_out_the_largest_budget",
    ),
    (
        "enough: a curve of two budgets",
        "src/eartune/report/speech_curve.py",
        "(different := len({_recordings(row) for row in spoken})) < BUDGETS:",
        "(different := len({_recordings(row) for row in spoken})) < 2:",
        "tests/unit/report/test_enough.py::test_too_few_budgets_and_a_missing_text_only_model_are_one_sentence_each",
    ),
    (
        "diagnosis: a beaten cascade still says record nothing",
        "src/eartune/report/diagnosis.py",
        "    if any(evidence.is_better(one, cascade) for one in evidence.hearing_models):",
        "    if False:",
        "tests/unit/report/test_diagnosis.py::test_a_cascade_that_nothing_beats_means_record_nothing_yet",
    ),
    (
        "diagnosis: hearing and transfer are one",
        "src/eartune/report/diagnosis.py",
        "    if evidence.hearing.rate > WELL_HEARD:\n        return (",
        "    if False:\n        return (",
        "tests/unit/report/test_diagnosis.py::test_bad_transcripts_mean_that_hearing_is_the_limit",
    ),
    (
        "diagnosis: untuned answers count as unknown labels",
        "src/eartune/report/diagnosis.py",
        '        if row.role != "untuned" and row.finished',
        "        if row.finished",
        "tests/unit/report/test_diagnosis.py::test_unknown_labels_mean_a_constrained_search",
    ),
    (
        "errors: an answer in another order is wrong",
        "src/eartune/report/errors.py",
        "    missing, extra = Counter(right) - Counter(said), Counter(said) - Counter(right)",
        "    missing, extra = Counter(right[len(said[:1]):]), Counter(said)",
        "tests/unit/report/test_errors.py::test_the_kind_of_an_error",
    ),
    (
        "errors: data may end the script",
        "src/eartune/report/error_table.py",
        '.replace("<", "\\\\u003c")',
        "",
        "tests/unit/report/test_errors.py::test_the_data_of_the_page_holds_all_of_it_and_ends_no_script",
    ),
    (
        "page: filters are ignored",
        "src/eartune/report/templates/errors.js",
        "      if (words && !searchable[row].includes(words)) return;",
        "",
        "tests/flow/test_page_in_a_browser.py::test_rows_are_searched_in_sentences_and_answers",
    ),
    (
        "overlap: eight words in a row are passed over",
        "src/eartune/data/overlap.py",
        "    return [tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)]",
        "    return [tuple(words)]",
        "tests/unit/data/test_overlap.py",
    ),
    # --- serving
    ("serving: batches by arrival", WORKER, "key=lambda one: len(one.shown))", "key=lambda one: 0)", WORKER_TESTS),
    ("serving: the oldest may wait", WORKER, "alike.index(oldest) - size // 2", "0", WORKER_TESTS),
    ("serving: models are mixed", WORKER, "if one.kind == oldest.kind", "if True", WORKER_TESTS),
    (
        "serving: nobody is waited for",
        WORKER,
        "len(self._waiting) >= self.batch_size, self",
        "True, self",
        WORKER_TESTS,
    ),
    ("serving: one failure is everybody's", WORKER, "if len(batch) == 1:", "if True:", WORKER_TESTS),
    ("serving: withdrawn questions stay", WORKER, "self._waiting.remove(question)", "pass", WORKER_TESTS),
    ("serving: searches never end early", WORKER, "if all(question.is_withdrawn", "if not all(True", WORKER_TESTS),
    (
        "serving: waiting ones are dropped at the end",
        WORKER,
        "if not self._waiting:\n",
        "if self._is_ending:\n",
        WORKER_TESTS,
    ),
    ("serving: no key needed", GATE, 'if self.key is None or scope["path"] == "/health":', "if True:", SERVING_TESTS),
    ("serving: other sites may ask", GATE, "if origin is not None and", "if False and", SERVING_TESTS),
    ("serving: other names of the machine", GATE, "if self.is_local and", "if False and", SERVING_TESTS),
    ("serving: any length that is not declared", GATE, "if n_read > self.limits.n_bytes:", "if False:", SERVING_TESTS),
    ("serving: any declared length is awaited", GATE, "if declared.isdecimal() and", "if False and", SERVING_TESTS),
    ("serving: everybody is let in", GATE, "self.measurements.n_open >= self.limits.requests", "False", SERVING_TESTS),
    (
        "serving: those who left are counted for ever",
        GATE,
        "self.measurements.n_open -= is_question",
        "pass",
        SERVING_TESTS,
    ),
    ("serving: no time limit", GATE, "asyncio.timeout(self.limits.seconds)", "asyncio.timeout(None)", SERVING_TESTS),
    (
        "serving: paths of others fill the counts",
        GATE,
        'scope["path"] if scope["path"] in self.paths else "other"',
        'scope["path"]',
        SERVING_TESTS,
    ),
    (
        "serving: the client is not watched",
        SERVING,
        "asyncio.create_task(_until_gone(receive))",
        "asyncio.create_task(asyncio.sleep(99))",
        SERVING_TESTS,
    ),
    (
        "serving: events do not let go",
        SERVING,
        "            yield question.answer.result()\n        finally:\n            self.worker.withdraw(question)",
        "            yield question.answer.result()\n        finally:\n            pass",
        SERVING_TESTS,
    ),
    ("serving: beams are streamed", SERVING, "elif service.models[model].decoding.beams == 1:", "else:", SERVING_TESTS),
    (
        "serving: errors are told",
        SERVING,
        '"the server failed to answer; its log says why"',
        "str(error)",
        SERVING_TESTS,
    ),
    (
        "serving: silence of any width",
        "src/eartune/serving/recordings.py",
        "facts.samplerate * facts.channels >",
        "facts.samplerate >",
        SERVING_TESTS,
    ),
    (
        "half a character is shown",
        "src/eartune/models/generation/generate.py",
        'text.rstrip("\\N{REPLACEMENT CHARACTER}").strip()',
        "text.strip()",
        "tests/unit/models/generation/test_beam_search.py::test_half_a_character_is_not_shown",
    ),
    (
        "differences: what seeds hide is significant",
        "src/eartune/report/differences.py",
        "not self.may_be_chance and not self.difference.low <= 0 <= self.difference.high",
        "not self.may_be_chance",
        "tests/unit/report/test_differences.py::test_a_difference_that_seeds_hide_is_not_significant_however_small_p_is",
    ),
    (
        "enough: utterances are counted as recordings",
        "src/eartune/report/speech_curve.py",
        "float(result.recordings)",
        "float(result.speech_utterances)",
        "tests/unit/report/test_enough.py::test_recordings_are_counted_where_an_utterance_has_several",
    ),
    (
        "keys: what labels itself does not depend on the known labels",
        "src/eartune/experiments/keys.py",
        "[self._examples(stage.to_label), self._labels]",
        "self._examples(stage.to_label)",
        "tests/unit/experiments/test_keys.py::test_known_labels_change_the_key_of_a_stage_that_labels_and_of_no_other",
    ),
    (
        "through words: the words are asked for again",
        "src/eartune/experiments/plan.py",
        "normalize_transcripts=True, asked=Asked.FRAME)",
        "normalize_transcripts=True)",
        "tests/unit/experiments/test_plan.py::test_through_words_nothing_is_asked_for_but_the_answer",
    ),
    (
        "several processes: all gradients stay during the step",
        "src/eartune/training/optimizer.py",
        "            if owners[name] != processes.rank:\n                value.grad = None",
        "            if False:\n                value.grad = None",
        "tests/unit/training/test_optimizer.py",
    ),
    (
        "serve: typed words may be of any length",
        "src/eartune/serving/app.py",
        "if len(words) > MOST_CHARACTERS:",
        "if False:",
        "tests/unit/serving/test_app.py::test_a_wrong_chat_is_told_what_is_wrong",
    ),
    (
        "typed words are repeated first",
        "src/eartune/inference/trained_model.py",
        'self.asked if clips and self.decoding.through == "nothing" else Asked.FRAME',
        "self.asked",
        "tests/unit/inference/test_trained_model.py",
    ),
    (
        "try: a corrected row is added again",
        KEPT,
        "name = known_as or _next_id(before)",
        "name = _next_id(before)",
        KEPT_TESTS,
    ),
    ("try: any row may be named", KEPT, "if known_as is not None and all(", "if False and all(", KEPT_TESTS),
    (
        "try: two processes take one number",
        KEPT,
        "with Claims(self.folder / CLAIMS).hold(self.manifest.stem, wait=True):",
        "if True:",
        KEPT_TESTS,
    ),
    ("serve: a host called a port", SERVER, "error.errno < 0", "error.errno == 0", SERVER_TESTS),
    ("serve: an address called a port", SERVER, "or error.errno == errno.EADDRNOTAVAIL", "", SERVER_TESTS),
    ("serve: any stream", CHAT, 'request.get("stream") not in (None, True, False)', "False", SERVING_TESTS),
    ("serve: no null", CHAT, 'request.get("n") not in (None, 1)', 'request.get("n", 1) != 1', SERVING_TESTS),
    (
        "predict: answers of another command",
        ANSWERS_FILE,
        "if head.get(MADE_OF) != made_of:",
        "if False:",
        PREDICT_TESTS,
    ),
    (
        "predict: other batches after a resume",
        ANSWERS_FILE,
        "len(rows) // batch_size * batch_size",
        "len(rows)",
        PREDICT_TESTS,
    ),
    ("predict: a piece is missing", ANSWERS_FILE, 'if made_of["cut_long"] and n_whole', "if False", PREDICT_TESTS),
    ("predict: a name that cannot be written", PREDICT, 'writable(row.pop("file"))', 'row.pop("file")', PREDICT_TESTS),
    ("predict: a folder to write", PREDICT, "        check_file(out)", "        pass", PREDICT_TESTS),
    (
        "interrupted without a word",
        APP,
        "except KeyboardInterrupt as error:",
        "except ZeroDivisionError as error:",
        APP_TESTS,
    ),
    ("a path's error is a traceback", APP, "if error.filename is None:  # it", "if True:  # it", APP_TESTS),
    ("any error of the system is a sentence", APP, "if error.filename is None:  # it", "if False:  # it", APP_TESTS),
    (
        "recordings: one path ends all",
        INDEX,
        "    except OSError as error:",
        "    except ZeroDivisionError as error:",
        INDEX_TESTS,
    ),
    (
        "sound: a folder is a traceback",
        SOUND_FILE,
        "    except OSError as error:",
        "    except ZeroDivisionError as error:",
        SOUND_FILE_TESTS,
    ),
    ("yaml: what is merged in counts", FILES, "if id(node) not in self._looked_at:", "if True:", FILES_TESTS),
    (
        "report: a variant is the baseline",
        "src/eartune/report/scheme_result.py",
        ", has_own_name, row.scheme",
        ", row.scheme",
        "tests/unit/report/test_seeds_and_table.py",
    ),
    (
        "encoder: convolutions in bfloat16",
        "src/eartune/models/whisper_encoder.py",
        "dtype = computes_in(signal, signal.shape[-1])",
        "dtype = signal.dtype",
        "tests/contract/test_whisper_encoder.py",
    ),
    (
        "enough: the terminal asks for recordings",
        "src/eartune/cli/enough.py",
        "(said := record_nothing_yet(one))",
        "(said := None)",
        "tests/unit/report/test_enough.py",
    ),
    (
        "score: one status for all texts",
        "src/eartune/tasks/prediction.py",
        "(place, row if is_own else",
        "(place, row if any(has_own) else",
        "tests/unit/tasks/test_prediction.py",
    ),
    (
        "score: paths of Windows",
        "src/eartune/evaluation/scoring/match.py",
        "in _with_slashes(predictions, by_name):",
        "in predictions:",
        "tests/unit/evaluation/scoring/test_match.py",
    ),
    ("yaml: a key twice", FILES, "if name in seen:", "if False:", FILES_TESTS),
    (
        "manifest: any language",
        UTTERANCE,
        "if language is not None and not isinstance(language, str):",
        "if False:",
        UTTERANCE_TESTS,
    ),
    ("select: ids of two files are one", RECORDING_POOL, " if utterance.text is None}", "}", RECORDING_POOL_TESTS),
    (
        "prepare: the last value of a key",
        "src/eartune/cli/prepare.py",
        "        if key in found:",
        "        if False:",
        "tests/flow/test_prepare.py",
    ),
    (
        "pocket: a folder of its name",
        "src/eartune/api.py",
        "is_pocket = str(model) == POCKET",
        "is_pocket = False",
        "tests/unit/test_api.py",
    ),
    ("try: the task is not asked", KEPT, "self.task.check([row])", "pass", KEPT_TESTS),
    ("try: numbers are taken twice", KEPT, "max(numbers, default=0) + 1", "len(known)", KEPT_TESTS),
    (
        "try: the page may load anything",
        "src/eartune/serving/trying.py",
        "default-src 'none'",
        "default-src *",
        "tests/unit/serving/test_trying.py",
    ),
    ("try: letting go does not end a recording", TRY_PAGE, "if (chunks && held >= TAP_MS) stop();", "", TRY_TESTS),
    ("try: a tap ends at once", TRY_PAGE, "held >= TAP_MS", "held >= 0", TRY_TESTS),
    ("try: silence is asked", TRY_PAGE, "< SILENT_DBFS", "< -999", TRY_TESTS),
    (
        "try: the second model is not asked",
        TRY_PAGE,
        "for (const one of shown) await ask(entry, one);",
        "await ask(entry, shown[0]);",
        TRY_TESTS,
    ),
    ("try: what was said is not kept", TRY_PAGE, "keep(entry, answer, said.value)", "keep(entry, answer)", TRY_TESTS),
    (
        "try: the recording is not kept",
        TRY_PAGE,
        'if (entry.sound) form.append("file", entry.sound, "recording");',
        "",
        TRY_TESTS,
    ),
    # --- what is kept between answers
    (
        "kept: any beginning is taken for this one",
        BETWEEN,
        "self._beginning[0] != tuple(tokens)",
        "False",
        BETWEEN_TESTS,
    ),
    (
        "kept: answers go on in the kept beginning",
        BETWEEN,
        "return self._beginning[1].fork()",
        "return self._beginning[1]",
        BETWEEN_TESTS,
    ),
    ("kept: the beginning is read each time", BETWEEN, "if self._beginning is None or", "if True or", BETWEEN_TESTS),
    (
        "kept: weights are packed each time",
        GENERATE,
        "packed_weights(None if kept is None else kept.packed)",
        "packed_weights()",
        BETWEEN_TESTS,
    ),
    ("kept: a row alone has no beginning", GENERATE, "if len(batch.input_ids) > 1 or", "if True or", BETWEEN_TESTS),
    (
        "cascade: none answers recordings by itself",
        "src/eartune/experiments/cell.py",
        'return plan.through == "words" or is_own_cascade',
        'return plan.through == "words"',
        "tests/flow/test_through_words.py::test_a_cascade_that_reads_its_own_words_answers_recordings",
    ),
    (
        "cascade: one without LoRA answers recordings too",
        "src/eartune/experiments/cell.py",
        "asking.normalize_transcripts and has_lora",
        "asking.normalize_transcripts",
        "tests/flow/test_through_words.py::test_without_lora_a_cascade_has_no_model_that_hears_as_the_untuned_one",
    ),
    (
        "run: a lost worker's half-written files stay",
        "src/eartune/experiments/runner.py",
        """left that were lost, and write the report, if any model has a result.\"\"\"
    folder = prepared.folder
    folder.remove_leftovers()
""",
        """left that were lost, and write the report, if any model has a result.\"\"\"
    folder = prepared.folder
""",
        "tests/unit/experiments/test_runner.py",
    ),
    (
        "curriculum: all text is shown again",
        "src/eartune/training/schemes.py",
        "next_share(text, 0, self.text_again.amount / 100)",
        "text",
        "tests/unit/training/test_schemes.py",
    ),
)


def main(names: Sequence[str]) -> int:
    """Run the mutations whose name holds one of the words, or all; return the exit code."""
    chosen = [row for row in MUTATIONS if not names or any(word in row[0] for word in names)]
    if names == ["--list"]:
        print(*(f"{row[0]:40} {row[1]}" for row in MUTATIONS), sep="\n")
        return 0
    if not chosen:
        print(f"no mutation is called {' or '.join(names)}; --list shows them")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_tree(tree)
        guards = sorted({guard for *_, tests in chosen for guard in tests.split()})
        untouched = run_tests(tree, guards)
        if untouched.returncode != 0:
            print(untouched.stdout, "the tests fail on the untouched tree", sep="\n")
            return 1
        verdicts = [show(row, tree) for row in chosen]
    print(f"{verdicts.count('killed')} of {len(chosen)} killed")
    return 0 if set(verdicts) == {"killed"} else 1


def copy_tree(tree: Path) -> None:
    """Copy what the tests need into a folder."""
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, symlinks=True, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, tree / name)


def show(row: tuple[str, str, str, str, str], tree: Path) -> str:
    """Run one mutation, print its verdict, and return it."""
    name, file, old, new, tests = row
    started = time.monotonic()
    verdict = verdict_of(tree / file, old, new, tests.split(), tree)
    print(f"{verdict:9} {time.monotonic() - started:5.1f} s  {name:40} {place(file, old)}", flush=True)
    return verdict


def place(file: str, old: str) -> str:
    """Return file:line of a text in the untouched tree."""
    before = (ROOT / file).read_text(encoding="utf-8").partition(old)[0]
    return f"{file}:{before.count(chr(10)) + 1}"


def verdict_of(path: Path, old: str, new: str, tests: Sequence[str], tree: Path) -> str:
    """Mutate a file of the copy, run the tests, restore the file; return the verdict."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        return "STALE"
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        return {0: "SURVIVES", 1: "killed"}.get(run_tests(tree, tests).returncode, "BROKEN")
    finally:
        path.write_text(text, encoding="utf-8")


def run_tests(tree: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run pytest in the copy up to the first failure; its exit code is 1 if a test failed."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
