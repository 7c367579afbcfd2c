"""Definitions of the metrics, with the published figures they may be compared with."""

DEFINITIONS: dict[str, str] = {
    "scenario_f1": (
        "F1 of the scenario; in official mode the figure that SLURP's scorer prints for the scenario, comparable with "
        "published SLURP scenario F1 or accuracy."
    ),
    "action_f1": (
        "F1 of the action; in official mode the figure that SLURP's scorer prints for the action, comparable with "
        "published SLURP action F1 or accuracy."
    ),
    "intent_f1": (
        "F1 of the intent, scenario_action; in official mode the figure that SLURP's scorer prints for the intent, "
        "whose micro average equals the intent accuracy (IC) of SLURP papers."
    ),
    "intent_accuracy": (
        "Share of utterances whose intent is right; comparable with published intent accuracy (IC) on SLURP, MASSIVE, "
        "Speech-MASSIVE, ITALIC and SNIPS, where papers count unanswered utterances in the same way."
    ),
    "intent_macro_f1": (
        "Mean over the intents of each intent's F1, whatever the average asked for; comparable with the macro F1 that "
        "ITALIC and other intent corpora report beside accuracy (sklearn's, over the labels seen)."
    ),
    "entity_f1": (
        "F1 of entities with the exact type and filler, the entities row of SLURP's scorer; comparable with published "
        "SLURP entity F1 of exact spans, not with MASSIVE's slot F1, which goes by token positions."
    ),
    "word_f1": (
        "F1 of entity types where each filler counts as an error by its word error rate; comparable with the word-F1 "
        "of SLURP papers."
    ),
    "char_f1": (
        "F1 of entity types where each filler counts as an error by its character distance; comparable with the "
        "char-F1 of SLURP papers."
    ),
    "slu_f1": (
        "F1 of the summed word-F1 and char-F1 counts of the whole corpus; comparable with the SLU-F1 of SLURP and "
        "Speech-MASSIVE papers that use SLURP's scorer, not with slot micro-F1."
    ),
    "slot_f1": (
        "Micro or macro F1 of exact (type, filler) pairs; comparable only with figures that match slot values as text, "
        "not with the token-position F1 (seqeval, CoNLL) of SNIPS papers."
    ),
    "exact_match": (
        "Share of utterances with the right intent and exactly the gold (type, filler) pairs, in any order; comparable "
        "with frame or command accuracy that matches values as text, not with MASSIVE's exact match over tokens."
    ),
}

# On MASSIVE's files, slots are token positions, and two of the names above mean what MASSIVE means by them.
MASSIVE_DEFINITIONS: dict[str, str] = DEFINITIONS | {
    "slot_f1": (
        "Micro or macro F1 of slots found at the same tokens with the same label; micro is MASSIVE's slot micro-F1 "
        "(seqeval), comparable with it for MASSIVE and Speech-MASSIVE, not with SLU-F1. Slots whose words do not stand "
        "in the reference count as spurious."
    ),
    "exact_match": (
        "Share of utterances with the right intent and every token labelled right: MASSIVE's exact match accuracy."
    ),
}
