package scenario

import (
	"fmt"
	"slices"
	"time"

	r "chronik.test/e2e/records"
)

const transactionPartitions = 3

// Producer is a transactional one. Send returns when all records are acknowledged.
type Producer interface {
	Begin()
	Send(topic string, records []Plain)
	End(commit bool) error
	Close()
}

// TransactionClient makes transactional producers, and reads partitions from their start.
type TransactionClient interface {
	Create(topic string, partitions int32)
	Transactional(id string) Producer
	// Read returns so many records, and whatever comes with them.
	Read(topic string, partitions int32, committed bool, count int) []string
	// Copy reads so many committed records in a group named like the source, and writes them to another topic in transactions that hold the
	// offsets; every third one is aborted and done again.
	Copy(source, target string, count int)
	Committed(group, topic string) map[int32]Plain
}

// Transactions goes through commit and abort, consume-transform-produce, and fencing.
func Transactions(name string, client TransactionClient) {
	parts := []struct {
		name string
		run  func(TransactionClient, string)
	}{{"commit-and-abort", commitAndAbort}, {"copy", copyAll}, {"fence", fence}}
	for _, part := range parts {
		started, topic := time.Now(), r.Prefix+"-"+part.name
		client.Create(topic, transactionPartitions)
		part.run(client, topic)
		fmt.Printf("%s: %s: %.1f s\n", name, part.name, time.Since(started).Seconds())
	}
}

func commitAndAbort(client TransactionClient, topic string) {
	half, quarter := records("committed", r.Count/2), r.Count/4
	producer := client.Transactional(topic)
	begin(producer, topic, half)
	r.Must(producer.End(true))
	begin(producer, topic, records("aborted", quarter))
	r.Must(producer.End(false))
	open := records("open", quarter)
	begin(producer, topic, open)
	check(client, topic, false, half, records("aborted", quarter), open)
	check(client, topic, true, half)
	r.Must(producer.End(true))
	producer.Close()
	check(client, topic, true, half, open)
}

func copyAll(client TransactionClient, source string) {
	target, in := source+"-to", records("in", r.Count/4)
	client.Create(target, transactionPartitions)
	producer := client.Transactional(source)
	begin(producer, source, in)
	r.Must(producer.End(true))
	producer.Close()
	client.Copy(source, target, len(in))
	check(client, target, true, in)
	total := int64(0)
	for _, committed := range client.Committed(source, source) {
		total += committed.Offset
	}
	// Clients differ in whether the marker at the end counts as read.
	if n := int64(len(in)); total != n && total != n+transactionPartitions {
		r.Must(fmt.Errorf("committed offsets of %s: %d in all, want %d", source, total, n))
	}
}

// fence: a second producer with the same transactional id ends the first one's transaction, and the first one.
func fence(client TransactionClient, topic string) {
	first := client.Transactional(topic)
	begin(first, topic, records("first", 3))
	second, kept := client.Transactional(topic), records("second", 30)
	begin(second, topic, kept)
	err := first.End(true)
	if err == nil {
		r.Must(fmt.Errorf("%s: a fenced producer could commit", topic))
	}
	fmt.Println("fenced:", err)
	r.Must(second.End(true))
	second.Close()
	check(client, topic, true, kept)
}

func begin(producer Producer, topic string, all []Plain) {
	producer.Begin()
	producer.Send(topic, all)
}

func records(what string, count int) []Plain {
	var all []Plain
	for n := range count {
		all = append(all, Plain{Partition: int32(n % transactionPartitions), Value: fmt.Sprintf("%s-%d", what, n)})
	}
	return all
}

func check(client TransactionClient, topic string, committed bool, parts ...[]Plain) {
	var want []string
	for _, record := range slices.Concat(parts...) {
		want = append(want, record.Value)
	}
	got := client.Read(topic, transactionPartitions, committed, len(want))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.Must(fmt.Errorf("%s, committed %v: got %d records, want %d, or others", topic, committed, len(got), len(want)))
	}
}
