import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Lets the Java producer write batches of every kind, fetches them as bytes and writes one JSON line per batch.
 * Usage: Batches BOOTSTRAP OUT
 */
public final class Batches {
    private static final long TIME = 1_700_000_000_000L;
    private final String bootstrap;
    private final PrintStream out;

    private Batches(String bootstrap, PrintStream out) {
        this.bootstrap = bootstrap;
        this.out = out;
    }

    public static void main(String[] args) throws Exception {
        try (PrintStream out = new PrintStream(args[1], StandardCharsets.UTF_8)) {
            Batches all = new Batches(args[0], out);
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) all.shapes(codec);
            all.broker("log append time", Map.of("message.timestamp.type", "LogAppendTime"), "none");
            all.broker("recompressed by the broker", Map.of("compression.type", "zstd"), "none");
            all.transactions();
        }
    }

    private void shapes(String codec) throws Exception {
        for (boolean idempotent : new boolean[] {true, false}) {
            write(codec + ", one record" + (idempotent ? "" : ", not idempotent"), codec, idempotent, Map.of(), List.of(record("key", "value")));
        }
        write(codec + ", no key", codec, true, Map.of(), List.of(record(null, "value")));
        write(codec + ", nulls and empties", codec, true, Map.of(),
            List.of(record(null, null), record("", ""), record("k", null), record("k", ""), record("", "v")));
        write(codec + ", headers", codec, true, Map.of(), List.of(
            record("k", "v", header("trace", "1")),
            record("k", "v", header("twice", "a"), header("other", "b"), header("twice", "c")),
            record("k", "v", header("null", null), header("empty", ""), header("", "empty key")),
            record("k", "v", header("schlüssel", "wert"), new RecordHeader("bytes", new byte[] {0, -1, 127, -128}))));
        List<ProducerRecord<byte[], byte[]>> many = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            // Timestamps go forth and back: deltas of both signs.
            many.add(new ProducerRecord<>("?", 0, TIME + (i % 3 == 0 ? -1000L * i : 7L * i), bytes("key-" + i % 7),
                bytes("value " + i + " " + "chronik ".repeat(i % 5)), List.of(header("n", "" + i))));
        }
        write(codec + ", 100 records", codec, true, Map.of(), many);
        byte[] large = new byte[3_000];
        for (int i = 0; i < large.length; i++) large[i] = (byte) (i % 251);
        write(codec + ", 3000 bytes", codec, true, Map.of(), List.of(new ProducerRecord<>("?", 0, TIME, bytes("k"), large)));
    }

    private void broker(String name, Map<String, String> topicConfig, String codec) throws Exception {
        write(name, codec, true, topicConfig, List.of(record("k", "v"), record("k", "w", header("h", "x"))));
    }

    /** A committed and an aborted transaction of one producer: data batches with both kinds of marker behind them. */
    private void transactions() throws Exception {
        String topic = topic("transactions", Map.of());
        try (KafkaProducer<byte[], byte[]> producer = producer("none", Map.of("transactional.id", "golden-" + topic))) {
            producer.initTransactions();
            for (boolean commit : new boolean[] {true, false}) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, 0, TIME, bytes("k"), bytes(commit ? "kept" : "thrown away")));
                producer.flush();
                if (commit) producer.commitTransaction(); else producer.abortTransaction();
            }
        }
        print("transaction", "none", fetch(topic, 4));
    }

    private void write(String name, String codec, boolean idempotent, Map<String, String> topicConfig,
                       List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        String topic = topic(name, topicConfig);
        try (KafkaProducer<byte[], byte[]> producer = producer(codec, Map.of("enable.idempotence", "" + idempotent))) {
            for (ProducerRecord<byte[], byte[]> r : records) {
                producer.send(new ProducerRecord<>(topic, r.partition(), r.timestamp(), r.key(), r.value(), r.headers()));
            }
            producer.flush();
        }
        print(name, codec, fetch(topic, records.size()));
    }

    private KafkaProducer<byte[], byte[]> producer(String codec, Map<String, String> more) {
        Map<String, Object> config = new LinkedHashMap<>(Map.of("bootstrap.servers", bootstrap, "acks", "all",
            "compression.type", codec, "linger.ms", "60000", "batch.size", "1000000"));
        config.putAll(more);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private String topic(String name, Map<String, String> config) throws Exception {
        String topic = "batches-" + name.replaceAll("[^a-z0-9]+", "-");
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(config))).all().get();
        }
        return topic;
    }

    /** All batches of partition 0 below an offset. One fetch ends with a segment, and old timestamps roll segments: so in steps. */
    private List<MutableRecordBatch> fetch(String topic, long end) throws Exception {
        List<MutableRecordBatch> batches = new ArrayList<>();
        try (Wire wire = new Wire(bootstrap)) {
            for (int tries = 0; tries < 100; tries++) {
                long next = batches.isEmpty() ? 0 : batches.get(batches.size() - 1).nextOffset();
                if (next == end) return batches;
                FetchRequestData request = new FetchRequestData().setMaxWaitMs(500).setMinBytes(1).setMaxBytes(1 << 20).setSessionEpoch(-1)
                    .setTopics(List.of(new FetchRequestData.FetchTopic().setTopic(topic).setPartitions(List.of(
                        new FetchRequestData.FetchPartition().setPartition(0).setFetchOffset(next).setPartitionMaxBytes(1 << 20)))));
                FetchResponseData response = (FetchResponseData) wire.call(ApiKeys.FETCH, 11, request).body();
                ((MemoryRecords) response.responses().get(0).partitions().get(0).records()).batches().forEach(batches::add);
            }
        }
        throw new IllegalStateException(topic + " never reached offset " + end);
    }

    private void print(String name, String codec, List<MutableRecordBatch> batches) throws Exception {
        int number = 0;
        for (MutableRecordBatch batch : batches) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("name", batches.size() == 1 ? name : name + ", batch " + ++number);
            line.put("codec", batch.compressionType().name);
            line.put("base_offset", batch.baseOffset());
            line.put("last_offset", batch.lastOffset());
            line.put("partition_leader_epoch", batch.partitionLeaderEpoch());
            line.put("crc", ((DefaultRecordBatch) batch).checksum());
            line.put("timestamp_type", batch.timestampType().name);
            line.put("max_timestamp", batch.maxTimestamp());
            line.put("producer_id", batch.producerId());
            line.put("producer_epoch", batch.producerEpoch());
            line.put("base_sequence", batch.baseSequence());
            line.put("transactional", batch.isTransactional());
            line.put("control", batch.isControlBatch());
            line.put("records", records(batch));
            ByteBuffer bytes = ByteBuffer.allocate(batch.sizeInBytes());
            batch.writeTo(bytes);
            line.put("hex", Wire.HEX.formatHex(bytes.array()));
            Wire.print(out, line);
        }
    }

    private static List<Object> records(MutableRecordBatch batch) {
        List<Object> all = new ArrayList<>();
        for (Record r : batch) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("offset", r.offset());
            line.put("timestamp", r.timestamp());
            line.put("key", hex(r.key()));
            line.put("value", hex(r.value()));
            List<Object> headers = new ArrayList<>();
            for (Header h : r.headers()) headers.add(Arrays.asList(Wire.HEX.formatHex(bytes(h.key())), h.value() == null ? null : Wire.HEX.formatHex(h.value())));
            line.put("headers", headers);
            if (batch.isControlBatch()) {
                line.put("control_type", ControlRecordType.parse(r.key()).name().toLowerCase());
                line.put("coordinator_epoch", EndTransactionMarker.deserialize(r).coordinatorEpoch());
            }
            all.add(line);
        }
        return all;
    }

    private static String hex(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return Wire.HEX.formatHex(bytes);
    }

    private static ProducerRecord<byte[], byte[]> record(String key, String value, Header... headers) {
        return new ProducerRecord<>("?", 0, TIME, bytes(key), bytes(value), List.of(headers));
    }

    private static Header header(String key, String value) { return new RecordHeader(key, bytes(value)); }

    private static byte[] bytes(String s) { return s == null ? null : s.getBytes(StandardCharsets.UTF_8); }
}
