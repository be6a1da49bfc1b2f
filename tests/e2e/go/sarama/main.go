// The e2e scenarios with sarama: idempotent sync producer, partition consumers, cluster admin; groups and transactions.
package main

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	r "chronik.test/e2e/records"
	s "chronik.test/e2e/scenario"
)

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func main() {
	config := sarama.NewConfig()
	config.Version = sarama.V4_0_0_0
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Consumer.Return.Errors = true
	// Other requests queue behind a waiting fetch on the same connection: let it wait but briefly.
	config.Consumer.MaxWaitTime = 20 * time.Millisecond
	switch r.Scenario {
	case "groups":
		s.Groups("sarama", newGroups(config))
		return
	case "transactions":
		s.Transactions("sarama", newGroups(config))
		return
	}
	for _, codec := range r.Codecs {
		started, topic := time.Now(), r.Prefix+"-"+codec
		config.Producer.Compression = codecs[codec]
		client, err := sarama.NewClient([]string{r.Bootstrap}, config)
		r.Must(err)
		admin, err := sarama.NewClusterAdminFromClient(client)
		r.Must(err)
		if r.Mode != "read" {
			r.Must(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: r.Partitions, ReplicationFactor: 1}, false))
			write(client, topic)
		}
		if r.Mode != "write" {
			for p := range r.Partitions {
				read(client, topic, p, 0, r.CountOf(p))
			}
			offsets(client, topic)
		}
		if r.Mode == "full" {
			remove(client, admin, topic)
		}
		r.Must(admin.Close())
		fmt.Printf("sarama: %s %s: %d records, %.1f s\n", r.Mode, codec, r.Count, time.Since(started).Seconds())
	}
}

func write(client sarama.Client, topic string) {
	producer, err := sarama.NewSyncProducerFromClient(client)
	r.Must(err)
	var all []*sarama.ProducerMessage
	for n := range r.Count {
		w := r.At(n%r.Partitions, n/r.Partitions)
		message := &sarama.ProducerMessage{Topic: topic, Partition: int32(w.Partition), Timestamp: time.UnixMilli(w.Timestamp)}
		if w.Key != nil {
			message.Key = sarama.ByteEncoder(w.Key)
		}
		if w.Value != nil {
			message.Value = sarama.ByteEncoder(w.Value)
		}
		for _, h := range w.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		all = append(all, message)
	}
	r.Must(producer.SendMessages(all))
	for n, message := range all {
		r.Equal("acknowledged offset", message.Offset, int64(n/r.Partitions))
	}
}

func read(client sarama.Client, topic string, partition int, from int64, count int) {
	consumer, err := sarama.NewConsumerFromClient(client)
	r.Must(err)
	stream, err := consumer.ConsumePartition(topic, int32(partition), from)
	r.Must(err)
	for i := range count {
		select {
		case m := <-stream.Messages():
			got := r.Record{Partition: partition, Offset: m.Offset, Key: m.Key, Value: m.Value, Timestamp: m.Timestamp.UnixMilli()}
			for _, h := range m.Headers {
				got.Headers = append(got.Headers, r.Header{Key: string(h.Key), Value: h.Value})
			}
			r.Must(r.Compare(got))
			r.Equal("next offset", m.Offset, from+int64(i))
		case err := <-stream.Errors():
			r.Must(err)
		case <-time.After(2 * time.Minute):
			r.Must(fmt.Errorf("%s-%d: nothing more after %d of %d records", topic, partition, i, count))
		}
	}
	r.Must(stream.Close())
	r.Must(consumer.Close())
}

func offsets(client sarama.Client, topic string) {
	for p := range r.Partitions {
		count := int64(r.CountOf(p))
		check := func(what string, time, want int64) {
			got, err := client.GetOffset(topic, int32(p), time)
			r.Must(err)
			r.Equal(what, got, want)
		}
		check("first offset", sarama.OffsetOldest, 0)
		check("last offset", sarama.OffsetNewest, count)
		check("offset by time", r.T0+3*(count/2), count/2)
		check("offset after the last", r.T0+3*int64(r.Count)+1000, -1)
	}
}

func remove(client sarama.Client, admin sarama.ClusterAdmin, topic string) {
	start := int64(r.CountOf(0) / 3)
	r.Must(admin.DeleteRecords(topic, map[int32]int64{0: start}))
	first, err := client.GetOffset(topic, 0, sarama.OffsetOldest)
	r.Must(err)
	r.Equal("first offset after delete", first, start)
	read(client, topic, 0, start, 1)
	r.Must(admin.DeleteTopic(topic))
	for {
		topics, err := admin.ListTopics()
		r.Must(err)
		if _, there := topics[topic]; !there {
			return
		}
	}
}
