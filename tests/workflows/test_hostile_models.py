"""Model files that claim more than they hold end in one line, within 500 MiB."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as to_bytes

from napari_pathprune.workflows.checkpoint_header import FORMAT, HEADER_KEY

MIB = 1 << 20
OWN = {
    "format": FORMAT,
    "architecture": "hovernet",
    "config": {"mode": "fast", "num_types": None, "width": 0.0625},
    "lineage": [],
    "type_names": [],
    "mpp": 0.25,
    "licence": "",
    "card": {},
    "stored_as_half": {},
}
"""A header of this package."""
LIMITED = """
import resource, sys
from napari_pathprune.base.error_line import error_line, is_mistake
from napari_pathprune.workflows.checkpoint import load

load("hovernet-s-compact").model()  # what any model takes
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (500 << 20),) * 2)
for path in sys.argv[1:]:
    try:
        load(path).model()
        print("LOADED")
    except BaseException as error:
        print(error_line(error) if isinstance(error, ValueError) and is_mistake(error) else f"FAULT {error!r}"[:300])
"""


def write_header(path: Path, header: bytes, body: bytes = b"") -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)


def write_own(path: Path, **changes: Any) -> None:
    """Write a header of this package with some fields changed, over one small tensor."""
    content = {HEADER_KEY: json.dumps({**OWN, **changes})}
    path.write_bytes(to_bytes({"a": torch.zeros(1)}, metadata=content))


def write_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("a/version", "3\n")
        with file.open("a/data.pkl", "w", force_zip64=True) as stream:
            for _ in range(700):
                stream.write(b"\0" * MIB)


def write_expanded(path: Path) -> None:
    """Write tensors of two thousand million types, of which the file holds one number."""
    with torch.random.fork_rng():
        torch.save({"desc": {"decoder.tp.u0.conv.weight": torch.zeros(1).expand(2 * 10**9, 1, 1, 1)}}, path)


CASES: dict[str, Callable[[Path], None]] = {
    "card of empty lists.safetensors": lambda path: write_header(
        path,
        json.dumps({"__metadata__": {HEADER_KEY: '{"card":[' + "[]," * (4 * MIB - 99) + "0]}"}}).encode(),
    ),
    "longer card of empty lists.safetensors": lambda path: write_header(
        path,
        json.dumps({"__metadata__": {HEADER_KEY: '{"card":[' + "[]," * (8 * MIB) + "0]}"}}).encode(),
    ),
    "many tensors and a header.safetensors": lambda path: path.write_bytes(
        to_bytes({f"t{i}": torch.zeros(1) for i in range(20_000)}, metadata={HEADER_KEY: json.dumps(OWN)})
    ),
    "many tensors.safetensors": lambda path: write_header(
        path,
        json.dumps({f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(300_000)}).encode(),
    ),
    "long header.safetensors": lambda path: path.write_bytes(struct.pack("<Q", 99_000_000) + b'{"a":{}}'),
    "deep.safetensors": lambda path: write_header(path, b"[" * 200_000),
    "deep header.safetensors": lambda path: write_header(
        path, json.dumps({"__metadata__": {HEADER_KEY: "[" * 100_000}}).encode()
    ),
    "large number.safetensors": lambda path: write_header(
        path, json.dumps({"__metadata__": {HEADER_KEY: "9" * 10**6}}).encode()
    ),
    "large shape.safetensors": lambda path: write_header(
        path, json.dumps({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}).encode(), b"\0" * 4
    ),
    "wide.safetensors": lambda path: write_own(path, config={"mode": "fast", "num_types": None, "width": 1e9}),
    "rather wide.safetensors": lambda path: write_own(path, config={"mode": "fast", "num_types": None, "width": 4.0}),
    "types.safetensors": lambda path: write_own(
        path, config={"mode": "fast", "num_types": 10**6, "width": 0.25}, type_names=["a"] * 10**6
    ),
    "long name.safetensors": lambda path: write_own(
        path, config={"mode": "fast", "num_types": 2, "width": 0.25}, type_names=["background", "x" * 10**6]
    ),
    "lineage.safetensors": lambda path: write_own(path, lineage="evil"),
    "half.safetensors": lambda path: write_own(path, stored_as_half={"a": "load"}),
    "pixel.safetensors": lambda path: write_own(path, mpp=1e-9),
    "bomb.pth": write_bomb,
    "expanded.pth": write_expanded,
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does")
def test_hostile_files_end_in_one_line_within_500_mib(tmp_path: Path) -> None:
    paths = []
    for name, write in CASES.items():
        write(tmp_path / name)
        paths.append(str(tmp_path / name))
    process = subprocess.run([sys.executable, "-c", LIMITED, *paths], capture_output=True, text=True, check=True)
    found = dict(zip(CASES, process.stdout.splitlines(), strict=True))
    assert not {name: line for name, line in found.items() if line.startswith(("FAULT", "LOADED"))}
    assert all(str(tmp_path) in line or "got width" in line or "million" in line for line in found.values())
    assert "holds 20,000 tensors" in found["many tensors and a header.safetensors"]
    assert "would unpack to 700 MiB" in found["bomb.pth"]
    assert "claims to be (2000000000, 1, 1, 1)" in found["expanded.pth"]
