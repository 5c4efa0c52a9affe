"""Seconds on the wall, seconds of this process on any core, and what other processes took of the machine meanwhile.

Needs the standard library only: peers in environments of their own use it too.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

__all__ = ["Stopwatch", "machine_seconds"]


def machine_seconds() -> float:
    """CPU seconds that all processes together have used since the machine started."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, soft, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


@dataclass
class Stopwatch:
    """Runs from its making.

    ``others``: the share of all cores that other processes used since; a timing with much of it says little on the
    wall, and its CPU seconds are the better number.
    """

    began: float = field(default_factory=time.perf_counter)
    began_cpu: float = field(default_factory=time.process_time)
    began_machine: float = field(default_factory=machine_seconds)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def cpu(self) -> float:
        return time.process_time() - self.began_cpu

    @property
    def others(self) -> float:
        used = machine_seconds() - self.began_machine - self.cpu
        return max(0.0, used / (max(self.seconds, 1e-9) * (os.cpu_count() or 1)))

    def reading(self) -> dict[str, float]:
        return {"seconds": self.seconds, "cpu": self.cpu, "others": self.others}
