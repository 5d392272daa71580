"""How text tries to become a command: template tokens, forged headers, instructions, and common disguises."""

from collections.abc import Iterator
import re
from typing import Final
import unicodedata

# special tokens of ChatML, Llama 2 and 3, Nemotron, Mistral, Gemma, DeepSeek and Qwen templates, and markup as such
TOKENS: Final = re.compile(
    r"""
    <\|[^<>|\n]{0,60}\|?>
  | <</?sys>>
  | </?(?:s|bos|eos|pad|unk|mask|sep|cls|think(?:ing)?|tools?|tool_\w+|image|img|system|user|assistant|model
        |start_of_\w+|end_of_\w+|extra_id_\d+|special_\d+|unused_?\d+|reserved_\w+|function\w*|script|iframe)\s*/?>
  | <0x[0-9a-f]{2}>
  | \[/?(?:inst|sys|system_prompt|available_tools|tool_calls|tool_results|tool_content|prefix|suffix|middle|img)\]
  | (?<![\w/])/(?:no_?think|think)\b
  | \bdetailed\ thinking\ (?:on|off)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# written as pairs: look-alike, Latin letter
_PAIRS: Final = "аaвbеeкkмmнhоoрpсcтtуyхxіiјjѕsԁdӏlһhɡgոnսuѵvԝwαaβbεeιiκkνvοoρpτtυuχxγyωwıiɩi"  # noqa: RUF001
_LOOKALIKES: Final = str.maketrans(_PAIRS[::2], _PAIRS[1::2])
_DIGITS: Final = str.maketrans("013457@$", "oieastas")


def _spread(*words: str) -> str:
    """Match words even when their letters are pushed apart."""
    return "|".join(r"[\W_]{0,2}".join(word) for word in words)


_HEADER: Final = (
    r"(?:^|(?<=[\s.,;|#*\-]))#{0,3}\s*"
    r"(?:system|assistant|user|developer|human|tool|instructions?|response|prompt)\s*[:=>]+"
)
_FORGET: Final = (
    rf"(?<!\w)(?:{_spread('ignore', 'disregard', 'override', 'overrule', 'bypass', 'forget')})(?!\w)[\s\S]{{0,40}}?"
    r"(?:\b(?:instructions?|previous|prior|above|earlier|everything|rules?|prompts?|guidelines?|evidence|warnings?)\b"
    rf"|{_spread('instructions', 'previous')})"
    r"(?:\s+\w*(?:instruct|rule|prompt|order|message|warning|evidence|above)\w*)*"
)
_VERDICT: Final = (
    r"\b(?:set|give|return|output|report|respond|reply|answer|rate|mark|classify|treat|assign|print|write|lower|reduce)"
    r"\s+(?:this|it|the|a|an|as|me|him|her|with|only|all|every\w*|to|risk|score)\b[\s\S]{0,40}?"
    r"(?:\b(?:scores?|risks?|risk_score|threats?|safe|benign|harmless|low|zero|authori[sz]ed|trusted|resident|minimal)\b"
    r"|\b0\b)"
)
_SCORE: Final = (
    r"\b(?:risk|threat|danger|severity)?[\s_\-]*(?:score|level|rating)\b[\"']?\s*"
    r"(?:is|=|:|to|should be|must be|as)+\s*[\"']?(?:\d{1,3}|zero|none|low|minimal|null)"
)
_ROLE: Final = (
    r"\b(?:you\s+(?:are\s+now|must|should|will\s+now|shall|have\s+to|need\s+to)|act\s+as|pretend|roleplay|jailbreak"
    r"|developer\s+mode|dan\s+mode|new\s+instructions?|system\s+prompt|end\s+of\s+(?:data|prompt|input)"
    r"|(?:begin|end)\s+data)\b"
)
_SILENCE: Final = r"\b(?:do\s+not|don'?t|never)\s+(?:alert|report|notify|warn|flag|raise|record|tell|mention)\b"
_INNOCENCE: Final = (
    r"\b(?:this|the)\s+(?:person|man|woman|visitor|event|scene|visit|intruder|individual)\s+is\s+"
    r"(?:safe|authori[sz]ed|harmless|a\s+resident|trusted|the\s+owner|benign|known|allowed)\b"
    r"|\b(?:false\s+alarm|nothing\s+to\s+see|only\s+a\s+(?:test|drill))\b"
    r"|\b(?:all\s+clear|no\s+(?:threat|risk|danger|alert|alarm)s?)"
    r"(?=\W*$|\s*[.!,;]|\s+(?:needed|required|necessary|detected|found|present|here)\b)"
)
_GERMAN: Final = (
    r"\b(?:ignorier|missacht|vergiss)\w*\b[\s\S]{0,40}?\b(?:anweisung|vorherige|regeln)\w*(?:\s+anweisung\w*)?"
    r"|\bbewerte\b[\s\S]{0,30}?\b(?:niedrig|null|0)\b"
)
_ROMANCE: Final = (
    r"\b(?:ignora\w*|olvida|ignorez|ignorer"  # codespell:ignore ignora
    r"|oubliez|dimentica|desconsidere|negeer)\b[\s\S]{0,40}?"
    r"\b(?:instruc|instrucoes|istruzioni|anteriores|precedent|consignes|regles|reglas|instructies|previas)\w*"
)
_OTHER: Final = r"игнорируй|忽略|無視|이전 지시"

INSTRUCTIONS: Final = tuple(
    re.compile(pattern)
    for pattern in (_FORGET, _VERDICT, _SCORE, _ROLE, _SILENCE, _INNOCENCE, _GERMAN, _ROMANCE, _OTHER)
)
HEADERS: Final = (re.compile(_HEADER),)


def readings(line: str) -> Iterator[str]:
    """Give the ways to read a line, each of the same length: folded case, without disguises, digits as letters."""
    folded = "".join((character.casefold() or character)[0] for character in line)
    bare = skeleton(line)
    yield folded
    yield bare
    yield bare.translate(_DIGITS)


def skeleton(line: str) -> str:
    """Fold case, accents and look-alike letters of other scripts, one character for one."""
    letters = (unicodedata.normalize("NFD", character)[0] for character in line)
    return "".join((letter.casefold() or letter)[0] for letter in letters).translate(_LOOKALIKES)
