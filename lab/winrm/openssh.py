"""What OpenSSH on Windows starts, as a forced command of a real sshd: cmd.exe, which knows powershell.exe and no sh.

``python -m lab.winrm.openssh``: takes the command line from SSH_ORIGINAL_COMMAND, as sshd gives it.
"""

from __future__ import annotations

import base64
import os
import re
import sys

from lab.winrm.machine import Windows
from lab.winrm.machines import healthy

_NOT_FOUND = "'sh'은(는) 내부 또는 외부 명령, 실행할 수 있는 프로그램, 또는 배치 파일이 아닙니다.\r\n"
"""What cmd.exe says in Korean, in code page 949: nobody may need to understand it."""


def run(line: str, stdin: str, machine: Windows) -> tuple[int, str, bytes]:
    """Exit code, standard output, standard error of a command line."""
    match = re.fullmatch(r"powershell\.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ([A-Za-z0-9+/=]+)", line)
    if not match:
        return 1, "", _NOT_FOUND.encode("cp949")
    answer = machine.run(base64.b64decode(match[1]).decode("utf-16-le"), {}, stdin.splitlines())
    return answer.code, "".join(f"{part}\r\n" for part in answer.output), b"".join(f"{text}\r\n".encode() for _, text in answer.errors)


if __name__ == "__main__":
    code, output, errors = run(os.environ.get("SSH_ORIGINAL_COMMAND", ""), sys.stdin.read(), healthy(culture="ko-KR"))
    sys.stdout.write(output)
    sys.stderr.buffer.write(errors)
    sys.exit(code)
