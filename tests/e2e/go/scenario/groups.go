// Package scenario holds what every Go client goes through besides plain records: groups and transactions.
package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	r "chronik.test/e2e/records"
)

// Partitions of the topic of a group.
const groupPartitions = 6

const more = 60

// Plain is a record of text in a partition.
type Plain struct {
	Partition int32
	Offset    int64
	Value     string
}

// Consumer is a member of a group. It hands each record to the function it was made with, and commits what it was handed, with the metadata
// it was made with, before it gives a partition up or is closed.
type Consumer interface {
	Owned() []int32
	Close()
}

// GroupClient makes members of groups, and asks about groups.
type GroupClient interface {
	Create(topic string, partitions int32)
	Write(topic string, records []Plain)
	Kinds() []string
	Member(group, topic, kind, metadata string, take func(Plain)) Consumer
	Groups() []string
	Described(group string) (state string, members int)
	Committed(group, topic string) map[int32]Plain
	Alter(group, topic string, partition int32, offset int64)
	Forget(group, topic string, partition int32)
	Remove(group string)
}

type group struct {
	client   GroupClient
	id, kind string
	written  int
	mu       sync.Mutex
	seen     map[string]string
	readers  map[string]int
}

// Groups goes through one group per kind that the client can join: members come and go, and over all of them every record is read exactly once.
func Groups(name string, client GroupClient) {
	for _, kind := range client.Kinds() {
		started := time.Now()
		g := &group{client: client, id: r.Prefix + "-" + kind, kind: kind, seen: map[string]string{}, readers: map[string]int{}}
		g.comeAndGo()
		g.restart()
		g.administrate()
		fmt.Printf("%s: group %s: %.1f s\n", name, kind, time.Since(started).Seconds())
	}
}

func (g *group) comeAndGo() {
	third := r.Count / 3
	g.client.Create(g.id, groupPartitions)
	g.write(third)
	a := g.join("a")
	g.until("a first record", func() bool { return g.read() > 0 })
	b, c := g.join("b"), g.join("c")
	g.until("two partitions each", func() bool { return share(2, a, b, c) && g.read() == third })
	g.write(third)
	g.until("the second third", func() bool { return g.read() == 2*third })
	if g.readers["b"] == 0 || g.readers["c"] == 0 {
		r.Must(fmt.Errorf("%s: members that joined have read %v", g.id, g.readers))
	}
	b.Close()
	g.until("three partitions each", func() bool { return share(3, a, c) })
	g.write(r.Count - 2*third)
	g.until("the last third", func() bool { return g.read() == r.Count })
	if state, members := g.client.Described(g.id); state != "Stable" || members != 2 {
		r.Must(fmt.Errorf("%s is %s with %d members", g.id, state, members))
	}
	a.Close()
	c.Close()
}

func (g *group) restart() {
	d, e := g.join("d"), g.join("e")
	g.until("three partitions each after the restart", func() bool { return share(3, d, e) })
	g.write(more)
	g.until("records after the restart", func() bool { return g.read() == r.Count+more })
	d.Close()
	e.Close()
}

// administrate looks at the committed offsets, changes some, and ends the group.
func (g *group) administrate() {
	if !slices.Contains(g.client.Groups(), g.id) {
		r.Must(fmt.Errorf("%s is not listed", g.id))
	}
	committed := g.client.Committed(g.id, g.id)
	for p, end := range g.ends() {
		r.Equal(fmt.Sprintf("committed offset of %s-%d", g.id, p), committed[p].Offset, end)
		if !strings.HasPrefix(committed[p].Value, "read by ") {
			r.Must(fmt.Errorf("%s-%d was committed with %q", g.id, p, committed[p].Value))
		}
	}
	g.client.Alter(g.id, g.id, 0, g.ends()[0]-5)
	g.client.Forget(g.id, g.id, 1)
	g.seen = map[string]string{}
	f := g.join("f")
	g.until("records again", func() bool { return g.read() == 5+int(g.ends()[1]) })
	f.Close()
	g.client.Remove(g.id)
	if slices.Contains(g.client.Groups(), g.id) {
		r.Must(fmt.Errorf("%s is still listed", g.id))
	}
}

func (g *group) join(name string) Consumer {
	return g.client.Member(g.id, g.id, g.kind, "read by "+name, func(got Plain) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if want := fmt.Sprintf("%d/%d", got.Partition, got.Offset); got.Value != want {
			r.Must(fmt.Errorf("%s: got %s, want %s", g.id, got.Value, want))
		}
		if by, again := g.seen[got.Value]; again {
			r.Must(fmt.Errorf("%s: %s read %s again, after %s", g.id, name, got.Value, by))
		}
		g.seen[got.Value] = name
		g.readers[name]++
	})
}

func (g *group) read() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen)
}

func (g *group) write(count int) {
	var all []Plain
	for n := g.written; n < g.written+count; n++ {
		all = append(all, Plain{Partition: int32(n % groupPartitions), Value: fmt.Sprintf("%d/%d", n%groupPartitions, n/groupPartitions)})
	}
	g.client.Write(g.id, all)
	g.written += count
}

func (g *group) ends() map[int32]int64 {
	ends := map[int32]int64{}
	for p := range groupPartitions {
		ends[int32(p)] = int64(g.written-p+groupPartitions-1) / groupPartitions
	}
	return ends
}

func (g *group) until(what string, condition func() bool) {
	for end := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.Must(fmt.Errorf("%s: timed out: %s; %d of %d records read, by %v", g.id, what, g.read(), g.written, g.readers))
		}
	}
}

func share(partitions int, members ...Consumer) bool {
	different := map[int32]bool{}
	for _, m := range members {
		owned := m.Owned()
		if len(owned) != partitions {
			return false
		}
		maps.Insert(different, maps.All(set(owned)))
	}
	return len(different) == partitions*len(members)
}

func set(partitions []int32) map[int32]bool {
	all := map[int32]bool{}
	for _, p := range partitions {
		all[p] = true
	}
	return all
}
