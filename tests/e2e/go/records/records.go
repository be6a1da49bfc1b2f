// Package records says what every e2e client writes and expects: a pure function of partition and index.
// The same rules stand in tests/e2e/python/records.py, which explains them.
package records

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Partitions of each topic.
const Partitions = 3

// Settings of a run, from the environment.
var (
	Bootstrap = os.Getenv("E2E_BOOTSTRAP")
	Prefix    = os.Getenv("E2E_PREFIX")
	Scenario  = setting("E2E_SCENARIO", "records")
	Mode      = setting("E2E_MODE", "full")
	Codecs    = strings.Split(setting("E2E_CODECS", "none,gzip,snappy,lz4,zstd"), ",")
	Shape     = setting("E2E_SHAPE", "bdh")
	Count     = int(number("E2E_COUNT", "10000"))
	T0        = number("E2E_T0", "0")
)

// Header of a record; a nil value is null.
type Header struct {
	Key   string
	Value []byte
}

// Record as written and as read; nil key and value are null.
type Record struct {
	Partition int
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []Header
	Timestamp int64
}

// CountOf gives the number of records of a partition.
func CountOf(partition int) int { return (Count - partition + Partitions - 1) / Partitions }

// At gives the record of a partition and index; its offset is its index.
func At(p, i int) Record {
	r := Record{Partition: p, Offset: int64(i), Timestamp: T0 + int64(3*i+p)}
	switch {
	case i%7 == 1:
		r.Key = []byte{}
	case i%7 != 0:
		r.Key = fmt.Appendf(nil, "key-%d-%d", p, i)
	}
	switch {
	case i%11 == 0:
		if i%7 == 0 && !strings.Contains(Shape, "b") {
			r.Value = []byte{}
		}
	case i%11 == 1:
		r.Value = []byte{}
	default:
		r.Value = make([]byte, i*37%200+1)
		for j := range r.Value {
			r.Value[j] = byte(p*7 + i + j*31)
		}
	}
	r.Headers = headers(p, i)
	return r
}

func headers(p, i int) []Header {
	switch i % 3 {
	case 0:
		return nil
	case 1:
		return []Header{{"trace", fmt.Appendf(nil, "%d/%d", p, i)}}
	}
	second := "dup2"
	if strings.Contains(Shape, "d") {
		second = "dup"
	}
	all := []Header{{"dup", fmt.Appendf(nil, "a%d", i)}, {"bin", []byte{0, 255, byte(i)}}, {second, []byte("b")}, {"empty", []byte{}}}
	if i%2 == 1 && strings.Contains(Shape, "h") {
		all = append(all, Header{"null", nil})
	}
	return all
}

// Compare says where a record differs from the one that was written.
func Compare(got Record) error {
	want := At(got.Partition, int(got.Offset))
	same := got.Timestamp == want.Timestamp && equal(got.Key, want.Key) && equal(got.Value, want.Value) && len(got.Headers) == len(want.Headers)
	for i := range want.Headers {
		same = same && got.Headers[i].Key == want.Headers[i].Key && equal(got.Headers[i].Value, want.Headers[i].Value)
	}
	if !same {
		return fmt.Errorf("partition %d offset %d:\n  want %+v\n  got  %+v", got.Partition, got.Offset, want, got)
	}
	return nil
}

func equal(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// Must ends the program on an error.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Equal ends the program when a number is not the one wanted.
func Equal(what string, got, want int64) {
	if got != want {
		Must(fmt.Errorf("%s: got %d, want %d", what, got, want))
	}
}

func setting(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}

func number(name, otherwise string) int64 {
	n, err := strconv.ParseInt(setting(name, otherwise), 10, 64)
	Must(err)
	return n
}
