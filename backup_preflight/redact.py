"""What looks like a secret in a log or a configuration file becomes ``***``, before it is written down.

The collector on the VM masks first (URLs with passwords, signatures, long words of base64); this knows more forms, and does not
depend on the VM.
"""

from __future__ import annotations

import re

_NAMES = (
    r"(?:account|access|shared|storage|secret|api)?_?-?key|pass(?:word|wd|phrase)?|pwd|secret|token|access_?token|sas_?token|"
    r"shared_?access_?signature|client_?secret|admin_?password|user_?password|protected_?settings|private_?protected_?settings|credentials?"
)
_QUOTE = r"(?:\\*[\"']|&quot;)"
_MASKS = (
    (re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?(?:-----END \1-----|\Z)", re.DOTALL), r"-----BEGIN \1----- ***"),
    (
        re.compile(r"(<(\w*(?:protectedsettings|password|privatekey|secret|sharedkey|data|certificate)\w*)\b[^>]*>)[^<]+", re.IGNORECASE),
        r"\1***",
    ),
    (re.compile(rf"({_QUOTE}\w*(?:{_NAMES}){_QUOTE}\s*:\s*{_QUOTE})(?!{_QUOTE})[^\"'&\\]+", re.IGNORECASE), r"\1***"),
    (re.compile(rf"(\b\w*(?:{_NAMES})\s*=\s*{_QUOTE}?)[^\s\"'&;,<>]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\b(?:authorization|x-ms-\w*token)\s*:\s*(?:(?:bearer|basic|sharedkey)\s+)?)[^\s\"',]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bbearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE), r"\1***"),
    (re.compile(r"(sig(?:=|%3D))[^&\s\"'<>]+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(://)[^\s/@\"'<>]+@"), r"\1***@"),
    (re.compile(r"[A-Za-z0-9+/]{80,}={0,2}"), "***"),
)


def redact(text: str) -> str:
    """The text with ``***`` where a secret stood: passwords, keys, tokens, signatures, PEM blocks, protected settings."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text
