"""The table of tests/bench/clients, from lines of: row, side, figure, records, ticks of the server's CPU, seconds of the client's user and system time,
ticks of the machine before and after it (all, busy, stolen)."""

import collections
import os
import statistics
import sys

SIDES = ("fsync", "os", "kafka")
LOWER_IS_BETTER = ("java-latency",)
TICK = os.sysconf("SC_CLK_TCK")


def ratio(values):
    return f"{statistics.median(values):.2f}x [{min(values):.2f}, {max(values):.2f}]"


def short(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def better(row, ours, peer):
    return [p / o if row in LOWER_IS_BETTER else o / p for o, p in zip(ours, peer)]


runs = collections.defaultdict(list)
for line in sys.stdin:
    row, side, *numbers = line.split()
    figure, records, server, user, system, *machine = map(float, numbers)
    ticks, busy, stolen = (after - before for before, after in zip(machine[:3], machine[3:]))
    client = user + system
    others = busy - server - client * TICK
    gib = records / 2**20
    runs[row, side].append((figure, server / TICK / gib, client / gib, 100 * max(others, 0) / ticks, 100 * stolen / ticks))

print("| row | fsync / os / Kafka | fsync to Kafka | os to Kafka | CPU-s/GiB of the server | fsync to Kafka | os to Kafka | CPU-s/GiB of the client | others' CPU, steal | rounds |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for row in dict.fromkeys(row for row, _ in runs):
    figures, cpu, client, others, stolen = ({side: [run[i] for run in runs[row, side]] for side in SIDES} for i in range(5))
    shown = [" / ".join(short(statistics.median(values[side])) for side in SIDES) for values in (figures, cpu, client)]
    unit = "ms" if row in LOWER_IS_BETTER else "MiB/s"
    speed = [ratio(better(row, figures[side], figures["kafka"])) for side in SIDES[:2]]
    cost = [ratio([p / o for o, p in zip(cpu[side], cpu["kafka"])]) for side in SIDES[:2]]
    disturbed = ", ".join(" / ".join(f"{statistics.median(values[side]):.1f}" for side in SIDES) + " %" for values in (others, stolen))
    print("|", " | ".join([row, f"{shown[0]} {unit}", *speed, shown[1], *cost, shown[2], disturbed, str(len(figures["kafka"]))]), "|")
