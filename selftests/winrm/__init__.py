"""winrm:// against the stand-in of lab/winrm/. No Windows is involved."""
