package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	r "chronik.test/e2e/records"
	s "chronik.test/e2e/scenario"
)

type producer struct{ sarama.SyncProducer }

func (c groups) Transactional(id string) s.Producer {
	config := *c.config
	config.Producer.Transaction.ID = id
	for end := time.Now().Add(2 * time.Minute); ; {
		made, err := sarama.NewSyncProducer([]string{r.Bootstrap}, &config)
		// The answer while the transaction of the producer before is aborted, which this client leaves to its user.
		if errors.Is(err, sarama.ErrConcurrentTransactions) && time.Now().Before(end) {
			continue
		}
		r.Must(err)
		return producer{made}
	}
}

func (p producer) Begin() { r.Must(p.BeginTxn()) }

func (p producer) Send(topic string, records []s.Plain) {
	r.Must(p.SendMessages(plain(topic, records)))
}

func (p producer) End(commit bool) error {
	if commit {
		return p.CommitTxn()
	}
	return p.AbortTxn()
}

func (p producer) Close() { r.Must(p.SyncProducer.Close()) }

func (c groups) Read(topic string, partitions int32, committed bool, count int) []string {
	config := *c.config
	config.Consumer.IsolationLevel = sarama.ReadUncommitted
	if committed {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer([]string{r.Bootstrap}, &config)
	r.Must(err)
	all := make(chan string)
	for p := range partitions {
		stream, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		r.Must(err)
		defer stream.AsyncClose()
		go func() {
			for message := range stream.Messages() {
				all <- string(message.Value)
			}
		}()
	}
	var got []string
	// What should not be there would come within a moment of the last.
	for wait := 2 * time.Minute; ; {
		select {
		case value := <-all:
			got = append(got, value)
		case <-time.After(wait):
			return got
		}
		if len(got) >= count {
			wait = 300 * time.Millisecond
		}
	}
}

// Copy takes the records of a session of the group, a batch of one partition per transaction.
func (c groups) Copy(source, target string, count int) {
	made := c.Transactional(target).(producer)
	config := *c.config
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	group, err := sarama.NewConsumerGroup([]string{r.Bootstrap}, source, &config)
	r.Must(err)
	copying := &copier{made: made, source: source, target: target, batch: count/12 + 1, copied: make(chan int, count)}
	go func() {
		if err := group.Consume(context.Background(), []string{source}, copying); err != sarama.ErrClosedConsumerGroup {
			r.Must(err)
		}
	}()
	for done := 0; done < count; {
		select {
		case n := <-copying.copied:
			done += n
		case <-time.After(2 * time.Minute):
			r.Must(fmt.Errorf("%s: %d of %d records copied", source, done, count))
		}
	}
	r.Must(group.Close())
	made.Close()
}

// copier has one producer for all partitions: one transaction at a time.
type copier struct {
	mu             sync.Mutex
	made           producer
	source, target string
	batch, turn    int
	copied         chan int
}

// Setup has nothing to do.
func (c *copier) Setup(sarama.ConsumerGroupSession) error { return nil }

// Cleanup has nothing to do: the offsets are in the transactions.
func (c *copier) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim copies what is there of one partition, in batches.
func (c *copier) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for first := range claim.Messages() {
		messages := []*sarama.ConsumerMessage{first}
		for len(messages) < c.batch {
			select {
			case message, more := <-claim.Messages():
				if more {
					messages = append(messages, message)
					continue
				}
			case <-time.After(50 * time.Millisecond):
			}
			break
		}
		c.transact(session, messages)
	}
	return nil
}

func (c *copier) transact(session sarama.ConsumerGroupSession, messages []*sarama.ConsumerMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for committed := false; !committed; {
		c.turn++
		committed = c.turn%3 != 0
		var all []s.Plain
		for _, message := range messages {
			all = append(all, s.Plain{Partition: message.Partition, Value: string(message.Value)})
		}
		c.made.Begin()
		c.made.Send(c.target, all)
		metadata := sarama.NewConsumerGroupMetadataFromSession(session, c.source, nil)
		r.Must(c.made.AddMessageToTxnWithGroupMetadata(messages[len(messages)-1], metadata, nil))
		r.Must(c.made.End(committed))
	}
	c.copied <- len(messages)
}
