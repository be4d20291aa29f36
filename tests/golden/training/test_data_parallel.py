"""Training in several processes that torchrun starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_two_processes_end_in_one_network(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--module"]
    done = subprocess.run(
        [*command, "tests.golden.training.data_parallel", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (world, first, *losses), (_, second, *others) = ((tmp_path / f"{rank}.txt").read_text().split(maxsplit=2) for rank in (0, 1))
    assert world == "2"
    assert first == second, "every process has the same integers"
    assert losses != others, "each has seen data of its own"
