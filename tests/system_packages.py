"""Install what the window tests need from the system: Xvfb and the libraries that Qt's wheels expect.

Does nothing where they are there, or where the system has no apt (macOS, Windows: nothing is needed).
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys

PACKAGES = (
    "libdbus-1-3",
    "libegl1",
    "libgl1",
    "libgl1-mesa-dri",
    *(f"libxcb-{name}" for name in ("cursor0", "icccm4", "image0", "keysyms1", "randr0", "render-util0")),
    *(f"libxcb-{name}" for name in ("shape0", "xinerama0", "xinput0", "xkb1")),
    "libxkbcommon-x11-0",
    "xvfb",
)
LIBRARIES = ("EGL", "GL", "dbus-1", "xcb-cursor", "xcb-icccm", "xcb-keysyms", "xcb-xkb", "xkbcommon-x11")


def missing() -> list[str]:
    """Name what is not there."""
    libraries = [f"lib{name}" for name in LIBRARIES if ctypes.util.find_library(name) is None]
    return libraries if shutil.which("Xvfb") else [*libraries, "Xvfb"]


def main() -> int:
    """Install, and tell what to do where that cannot be done."""
    if not sys.platform.startswith("linux") or not missing():
        return 0
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    able = shutil.which("apt-get") and (not root or shutil.which("sudo"))
    if able:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *PACKAGES]):
            if subprocess.run([*root, *command], env=environment, check=False).returncode:
                break
    if missing():
        sys.stderr.write(
            f"The window tests need {', '.join(missing())}. Run as root: apt-get install {' '.join(PACKAGES)}\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
