"""The table of tests/bench/clients, from lines of: row, side, figure, records, milliseconds of the server's CPU, seconds of the client's user and system time."""

import collections
import statistics
import sys

SIDES = ("fsync", "os", "kafka")
LOWER_IS_BETTER = ("java-latency",)


def ratio(values):
    return f"{statistics.median(values):.2f}x [{min(values):.2f}, {max(values):.2f}]"


def short(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def better(row, ours, peer):
    return [p / o if row in LOWER_IS_BETTER else o / p for o, p in zip(ours, peer)]


runs = collections.defaultdict(list)
for line in sys.stdin:
    row, side, figure, records, cpu_ms, user, system = line.split()
    gib = int(records) / 2**20
    runs[row, side].append((float(figure), int(cpu_ms) / 1000 / gib, (float(user) + float(system)) / gib))

print("| row | fsync / os / Kafka | fsync to Kafka | os to Kafka | CPU-s/GiB of the server | fsync to Kafka | os to Kafka | CPU-s/GiB of the client | rounds |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for row in dict.fromkeys(row for row, _ in runs):
    figures, cpu, client = ({side: [run[i] for run in runs[row, side]] for side in SIDES} for i in range(3))
    shown = [" / ".join(short(statistics.median(values[side])) for side in SIDES) for values in (figures, cpu, client)]
    unit = "ms" if row in LOWER_IS_BETTER else "MiB/s"
    speed = [ratio(better(row, figures[side], figures["kafka"])) for side in SIDES[:2]]
    cost = [ratio([p / o for o, p in zip(cpu[side], cpu["kafka"])]) for side in SIDES[:2]]
    print("|", " | ".join([row, f"{shown[0]} {unit}", *speed, shown[1], *cost, shown[2], str(len(figures["kafka"]))]), "|")
