// The e2e scenarios with franz-go: idempotent produce, direct consumption, raw admin requests; groups and transactions.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	r "chronik.test/e2e/records"
	s "chronik.test/e2e/scenario"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	admin, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap))
	r.Must(err)
	defer admin.Close()
	switch r.Scenario {
	case "groups":
		s.Groups("franz-go", groups{ctx, kadm.NewClient(admin)})
		return
	case "transactions":
		s.Transactions("franz-go", groups{ctx, kadm.NewClient(admin)})
		return
	}
	for _, codec := range r.Codecs {
		started, topic := time.Now(), r.Prefix+"-"+codec
		if r.Mode != "read" {
			create(ctx, admin, topic)
			write(ctx, topic, codec)
		}
		if r.Mode != "write" {
			read(ctx, topic, 0, r.Count)
			offsets(ctx, admin, topic)
		}
		if r.Mode == "full" {
			remove(ctx, admin, topic)
		}
		fmt.Printf("franz-go: %s %s: %d records, %.1f s\n", r.Mode, codec, r.Count, time.Since(started).Seconds())
	}
}

func create(ctx context.Context, client *kgo.Client, topic string) {
	request := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, r.Partitions, 1
	request.Topics = append(request.Topics, t)
	response, err := request.RequestWith(ctx, client)
	r.Must(err)
	r.Must(kerr.ErrorForCode(response.Topics[0].ErrorCode))
}

func write(ctx context.Context, topic, codec string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec]), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(5*time.Millisecond))
	r.Must(err)
	defer client.Close()
	var all []*kgo.Record
	for n := range r.Count {
		w := r.At(n%r.Partitions, n/r.Partitions)
		record := &kgo.Record{Partition: int32(w.Partition), Key: w.Key, Value: w.Value, Timestamp: time.UnixMilli(w.Timestamp)}
		for _, h := range w.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		all = append(all, record)
	}
	r.Must(client.ProduceSync(ctx, all...).FirstErr())
	for n, record := range all {
		r.Equal("acknowledged offset", record.Offset, int64(n/r.Partitions))
	}
}

// read compares the records from an offset on, of all partitions, until as many as wanted were seen.
func read(ctx context.Context, topic string, from int64, want int) {
	at := map[int32]kgo.Offset{}
	for p := range r.Partitions {
		at[int32(p)] = kgo.NewOffset().At(from)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}))
	r.Must(err)
	defer client.Close()
	next := make([]int64, r.Partitions)
	for seen := 0; seen < want; {
		fetches := client.PollFetches(ctx)
		r.Must(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			got := r.Record{Partition: int(record.Partition), Offset: record.Offset, Key: record.Key, Value: record.Value, Timestamp: record.Timestamp.UnixMilli()}
			for _, h := range record.Headers {
				got.Headers = append(got.Headers, r.Header{Key: h.Key, Value: h.Value})
			}
			r.Must(r.Compare(got))
			r.Equal("next offset", record.Offset, from+next[record.Partition])
			next[record.Partition]++
			seen++
		})
	}
}

func offset(ctx context.Context, client *kgo.Client, topic string, partition int, timestamp int64) int64 {
	request := kmsg.NewPtrListOffsetsRequest()
	t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = int32(partition), timestamp
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	request.Topics = append(request.Topics, t)
	response, err := request.RequestWith(ctx, client)
	r.Must(err)
	r.Must(kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode))
	return response.Topics[0].Partitions[0].Offset
}

func offsets(ctx context.Context, client *kgo.Client, topic string) {
	for p := range r.Partitions {
		count := int64(r.CountOf(p))
		r.Equal("first offset", offset(ctx, client, topic, p, -2), 0)
		r.Equal("last offset", offset(ctx, client, topic, p, -1), count)
		r.Equal("offset of the greatest timestamp", offset(ctx, client, topic, p, -3), count-1)
		r.Equal("offset by time", offset(ctx, client, topic, p, r.T0+3*(count/2)), count/2)
		r.Equal("offset after the last", offset(ctx, client, topic, p, r.T0+3*int64(r.Count)+1000), -1)
	}
}

func remove(ctx context.Context, client *kgo.Client, topic string) {
	start := int64(r.CountOf(0) / 3)
	records := kmsg.NewPtrDeleteRecordsRequest()
	t, p := kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Offset = start
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	records.Topics = append(records.Topics, t)
	deleted, err := records.RequestWith(ctx, client)
	r.Must(err)
	r.Must(kerr.ErrorForCode(deleted.Topics[0].Partitions[0].ErrorCode))
	r.Equal("low watermark", deleted.Topics[0].Partitions[0].LowWatermark, start)
	r.Equal("first offset after delete", offset(ctx, client, topic, 0, -2), start)
	read(ctx, topic, start, 1)

	topics := kmsg.NewPtrDeleteTopicsRequest()
	named := kmsg.NewDeleteTopicsRequestTopic()
	named.Topic = kmsg.StringPtr(topic)
	topics.Topics, topics.TopicNames = append(topics.Topics, named), []string{topic}
	gone, err := topics.RequestWith(ctx, client)
	r.Must(err)
	r.Must(kerr.ErrorForCode(gone.Topics[0].ErrorCode))
	for {
		request := kmsg.NewPtrMetadataRequest()
		m := kmsg.NewMetadataRequestTopic()
		m.Topic = kmsg.StringPtr(topic)
		request.Topics = append(request.Topics, m)
		response, err := request.RequestWith(ctx, client)
		r.Must(err)
		if response.Topics[0].ErrorCode == kerr.UnknownTopicOrPartition.Code {
			return
		}
	}
}
