"""Modules are imported ahead, and those that are missing are left to whoever needs them."""

import subprocess
import sys

from napari_pathprune.plugin.jobs.preload import MODULES, preload


def test_modules_are_imported_in_a_thread_and_a_missing_one_is_skipped():
    code = (
        "import sys; from napari_pathprune.plugin.jobs.preload import preload; before = 'wave' in sys.modules; "
        "preload(('no_such_module', 'wave')).join(); print(before, 'wave' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "True"]


def test_the_modules_exist():
    preload().join()
    assert set(MODULES) <= sys.modules.keys()
