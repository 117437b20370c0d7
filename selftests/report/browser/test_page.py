"""The HTML report in a real browser, opened as a file: what somebody sees, clicks, types, copies and prints."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backup_preflight.logs import Logs
from backup_preflight.report.html_data import LONGEST, bounded
from backup_preflight.report.summary import Vm
from backup_preflight.verdict import Verdict
from selftests.report.browser.conftest import Show
from selftests.report.browser.runs import REAL, ROOT, dead, fleet, run_report, vm

PHONE = {"width": 390, "height": 844}
NO_CLIPBOARD = "navigator.clipboard.writeText = () => Promise.reject(new DOMException('refused', 'NotAllowedError'))"


def three() -> Any:
    """The examples."""
    return run_report(*(vm(name, ROOT / f"examples/{name}.recording") for name in ("bad-vm", "good-vm", "unprivileged")))


def shown(page: Page, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.innerText.trim())"
    )
    return found


def names(page: Page) -> list[str]:
    return shown(page, "#vms h3")


def test_it_says_first_what_matters(show: Show) -> None:
    page = show(three())
    sentence = page.locator(".sentence").inner_text()
    assert sentence == "1 of 3 VMs is not ready for Azure Backup; start with bad-vm; 1 more could not be judged."
    tiles = {tile.locator("dt").inner_text(): tile.locator("dd").inner_text() for tile in page.locator(".tile").all()}
    states = {"not ready": "1", "unreachable": "0", "could not be judged": "1", "ready": "1"}
    assert tiles == {**states, "✕ fail": "3", "? undetermined": "19", "✓ pass": "108", "· not applicable": "23"}
    assert names(page) == ["bad-vm", "unprivileged", "good-vm"]
    row = page.locator(".heat tbody tr").first
    assert row.locator("td").all_inner_texts()[0].strip().startswith("✓")
    assert "fail" in row.inner_text(), "the table must not tell by colour alone"


def test_the_verdict_the_cause_and_the_name_filter(show: Show) -> None:
    page = show(three())
    page.get_by_label("fail", exact=True).check()
    assert names(page) == ["bad-vm"]
    assert set(shown(page, ".group .badge")) == {"✕ fail"}
    page.get_by_role("combobox", name="Cause").select_option("DISKSIZE")
    assert shown(page, ".group .problem") == ["a disk is larger than Azure Backup supports"]
    assert page.locator("#shown").inner_text() == "1 of 3 VMs, 1 findings"
    page.get_by_role("searchbox", name="VM").fill("good")
    assert names(page) == []
    expect(page.locator("#findings > .empty")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("searchbox", name="VM").fill("UNPRI")
    assert names(page) == ["unprivileged"]
    assert set(shown(page, ".group .badge")) == {"? undetermined"}


def test_an_open_vm_shows_only_what_passes_the_filter(show: Show) -> None:
    page = show(three())
    page.locator("#vms summary", has_text="bad-vm").click()
    expect(page.locator(".vm .finding").filter(visible=True)).to_have_count(3)
    page.get_by_role("combobox", name="Cause").select_option("DISKSIZE")
    assert len(shown(page, ".vm .finding")) == 1


def test_the_address_holds_the_state(show: Show) -> None:
    page = show(three())
    page.get_by_label("undetermined", exact=True).check()
    page.get_by_role("combobox", name="Cause").select_option("NOINET")
    page.get_by_role("searchbox", name="VM").fill("unpriv")
    page.locator(".heat").get_by_role("link", name="unprivileged").click()
    again = show(three(), "#" + page.url.partition("#")[2])
    expect(again.get_by_label("undetermined", exact=True)).to_be_checked()
    expect(again.get_by_role("combobox", name="Cause")).to_have_value("NOINET")
    expect(again.get_by_role("searchbox", name="VM")).to_have_value("unpriv")
    assert names(again) == ["unprivileged"]
    assert len(shown(again, ".vm .finding")) == 6


def test_a_strange_address_does_no_harm(show: Show) -> None:
    page = show(three())
    address = page.url
    for state in ("#verdict=nonsense&cause=%00&open=nobody&vm=", "#%E0%A4%A", "#findings", "#verdict=<script>alert(1)</script>"):
        page.goto(address + state)
        page.reload()
        assert len(names(page)) == 3, state


def test_a_vm_unfolds_with_every_check(show: Show) -> None:
    page = show(three())
    page.locator(".heat").get_by_role("link", name="bad-vm").click()
    body = page.locator(".vm", has_text="bad-vm")
    expect(body.locator("summary").first).to_be_focused()
    finding = body.locator(".finding", has_text="LIN-02").inner_text()
    assert "walinuxagent.service is failed" in finding
    assert "page of 2025-11-12" in finding
    assert body.locator("tbody tr").count() == 0, "passes are counted until somebody asks"
    body.get_by_text("34 pass").last.click()
    body.get_by_text("14 not applicable").last.click()
    expect(body.locator("tbody tr")).to_have_count(34 + 14)
    expect(body.locator("tr", has_text="LIN-12")).to_contain_text("LIN-02")


@pytest.mark.parametrize("setup", ["", NO_CLIPBOARD, "delete Navigator.prototype.clipboard"], ids=["clipboard", "refused", "none"])
def test_commands_are_copied(setup: str, show: Show) -> None:
    page = show(three(), setup=setup, permissions=["clipboard-read", "clipboard-write"] if not setup else [])
    page.locator(".group", has_text="LIN-02").get_by_role("button", name="Copy").click()
    expect(page.locator("#said")).to_have_text("Copied")
    page.evaluate("() => { const area = document.createElement('textarea'); area.id = 'paste'; document.body.append(area); area.focus() }")
    page.keyboard.press("Control+V")
    expected = "sudo systemctl restart walinuxagent.service\nsudo journalctl -u walinuxagent.service -n 30 --no-pager"
    expect(page.locator("#paste")).to_have_value(expected)


def test_the_keyboard_reaches_everything(show: Show) -> None:
    page = show(three())
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the findings")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox", name="VM")).to_be_focused()
    page.keyboard.type("bad")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label("fail", exact=True)).to_be_checked()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate("() => document.activeElement.matches('summary') ? document.activeElement.innerText : ''")
        if "bad-vm" in focus:
            break
        reached.add(page.evaluate("() => document.activeElement.tagName"))
    assert {"SELECT", "BUTTON", "A", "SUMMARY"} <= reached
    page.keyboard.press("Enter")
    expect(page.locator(".vm .finding").filter(visible=True)).to_have_count(3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("count", [1, 40])
def test_axe_finds_nothing(count: int, scheme: str, show: Show, axe: str) -> None:
    bad = ROOT / "examples/bad-vm.recording"
    page = show(run_report(vm("bad-vm", bad)) if count == 1 else fleet_with_everything(count), color_scheme=scheme)
    page.locator(".group").evaluate_all("(all) => all.forEach((one) => (one.open = true))")
    page.locator(".vm").evaluate_all("(all) => all.slice(0, 5).forEach((one) => (one.open = true))")
    page.locator(".quiet").first.evaluate("(one) => (one.open = true)")
    page.locator(".quiet tbody tr").first.wait_for()
    page.evaluate(axe)
    # page-level rules, all of WCAG 2.2 A and AA, and axe's best practices
    violations = page.evaluate(
        "async () => (await axe.run()).violations.map((v) => [v.id, v.help, v.nodes.slice(0, 3).map((n) => n.html)])"
    )
    assert violations == []


def fleet_with_everything(count: int) -> Any:
    """Also a VM out of reach, and a mistake of ours."""
    report = fleet(count - 2)
    broken = vm("broken", REAL / "healthy.recording")
    broken.results[0] = replace(
        broken.results[0], verdict=Verdict.CRASH.value, problem="the suite itself has failed", reason="ValueError: x"
    )
    return run_report(*report.vms, dead("nobody"), broken)


def test_a_waived_finding_says_why_and_logs_are_linked(show: Show) -> None:
    bad = vm("bad", ROOT / "examples/bad-vm.recording")
    first = next(place for place, result in enumerate(bad.results) if result.check == "LIN-02")
    bad.results[first] = replace(bad.results[first], verdict=Verdict.WAIVED.value, waived="rebuilt on Friday, until 2026-06-30")
    logs = Logs(show.directory / "logs/bad #1", ("waagent.log",), ("no permission for /var/log/azure",))
    page = show(replace(run_report(bad), logs={"bad": logs}))
    page.get_by_label("waived", exact=True).check()
    page.locator(".group summary").filter(visible=True).click()
    assert "rebuilt on Friday, until 2026-06-30" in page.locator(".group", has_text="LIN-02").inner_text()
    page.locator("#vms summary").click()
    expect(page.locator(".vm .finding").filter(visible=True)).to_contain_text("rebuilt on Friday")
    assert page.get_by_role("link", name="waagent.log").get_attribute("href") == "logs/bad%20%231/waagent.log"
    assert "no permission for /var/log/azure" in page.locator(".logs").inner_text()


def test_a_thousand_vms_make_no_long_page(show: Show) -> None:
    page = show(fleet(1000))
    assert page.evaluate("document.querySelectorAll('*').length") < 20_000
    assert (show.directory / "report.html").stat().st_size < 2_000_000
    assert page.locator(".heat tbody tr").count() == 100
    page.get_by_role("searchbox", name="VM").fill("vm-0998")
    assert names(page) == ["vm-0998"]
    page.get_by_role("button", name="Clear").click()
    page.locator("#vms").get_by_role("button", name="Show all 1000 VMs").click()
    assert page.locator("#vms .vm").count() == 1000
    group = page.locator(".group", has_text="the Azure Linux agent is not running")  # open, as it is urgent
    group.get_by_role("button", name=re.compile("and .. more")).click()
    links = group.locator("[data-vm]")
    assert links.count() > 30
    last = links.last.inner_text()
    links.last.click()
    expect(page.locator(".vm summary", has_text=last)).to_be_focused()


@pytest.mark.parametrize("viewport", [PHONE, {"width": 320, "height": 600}])
def test_a_phone_shows_it_without_scrolling_sideways(viewport: dict[str, int], show: Show) -> None:
    page = show(three(), "#open=bad-vm", viewport=viewport)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_paper_shows_all_of_it(show: Show) -> None:
    page = show(three())
    page.evaluate("() => addEventListener('beforeprint', () => (window.closed_ = document.querySelectorAll('details:not([open])').length))")
    page.emulate_media(media="print")
    page.pdf()
    assert page.evaluate("closed_") == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(shown(page, ".vm .finding")) == 22
    assert len(shown(page, ".quiet tbody tr")) == 108 + 23
    assert shown(page, "button") == []
    assert not page.locator("#filters").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown(page, ".vm .finding") == []


def test_without_scripts_the_findings_are_there(show: Show) -> None:
    page = show(three(), java_script_enabled=False)
    assert len(shown(page, ".group")) == 22
    assert page.get_by_text("Without JavaScript").is_visible()
    assert not page.locator("#filters").is_visible()


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "</style></template><img src=x onerror=alert(1)>",
    "]]> ' \" ` & &amp; {{ 7*7 }} {% raw %}",
    "\x1b[31mred\x1b]0;title\x07 \x00\x01\x7f\x9b",
    "\u202egnirts\u202c \u2066x\u2069 \u200f",
    "\udc80 \ufffe \u2028 \u2029 \r\n",
    "a" * 1_000_000,
    "javascript:alert(1)",
]


def test_a_hostile_value_injects_nothing(show: Show) -> None:
    """Each in a VM of its own, wherever a VM, or who writes a waiver, has the say."""
    page = show(run_report(*map(hostile, HOSTILE), vm("good", REAL / "healthy.recording")))
    assert (show.directory / "report.html").stat().st_size < 300_000
    assert len(names(page)) == len(HOSTILE) + 1
    page.locator("details.vm").evaluate_all("(all) => all.forEach((one) => (one.open = true))")
    expect(page.locator(".vm .finding").filter(visible=True)).to_have_count(3 * len(HOSTILE))
    text = page.locator("body").inner_text()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    for value, of_vm in zip(HOSTILE, page.locator("details.vm").all_inner_texts()[:-1], strict=True):
        if len(value) > LONGEST:
            assert "of 1000000 characters; all are in the report of --json=FILE" in of_vm
            assert "# a command of 1000000 characters" in of_vm
        else:
            assert bounded(value.split()[0]) in of_vm


def hostile(value: str) -> Vm:
    bad = vm(f"vm {value}", ROOT / "examples/bad-vm.recording")
    bad.description = value
    said = {"problem": value, "found": value, "fix": value, "commands": (value, "true"), "reason": value, "remedy": value}
    bad.results[:] = [replace(result, **said) if result.is_finding else replace(result, reason=value) for result in bad.results]
    return bad
