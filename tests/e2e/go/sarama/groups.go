package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	r "chronik.test/e2e/records"
	s "chronik.test/e2e/scenario"
)

// groups is what the scenarios of groups and transactions need of sarama.
type groups struct {
	config *sarama.Config
	admin  sarama.ClusterAdmin
}

func newGroups(config *sarama.Config) groups {
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	// On a busy machine a member may be silent for longer than its default of 10 s.
	config.Consumer.Group.Session.Timeout = 45 * time.Second
	admin, err := sarama.NewClusterAdmin([]string{r.Bootstrap}, config)
	r.Must(err)
	return groups{config, admin}
}

func (c groups) Create(topic string, partitions int32) {
	r.Must(c.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
}

func (c groups) Write(topic string, records []s.Plain) {
	producer, err := sarama.NewSyncProducer([]string{r.Bootstrap}, c.config)
	r.Must(err)
	r.Must(producer.SendMessages(plain(topic, records)))
	r.Must(producer.Close())
}

func plain(topic string, records []s.Plain) []*sarama.ProducerMessage {
	var all []*sarama.ProducerMessage
	for _, record := range records {
		all = append(all, &sarama.ProducerMessage{Topic: topic, Partition: record.Partition, Value: sarama.StringEncoder(record.Value)})
	}
	return all
}

var strategies = map[string]sarama.BalanceStrategy{
	"range": sarama.NewBalanceStrategyRange(), "roundrobin": sarama.NewBalanceStrategyRoundRobin(), "sticky": sarama.NewBalanceStrategySticky(),
}

func (c groups) Kinds() []string { return slices.Sorted(maps.Keys(strategies)) }

type member struct {
	group    sarama.ConsumerGroup
	topic    string
	metadata string
	take     func(s.Plain)
	mu       sync.Mutex
	owned    []int32
	done     chan struct{}
}

func (c groups) Member(group, topic, kind, metadata string, take func(s.Plain)) s.Consumer {
	config := *c.config
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[kind]}
	joined, err := sarama.NewConsumerGroup([]string{r.Bootstrap}, group, &config)
	r.Must(err)
	m := &member{group: joined, topic: topic, metadata: metadata, take: take, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for {
			switch err := joined.Consume(context.Background(), []string{topic}, m); err {
			case nil:
			case sarama.ErrClosedConsumerGroup:
				return
			default:
				r.Must(err)
			}
		}
	}()
	return m
}

// Setup says at the start of a generation what is owned.
func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.own(session.Claims()[m.topic])
	return nil
}

// Cleanup commits at the end of a generation, when all of its partitions have stopped.
func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	m.own(nil)
	return nil
}

// ConsumeClaim reads one partition.
func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case <-session.Context().Done():
			return nil
		case message, more := <-claim.Messages():
			if !more {
				return nil
			}
			m.take(s.Plain{Partition: message.Partition, Offset: message.Offset, Value: string(message.Value)})
			session.MarkMessage(message, m.metadata)
		}
	}
}

func (m *member) own(partitions []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owned = partitions
}

func (m *member) Owned() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owned
}

func (m *member) Close() {
	r.Must(m.group.Close())
	<-m.done
}

func (c groups) Groups() []string {
	all, err := c.admin.ListConsumerGroups()
	r.Must(err)
	return slices.Collect(maps.Keys(all))
}

func (c groups) Described(group string) (string, int) {
	all, err := c.admin.DescribeConsumerGroups([]string{group})
	r.Must(err)
	return all[0].State, len(all[0].Members)
}

func (c groups) Committed(group, topic string) map[int32]s.Plain {
	all, err := c.admin.ListConsumerGroupOffsets(group, nil)
	r.Must(err)
	committed := map[int32]s.Plain{}
	for p, block := range all.Blocks[topic] {
		committed[p] = s.Plain{Offset: block.Offset, Value: block.Metadata}
	}
	return committed
}

func (c groups) Alter(group, topic string, partition int32, offset int64) {
	wanted := map[string]map[int32]sarama.OffsetAndMetadata{topic: {partition: {Offset: offset, LeaderEpoch: -1}}}
	response, err := c.admin.AlterConsumerGroupOffsets(group, wanted, nil)
	r.Must(err)
	if refused := response.Errors[topic][partition]; refused != sarama.ErrNoError {
		r.Must(refused)
	}
}

func (c groups) Forget(group, topic string, partition int32) {
	r.Must(c.admin.DeleteConsumerGroupOffset(group, topic, partition))
}

func (c groups) Remove(group string) { r.Must(c.admin.DeleteConsumerGroup(group)) }
