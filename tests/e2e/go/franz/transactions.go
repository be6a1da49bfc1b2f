package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	r "chronik.test/e2e/records"
	s "chronik.test/e2e/scenario"
)

type producer struct {
	ctx    context.Context
	client *kgo.Client
}

func (c groups) Transactional(id string) s.Producer {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
	r.Must(err)
	// Otherwise the producer id is asked for with the first record only.
	_, _, err = client.ProducerID(c.ctx)
	r.Must(err)
	return producer{c.ctx, client}
}

func (p producer) Begin() { r.Must(p.client.BeginTransaction()) }

func (p producer) Send(topic string, records []s.Plain) {
	r.Must(p.client.ProduceSync(p.ctx, plain(topic, records)...).FirstErr())
}

func (p producer) End(commit bool) error {
	return p.client.EndTransaction(p.ctx, kgo.TransactionEndTry(commit))
}

func (p producer) Close() { p.client.Close() }

func (c groups) Read(topic string, partitions int32, committed bool, count int) []string {
	at := map[int32]kgo.Offset{}
	for p := range partitions {
		at[p] = kgo.NewOffset().AtStart()
	}
	isolation := kgo.ReadUncommitted()
	if committed {
		isolation = kgo.ReadCommitted()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap), kgo.FetchIsolationLevel(isolation), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}))
	r.Must(err)
	defer client.Close()
	var got []string
	for len(got) < count {
		got = append(got, poll(c.ctx, client)...)
	}
	// What should not be there would come with the next fetch.
	ctx, cancel := context.WithTimeout(c.ctx, 300*time.Millisecond)
	defer cancel()
	return append(got, poll(ctx, client)...)
}

func poll(ctx context.Context, client *kgo.Client) []string {
	fetches := client.PollFetches(ctx)
	if ctx.Err() == nil {
		r.Must(fetches.Err())
	}
	var values []string
	fetches.EachRecord(func(record *kgo.Record) { values = append(values, string(record.Value)) })
	return values
}

func (c groups) Copy(source, target string, count int) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(r.Bootstrap), kgo.TransactionalID(target), kgo.ConsumerGroup(source), kgo.ConsumeTopics(source),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
	r.Must(err)
	defer session.Close()
	for turn, copied := 1, 0; copied < count; turn++ {
		fetches := session.PollRecords(c.ctx, count/12+1)
		r.Must(fetches.Err())
		r.Must(session.Begin())
		var all []*kgo.Record
		fetches.EachRecord(func(record *kgo.Record) {
			all = append(all, &kgo.Record{Topic: target, Partition: record.Partition, Value: record.Value})
		})
		r.Must(session.ProduceSync(c.ctx, all...).FirstErr())
		ended, err := session.End(c.ctx, kgo.TransactionEndTry(turn%3 != 0))
		r.Must(err)
		if ended {
			copied += fetches.NumRecords()
		}
	}
}

func withMetadata(metadata string) func(*kmsg.OffsetCommitRequest) error {
	return func(request *kmsg.OffsetCommitRequest) error {
		for t := range request.Topics {
			for p := range request.Topics[t].Partitions {
				request.Topics[t].Partitions[p].Metadata = kmsg.StringPtr(metadata)
			}
		}
		return nil
	}
}

func committed(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
	r.Must(err)
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			r.Must(kerr.ErrorForCode(p.ErrorCode))
		}
	}
}
