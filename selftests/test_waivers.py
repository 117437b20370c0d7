"""``--waivers``: accepted findings stay visible, do not gate, and an expired or needless waiver is said."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from backup_preflight.errors import UsageError
from backup_preflight.waivers import load_waivers
from selftests.test_command_line import report_of, run

TODAY = date.today()  # noqa: DTZ011  (a waiver counts by the reader's own day)
BAD = ("LIN-02", "LIN-14", "DSK-01")
"""What fails on the bad VM of the examples."""


def waiver(check: str, vm: str = "bad-vm", reason: str = "known", expires: date = TODAY) -> str:
    return f'[[waiver]]\ncheck = "{check}"\nvm = "{vm}"\nreason = "{reason}"\nexpires = {expires.isoformat()}\n'


def judged(tmp_path: Path, text: str, *options: str) -> tuple[int, str, dict[str, dict[str, str]], list[str]]:
    """Exit code, terminal, check → result of the bad VM, notes about waivers."""
    file = tmp_path / "waivers.toml"
    file.write_text(text, encoding="utf-8")
    output = tmp_path / "report.json"
    done = run("--hosts=recorded://examples/bad-vm.recording", f"--waivers={file}", f"--json={output}", *options)
    if not output.exists():
        return done.returncode, done.stdout + done.stderr, {}, []
    report = report_of(output)
    return done.returncode, done.stdout, {r["check"]: r for r in report["vms"][0]["results"]}, report["waivers"]


def test_waived_findings_are_shown_with_their_reason_and_do_not_fail_the_run(tmp_path: Path) -> None:
    code, said, results, notes = judged(tmp_path, "".join(waiver(check, "bad-*", "a pet") for check in BAD))
    assert code == 0, said
    assert {results[check]["verdict"] for check in BAD} == {"waived"}
    assert results["LIN-02"]["waived"] == f"a pet (until {TODAY.isoformat()})"
    assert "WAIVED  bad-vm: the Azure Linux agent is not running (LIN-02)" in said
    assert "sudo systemctl restart walinuxagent.service" in said
    assert "3 findings are waived." in said
    assert notes == []


def test_a_waiver_reaches_no_other_check_and_no_other_vm(tmp_path: Path) -> None:
    code, _, results, notes = judged(tmp_path, waiver("LIN-02") + waiver("LIN-14", "good-*"))
    assert code == 1
    assert [results[check]["verdict"] for check in BAD] == ["waived", "fail", "fail"]
    assert notes == ["waiver of LIN-14 on good-*: not used, no VM of this run has that finding; remove it when no other run needs it"]


def test_what_a_waived_failure_explains_is_not_judged_anew(tmp_path: Path) -> None:
    _, _, results, _ = judged(tmp_path, waiver("LIN-02"))
    assert "LIN-02" in {result["blocked_by"] for result in results.values()}


def test_an_expired_waiver_counts_no_more_and_is_said(tmp_path: Path) -> None:
    yesterday = TODAY - timedelta(days=1)
    code, said, results, notes = judged(tmp_path, waiver("LIN-02", expires=yesterday))
    assert code == 1
    assert results["LIN-02"]["verdict"] == "fail"
    assert notes == [f"waiver of LIN-02 on bad-vm: expired on {yesterday.isoformat()}; renew or remove it (known)"]
    assert notes[0] in said


def test_a_waiver_of_a_check_that_was_not_asked_for_is_no_news(tmp_path: Path) -> None:
    _, _, _, notes = judged(tmp_path, waiver("LIN-14", "good-vm"), "-k", "agent_is_running")
    assert notes == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[waiver]", "is no TOML"),
        ("waiver = 3", "write a table [[waiver]] for each waiver"),
        ("[other]\n", "write a table [[waiver]] for each waiver"),
        (waiver("LIN-02") + "until = 3\n", "waiver 1: unknown key until; it has check, expires, reason, vm"),
        (waiver("LIN-02") + waiver("LIN-99"), "waiver 2: LIN-99 is no check"),
        (waiver("LIN-02", reason=" "), "waiver 1: reason is missing"),
        ('[[waiver]]\ncheck="LIN-02"\nvm="*"\nreason="x"\nexpires="2027-01-01"', "expires is missing or no date; write it without quotes"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="--waivers: ") as raised:
        load_waivers(file)
    assert said in str(raised.value)


def test_a_bad_file_is_one_line_before_any_work(tmp_path: Path) -> None:
    code, output, results, _ = judged(tmp_path, waiver("LIN-99"))
    assert code == 4
    assert "waiver 1: LIN-99 is no check" in output
    assert "--waivers: " in output
    assert "Traceback" not in output
    assert results == {}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run("--hosts=recorded://examples", f"--waivers={tmp_path / 'none.toml'}")
    assert done.returncode == 4
    assert "none.toml: No such file or directory" in done.stderr
