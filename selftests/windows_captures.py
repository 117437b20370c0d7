"""What real Windows printed, or kept, found in public places: bytes and numbers for the tests of what reads them.

Each is a short excerpt for its form; ``source`` says where it is from: WinMedic is a public project's folder of raw captures from
German Windows, "public text" a listing in a forum, an issue or a manual. What no public place has is constructed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Capture:
    """An output. ``code``: the exit code, where it was captured or is documented with it."""

    source: str
    output: str
    code: int = 0


SERVICE_RUNS = {
    "ko": Capture(
        "public text: manual of a security product, Windows Server",
        "SERVICE_NAME: redis\r\n        종류               : 10  WIN32_OWN_PROCESS\r\n        상태               : 4  RUNNING\r\n"
        "                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_PRESHUTDOWN)\r\n        WIN32_EXIT_CODE    : 0  (0x0)\r\n"
        "        SERVICE_EXIT_CODE  : 0  (0x0)\r\n        검사점             : 0x0\r\n        WAIT_HINT          : 0x0\r\n",
    ),
    "pt-BR": Capture(
        'public text: an issue, "empirically captured"',
        "NOME_DO_SERVIÇO: audiosrv\r\n        TIPO               : 10  WIN32_OWN_PROCESS\r\n        ESTADO             : 4  RUNNING\r\n"
        "        CÓDIGO_DE_SAÍDA_WIN32  : 0  (0x0)\r\n",
    ),
    "ru": Capture(
        "public text: an issue",
        "Имя_службы: HappService\r\n        Тип                : 10  WIN32_OWN_PROCESS\r\n        Состояние          : 4  RUNNING\r\n"
        "        Код_выхода_Win32   : 0  (0x0)\r\n",
    ),
    "de": Capture(
        "public text: Windows 11 25H2; the labels stay English",
        "SERVICE_NAME: Spooler\r\n        TYPE               : 110  WIN32_OWN_PROCESS  (interactive)\r\n"
        "        STATE              : 4  RUNNING\r\n",
    ),
}
SERVICE_MISSING = {
    "de": Capture(
        "public text",
        "[SC] EnumQueryServicesStatus:OpenService FEHLER 1060:\r\n\r\nDer angegebene Dienst ist kein installierter Dienst.\r\n",
        1060,
    ),
    "ko": Capture("public text", "[SC] OpenService 실패 1060:\r\n\r\n지정된 서비스가 설치된 서비스로는 없습니다.\r\n", 1060),
    "fr": Capture(
        "public text",
        "[SC] EnumQueryServicesStatus:OpenService échec(s) 1060 :\r\n\r\n"
        "Le service spécifié n'existe pas en tant que service installé.\r\n",
        1060,
    ),
}
SERVICE_DENIED = {
    "en": Capture(
        "public text: a WinRM session of an account that is no administrator",
        "[SC] OpenSCManager FAILED 5:\r\n\r\nAccess is denied.\r\n",
        5,
    )
}
WRITER_STATE_PL = Capture(
    "public text: the state of a failed writer in Polish; the rest of the writer is constructed around it",
    "Nazwa: 'System Writer'\r\n   Identyfikator: {e8132975-6f93-4464-a53e-1050253ae220}\r\n"
    "   Identyfikator: {c4a7b1ef-0d4e-4f3c-8a6b-111111111111}\r\n   Stan: [10] x\r\n",
)
WINHTTP_DIRECT = (
    "1800000000000000010000000000000000000000",  # WinMedic reg_query_winhttp_direct.bin
    "2800000000000000010000000000000000000000",  # after a reset, a comment in Microsoft's VM Assist
)
_AT_HOME = (
    "FC00000000000000000000000000000089510100790000000000000000000000000000008951010077000000000000000000000000000000"
    "895101007200000000000000000000000000000089510100"
    "2F0000000000000000000000000000008951010"
    "02E000000000000000000000000000000895101002C000000000000000000000000000000895101002B000000000000000000000000000000"
    "8951010021000000000000000000000000000000895101001F000000000000000000000000000000895101003B0000000000000004000000"
    "00000000092F0D00000B89203A000000000000000400000000000000092F0D000006978036000000000000000400000000000000092F0D00"
    "C0A8B20135000000000000000100000000000000092F0D000500000033000000000000000400000000000000092F0D00000D2F000F000000"
    "000000000900000000000000092F0D00667269747A2E626F7800000006000000000000000400000000000000092F0D00C0A8B2C903000000"
    "000000000400000000000000092F0D00C0A8B20101000000000000000400000000000000092F0D00FFFFFF00"
)
_REG_FILE = (
    "060000000000000004000000000000003317b657c0a80101"
    "030000000000000004000000000000003317b657c0a80101"
    "010000000000000004000000000000003317b657ffffff00"
)
DHCP_OPTIONS = (
    _AT_HOME,  # WinMedic reg_query_tcpip_interfaces.bin: a Windows 11 at home
    _REG_FILE,  # a public .reg file
)
AGENT_LOG = (
    # Microsoft's own troubleshooting article on the agent
    "[00000024] [06/20/2019 07:44:28.93] [WARN] Empty DHCP option data returned",
    "[00000024] [06/20/2019 07:44:28.93] [ERROR] Did not discover fabric address on interface Npcap Loopback Adapter",
)
