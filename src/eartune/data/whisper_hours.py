"""Hours of transcribed speech of each language that Whisper was trained on, as far as they are published.

They are those of the statistics of its training data in appendix E of arXiv 2212.04356, which are of the first
multilingual models, up to large-v2. Large-v3, with whose encoder many audio LLMs begin, was trained on more, whose
languages are not published, so that what counts here is the order. The paper was not at hand when they were written
down; with small languages left out, they sum to 99.8 % of the 117,113 h that it gives for all but English.
"""

WHISPER_HOURS: dict[str, int] = {
    "en": 438_218,
    "zh": 23_446,
    "de": 13_344,
    "es": 11_100,
    "ru": 9_761,
    "fr": 9_752,
    "pt": 8_573,
    "ko": 7_993,
    "ja": 7_054,
    "tr": 4_333,
    "pl": 4_278,
    "it": 2_585,
    "sv": 2_119,
    "nl": 2_077,
    "ca": 1_883,
    "fi": 1_066,
    "id": 1_014,
    "ar": 739,
    "uk": 697,
    "vi": 691,
    "he": 688,
    "el": 529,
    "da": 473,
    "ms": 382,
    "hu": 379,
    "ro": 356,
    "no": 266,
    "th": 226,
    "cs": 192,
    "ta": 136,
    "ur": 104,
    "hr": 91,
    "sk": 90,
    "bg": 86,
    "cy": 73,
    "lt": 67,
    "lv": 65,
    "az": 47,
    "et": 41,
    "sl": 41,
    "sr": 28,
    "fa": 24,
    "hi": 12,
}
"""By ISO 639-1 code."""
EVERYTHING_BUT_ENGLISH = 117_113
"""Hours of all languages but English, as the paper states them."""
BEGIN_WITH_WHISPER = (
    "audioflamingo3",
    "encoder-adapter-llm",
    "musicflamingo",
    "qwen2-audio",
    "qwen2.5-omni",
    "voxtral",
)
"""The families whose audio encoder was Whisper's before it was trained further; of others no hours are known."""
