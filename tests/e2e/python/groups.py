"""One group per kind that a client can join: members come and go, and over all of them every record is read exactly once."""

import time

import records as r
import scenario

PARTITIONS = 6
MORE = 60


class Group:
    """A group with a topic of its own, and what its members have read so far."""

    def __init__(self, client, kind):
        self.client, self.kind, self.id = client, kind, f"{scenario.PREFIX}-{kind}"
        self.written, self.seen = 0, set()
        client.create_topic(self.id, PARTITIONS)

    def write(self, count):
        numbers = range(self.written, self.written + count)
        self.client.write(self.id, [(n % PARTITIONS, b"%d/%d" % (n % PARTITIONS, n // PARTITIONS)) for n in numbers])
        self.written += count

    def ends(self):
        return {p: (self.written - p + PARTITIONS - 1) // PARTITIONS for p in range(PARTITIONS)}

    def until(self, what, condition, *members):
        end = time.monotonic() + 120
        while not condition():
            if time.monotonic() > end:
                state = [(m.name, sorted(m.consumer.owned()), m.read) for m in members]
                raise AssertionError(f"{self.id}: timed out: {what}; {len(self.seen)} of {self.written} records read, members {state}")
            for member in members:
                member.poll()


class Member:
    """A consumer that commits what it has read before it gives a partition up."""

    def __init__(self, group, name):
        self.group, self.name, self.read, self.next = group, name, 0, {}
        self.consumer = group.client.member(group.id, group.id, group.kind, self.give_up)

    def give_up(self, partitions):
        """What the client has to commit of these partitions: partition to offset and metadata."""
        return {p: (self.next.pop(p), f"read by {self.name}") for p in partitions if p in self.next}

    def poll(self):
        for partition, offset, value in self.consumer.poll():
            scenario.equal(f"record of {self.group.id}-{partition}", bytes(value), b"%d/%d" % (partition, offset))
            if (partition, offset) in self.group.seen:
                raise AssertionError(f"{self.group.id}: {self.name} read offset {offset} of partition {partition} again")
            self.group.seen.add((partition, offset))
            self.next[partition] = offset + 1
            self.read += 1

    def close(self):
        self.consumer.commit(self.give_up(list(self.next)))
        self.consumer.close()


def share(partitions, *members):
    """Whether the members own so many partitions each, and none together."""
    owned = [m.consumer.owned() for m in members]
    return all(len(o) == partitions for o in owned) and len(set().union(*owned)) == partitions * len(members)


def come_and_go(group):
    third = r.COUNT // 3
    group.write(third)
    a = Member(group, "a")
    group.until("a first record", lambda: a.read > 0, a)
    b, c = Member(group, "b"), Member(group, "c")
    group.until("two partitions each", lambda: share(2, a, b, c) and len(group.seen) == third, a, b, c)
    group.write(third)
    group.until("the second third", lambda: len(group.seen) == 2 * third, a, b, c)
    if not b.read or not c.read:
        raise AssertionError(f"{group.id}: members that joined have read {b.read} and {c.read}")
    b.close()
    group.until("three partitions each", lambda: share(3, a, c), a, c)
    group.write(r.COUNT - 2 * third)
    group.until("the last third", lambda: len(group.seen) == r.COUNT, a, c)
    scenario.equal(f"state and members of {group.id}", group.client.described(group.id), ("Stable", 2))
    a.close()
    c.close()


def restart(group):
    d, e = Member(group, "d"), Member(group, "e")
    group.until("three partitions each after the restart", lambda: share(3, d, e), d, e)
    group.write(MORE)
    group.until("records after the restart", lambda: len(group.seen) == r.COUNT + MORE, d, e)
    d.close()
    e.close()


def administrate(group):
    """Committed offsets as an admin client sees and changes them; a client that has no such call says NotImplemented."""
    client = group.client
    if group.id not in client.groups():
        raise AssertionError(f"{group.id} is not listed")
    committed = client.committed(group.id, group.id, range(PARTITIONS))
    scenario.equal(f"committed offsets of {group.id}", {p: o for p, (o, _) in committed.items()}, group.ends())
    scenario.equal(f"metadata of {group.id}", {m[:8] for _, m in committed.values()}, {"read by "})
    back = {0: group.ends()[0] - 5}
    again = 0
    if client.alter(group.id, group.id, back) is not NotImplemented:
        again += 5
    if client.drop(group.id, group.id, [1]) is not NotImplemented:
        again += group.ends()[1]
    if again:
        group.seen.clear()
        f = Member(group, "f")
        group.until("records again", lambda: len(group.seen) == again, f)
        f.close()
    if client.delete_group(group.id) is not NotImplemented and group.id in client.groups():
        raise AssertionError(f"{group.id} is still listed")


def run(name, client):
    for kind in client.KINDS:
        started = time.monotonic()
        group = Group(client, kind)
        come_and_go(group)
        restart(group)
        administrate(group)
        print(f"{name}: group {kind}: {time.monotonic() - started:.1f} s", flush=True)
    client.close()
