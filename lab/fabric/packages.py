"""The stub of VMSnapshotLinux as packages and manifests, in the shape in which storage offers the real one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.fabric.vms import EXTENSION, PRE_FIX_VERSION, VERSION

SOURCE = Path(__file__).parent / "handler"
VERSIONS = ("1.0.9.0", "1.0.91.0", "1.0.9112.0", PRE_FIX_VERSION, VERSION)
"""Every version that can be in a goal state. They differ in their number only, except for PRE_FIX_VERSION."""

PRE_FIX_FILES = {
    "main/WaagentLib.py": b"import Utils.WAAgentUtil\nimport crypt\nfrom distutils.version import LooseVersion\n",
    "main/Utils/WAAgentUtil.py": b"import imp\n",
}
"""What the extension imported until July 2026 and newer Pythons lack: imp and distutils (gone in 3.12), crypt (3.13)."""

FREEZE_TOOLS = ("main/safefreeze/bin/safefreeze", "main/safefreezeArm64/bin/safefreeze")


def blobs(url: Callable[[str, str], str]) -> Iterator[tuple[str, str, bytes]]:
    """Container, name and content of every blob. ``url``: the address of a blob by container and name."""
    plugins = ""
    for version in VERSIONS:
        name = f"{EXTENSION}__{version}.zip"
        yield "ext", name, package(version)
        plugins += f"<Plugin><Version>{version}</Version><Uris><Uri>{url('ext', name)}</Uri></Uris></Plugin>"
    yield "ext", f"{EXTENSION}_manifest.xml", _manifest(plugins)
    yield "gafamily", "Prod_manifest.xml", _manifest("")  # no newer agent to update to


def _manifest(plugins: str) -> bytes:
    head = '<?xml version="1.0" encoding="utf-8"?>\n<PluginVersionManifest xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    return f"{head}<Plugins>{plugins}</Plugins></PluginVersionManifest>\n".encode()


def package(version: str) -> bytes:
    """The zip file of one version: handler/, and PRE_FIX_FILES in the version before the fix."""
    files = {str(path.relative_to(SOURCE)): path.read_bytes() for path in sorted(SOURCE.rglob("*")) if path.is_file()}
    tool = files.pop("main/safefreeze")
    files |= dict.fromkeys(FREEZE_TOOLS, tool)
    if version == PRE_FIX_VERSION:
        files |= PRE_FIX_FILES
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if content.startswith(b"#!") else 0o100644) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
