"""What the plugin costs tshark: ``python -m benchmarks.wireshark``. CPU seconds, peak MB; only ratios count.

Each row is a run of tshark over the same 100,000 packets, with the plugin, beside the plain list without it.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.decode import Run, run
from benchmarks.generate import session
from decoder import catalog
from decoder.decode import Decoder
from wireshark import bundle
from wireshark.export import export

PACKETS = 100_000
TRAFFIC = 2_500_000
TRIES = 5
WAYS = (
    ("list", ()),
    ("`-Y atshark.name`", ("-Y", "atshark.name")),
    ("`-Y 'atshark.remote_port == 2040'`", ("-Y", "atshark.remote_port == 2040")),
    ("list, two passes", ("-2",)),
    ("name, parameters and latency, two passes",
     ("-2", "-T", "fields", "-e", "atshark.name", "-e", "atshark.param", "-e", "atshark.latency")),
)  # fmt: skip


class Row(NamedTuple):
    """A way to use tshark: what it took, and the plain list without the plugin beside it."""

    name: str
    took: Run
    plain: Run

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table: name, CPU seconds, their ratio, MB, their ratio."""
        return (
            self.name, f"{self.took.seconds:.2f}", f"{self.took.seconds / self.plain.seconds:.2f}",
            f"{self.took.memory:.0f}", f"{self.took.memory / self.plain.memory:.2f}",
        )  # fmt: skip


HEAD = ("tshark, 100,000 packets", "CPU seconds", "of the list without the plugin", "peak MB", "of it")


def _best(arguments: list[str]) -> Run:
    runs = [run(arguments) for _ in range(TRIES)]
    return Run(min(one.seconds for one in runs), min(one.memory for one in runs))


def measure(folder: Path) -> tuple[list[Row], float]:
    """Measure all ways. Return them, and by how many seconds the plugin makes tshark start later."""
    whole, packets, one, plugin = (folder / name for name in ("w.pcapng", "p.pcapng", "one.pcapng", "atshark.lua"))
    export(session(TRAFFIC), Decoder(catalog.load()), whole)
    plugin.write_text(bundle.plugin(catalog.load()), "utf-8")
    for path, count in ((packets, PACKETS), (one, 1)):
        subprocess.run(["editcap", "-r", str(whole), str(path), f"1-{count}"], check=True, capture_output=True)
    with_plugin = ["-X", f"lua_script:{plugin}"]
    plain = _best(["tshark", "-r", str(packets)])
    rows = [Row("list without the plugin", plain, plain)]
    for name, more in WAYS:
        rows.append(Row(name, _best(["tshark", "-r", str(packets), *with_plugin, *more]), plain))
    start = [_best(["tshark", "-r", str(one), *more]).seconds for more in ([], with_plugin)]
    return rows, start[1] - start[0]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        rows, later = measure(Path(name))
    for row in rows:
        print("{:44} {:>6} s {:>6} x {:>6} MB {:>6} x".format(*row.cells))
    print(f"start-up: {later:.3f} s more")


if __name__ == "__main__":
    main()
