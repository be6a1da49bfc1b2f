package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	r "chronik.test/e2e/records"
	s "chronik.test/e2e/scenario"
)

// groups is what the scenarios of groups and transactions need of franz-go.
type groups struct {
	ctx   context.Context
	admin *kadm.Client
}

func (c groups) Create(topic string, partitions int32) {
	_, err := c.admin.CreateTopic(c.ctx, partitions, 1, nil, topic)
	r.Must(err)
}

func (c groups) Write(topic string, records []s.Plain) {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
	r.Must(err)
	defer client.Close()
	r.Must(client.ProduceSync(c.ctx, plain(topic, records)...).FirstErr())
}

func plain(topic string, records []s.Plain) []*kgo.Record {
	var all []*kgo.Record
	for _, record := range records {
		all = append(all, &kgo.Record{Topic: topic, Partition: record.Partition, Value: []byte(record.Value)})
	}
	return all
}

var balancers = map[string]kgo.GroupBalancer{
	"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

func (c groups) Kinds() []string { return append(slices.Sorted(maps.Keys(balancers)), "consumer") }

// member polls in the background; no rebalance happens while records are handed over.
type member struct {
	client *kgo.Client
	topic  string
	mu     sync.Mutex
	owned  map[int32]bool
	next   map[int32]int64
	done   chan struct{}
}

func (c groups) Member(group, topic, kind, metadata string, take func(s.Plain)) s.Consumer {
	m := &member{topic: topic, owned: map[int32]bool{}, next: map[int32]int64{}, done: make(chan struct{})}
	options := []kgo.Opt{
		kgo.SeedBrokers(r.Bootstrap), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(100 * time.Millisecond), kgo.FetchMaxWait(20 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.OnPartitionsAssigned(m.assigned),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, revoked map[string][]int32) {
			m.giveUp(ctx, revoked[topic], metadata)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			if len(lost) > 0 {
				r.Must(fmt.Errorf("%s: lost %v", group, lost))
			}
		}),
	}
	if kind == "consumer" {
		options = append(options, kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer())
	} else {
		options = append(options, kgo.Balancers(balancers[kind]))
	}
	client, err := kgo.NewClient(options...)
	r.Must(err)
	m.client = client
	go m.run(c.ctx, take)
	return m
}

func (m *member) run(ctx context.Context, take func(s.Plain)) {
	defer close(m.done)
	for {
		fetches := m.client.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		r.Must(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			take(s.Plain{Partition: record.Partition, Offset: record.Offset, Value: string(record.Value)})
			m.mu.Lock()
			m.next[record.Partition] = record.Offset + 1
			m.mu.Unlock()
		})
		m.client.AllowRebalance()
	}
}

func (m *member) assigned(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range assigned[m.topic] {
		m.owned[p] = true
	}
}

func (m *member) giveUp(ctx context.Context, revoked []int32, metadata string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	offsets := map[string]map[int32]kgo.EpochOffset{m.topic: {}}
	for _, p := range revoked {
		delete(m.owned, p)
		if next, read := m.next[p]; read {
			offsets[m.topic][p] = kgo.EpochOffset{Epoch: -1, Offset: next}
			delete(m.next, p)
		}
	}
	ctx = kgo.PreCommitFnContext(ctx, withMetadata(metadata))
	m.client.CommitOffsetsSync(ctx, offsets, committed)
}

func (m *member) Owned() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.owned))
}

func (m *member) Close() {
	m.client.CloseAllowingRebalance()
	<-m.done
}

func (c groups) Groups() []string {
	all, err := c.admin.ListGroups(c.ctx)
	r.Must(err)
	return all.Groups()
}

func (c groups) Described(group string) (string, int) {
	all, err := c.admin.DescribeGroups(c.ctx, group)
	r.Must(err)
	if described := all[group]; described.Err == nil && described.State != "Dead" {
		return described.State, len(described.Members)
	}
	consumer, err := c.admin.DescribeConsumerGroups(c.ctx, group)
	r.Must(err)
	r.Must(consumer[group].Err)
	return consumer[group].State, len(consumer[group].Members)
}

func (c groups) Committed(group, topic string) map[int32]s.Plain {
	all, err := c.admin.FetchOffsets(c.ctx, group)
	r.Must(err)
	committed := map[int32]s.Plain{}
	for p, offset := range all[topic] {
		r.Must(offset.Err)
		committed[p] = s.Plain{Offset: offset.At, Value: offset.Metadata}
	}
	return committed
}

func (c groups) Alter(group, topic string, partition int32, offset int64) {
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset, LeaderEpoch: -1})
	r.Must(c.admin.CommitAllOffsets(c.ctx, group, offsets))
}

func (c groups) Forget(group, topic string, partition int32) {
	wanted := kadm.TopicsSet{}
	wanted.Add(topic, partition)
	deleted, err := c.admin.DeleteOffsets(c.ctx, group, wanted)
	r.Must(err)
	r.Must(deleted.Error())
}

func (c groups) Remove(group string) {
	_, err := c.admin.DeleteGroup(c.ctx, group)
	r.Must(err)
}
