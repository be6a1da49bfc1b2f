import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.utils.AppInfoParser;

/** Transactions with the Java client, any version from 0.11 on. */
public final class Transactions {
    private static final String PREFIX = System.getenv("E2E_PREFIX");
    private static final int PARTITIONS = 3;
    private static final Map<String, String> COMMITTED = Map.of("isolation.level", "read_committed");
    private static final Map<String, String> UNCOMMITTED = Map.of("isolation.level", "read_uncommitted");

    private final AdminClient admin = AdminClient.create(Calls.config(Map.of()));

    public static void main(String[] args) throws Exception {
        Transactions transactions = new Transactions();
        transactions.timed("commit and abort", transactions::commitAndAbort);
        transactions.timed("consume, transform, produce", transactions::copy);
        transactions.timed("fencing", transactions::fence);
        transactions.timed("timeout", transactions::timeout);
        transactions.admin.close();
    }

    private interface Part {
        void run(String topic) throws Exception;
    }

    private void timed(String name, Part part) throws Exception {
        long started = System.nanoTime();
        String topic = PREFIX + "-" + name.split("[ ,]")[0];
        create(topic);
        part.run(topic);
        System.out.printf("kafka-clients %s: %s: %.1f s%n", AppInfoParser.getVersion(), name, (System.nanoTime() - started) / 1e9);
    }

    /** Half is committed, a quarter aborted, a quarter open for a while. */
    private void commitAndAbort(String topic) throws Exception {
        int half = Records.COUNT / 2 / PARTITIONS * PARTITIONS;
        int quarter = half / 2 / PARTITIONS * PARTITIONS;
        try (KafkaProducer<String, String> producer = transactional(topic, Map.of())) {
            send(producer, topic, "committed", half);
            producer.commitTransaction();
            send(producer, topic, "aborted", quarter);
            producer.abortTransaction();
            send(producer, topic, "open", quarter);
            Calls.equal("records of " + topic, Calls.readAll(UNCOMMITTED, partitions(topic)).size(), half + 2 * quarter);
            Calls.equal("committed records of " + topic, new HashSet<>(Calls.readAll(COMMITTED, partitions(topic))), values("committed", half));
            // Each marker takes an offset: a commit and an abort in each partition so far.
            ends(topic, COMMITTED, (half + quarter) / PARTITIONS + 2);
            ends(topic, UNCOMMITTED, (half + 2 * quarter) / PARTITIONS + 2);
            producer.commitTransaction();
        }
        List<String> got = Calls.readAll(COMMITTED, partitions(topic));
        Set<String> want = values("committed", half);
        want.addAll(values("open", quarter));
        Calls.equal("number of committed records of " + topic, got.size(), want.size());
        Calls.equal("committed records of " + topic, new HashSet<>(got), want);
        ends(topic, COMMITTED, (half + 2 * quarter) / PARTITIONS + 3);
    }

    /** Batch by batch from one topic to another, the offsets within the transaction; every third one is aborted and done again. */
    private void copy(String from) throws Exception {
        String to = from + "-copy";
        create(to);
        int count = Records.COUNT / 4;
        try (KafkaProducer<String, String> producer = transactional(from, Map.of())) {
            send(producer, from, "in", count);
            producer.commitTransaction();
        }
        Map<String, String> config = new HashMap<>(COMMITTED);
        config.put("group.id", from);
        config.put("max.poll.records", String.valueOf(count / 12 + 1));
        Map<TopicPartition, Long> next = new HashMap<>();
        try (KafkaProducer<String, String> producer = transactional(to, Map.of()); KafkaConsumer<String, String> consumer = Calls.consumer(config)) {
            consumer.subscribe(List.of(from));
            int copied = 0;
            for (int n = 1; copied < count; ) {
                ConsumerRecords<String, String> batch = Calls.poll(consumer, 1000);
                if (batch.isEmpty()) continue;
                producer.beginTransaction();
                for (ConsumerRecord<String, String> r : batch) {
                    producer.send(new ProducerRecord<>(to, r.partition(), null, r.value()));
                    next.put(new TopicPartition(r.topic(), r.partition()), r.offset() + 1);
                }
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                next.forEach((p, offset) -> offsets.put(p, new OffsetAndMetadata(offset, "copied")));
                Calls.sendOffsets(producer, offsets, consumer, from);
                if (n++ % 3 == 0) {
                    producer.abortTransaction();
                    next.clear();
                    for (TopicPartition p : consumer.assignment()) {
                        OffsetAndMetadata committed = Calls.committed(consumer, p);
                        consumer.seek(p, committed == null ? 0 : committed.offset());
                    }
                } else {
                    producer.commitTransaction();
                    copied += batch.count();
                }
            }
            for (TopicPartition p : partitions(from)) {
                Calls.equal("committed offset of " + p, Calls.committed(consumer, p).offset(), (long) (count - p.partition() + PARTITIONS - 1) / PARTITIONS);
            }
        }
        List<String> got = Calls.readAll(COMMITTED, partitions(to));
        Calls.equal("number of copied records", got.size(), count);
        Calls.equal("copied records", new HashSet<>(got), values("in", count));
    }

    /** A second producer with the same transactional id ends the first one's transaction, and the first one. */
    private void fence(String topic) throws Exception {
        KafkaProducer<String, String> first = transactional(topic, Map.of());
        send(first, topic, "first", 3);
        KafkaProducer<String, String> second = transactional(topic, Map.of());
        send(second, topic, "second", 30);
        try {
            first.commitTransaction();
            throw new AssertionError("a fenced producer could commit");
        } catch (ProducerFencedException fenced) {
            first.close();
        }
        second.commitTransaction();
        second.close();
        Calls.equal("committed records of " + topic, new HashSet<>(Calls.readAll(COMMITTED, partitions(topic))), values("second", 30));
    }

    /** The broker aborts what stays open for too long, and its producer cannot commit it any more. */
    private void timeout(String topic) throws Exception {
        // Long enough for the records to be acknowledged before it, also on a machine that is busy.
        try (KafkaProducer<String, String> producer = transactional(topic, Map.of("transaction.timeout.ms", "3000"))) {
            send(producer, topic, "late", 30);
            long end = System.nanoTime() + 120_000_000_000L;
            try (KafkaConsumer<String, String> consumer = Calls.consumer(COMMITTED)) {
                while (consumer.endOffsets(partitions(topic)).values().stream().anyMatch(offset -> offset != 11)) {
                    if (System.nanoTime() > end) throw new AssertionError("the transaction on " + topic + " was not aborted");
                }
            }
            Calls.equal("committed records of " + topic, Calls.readAll(COMMITTED, partitions(topic)), List.of());
            try {
                producer.commitTransaction();
            } catch (RuntimeException refused) {
                // Versions differ in the error: fenced, or an old epoch.
                return;
            }
            throw new AssertionError("a transaction that was aborted for its timeout could be committed");
        }
    }

    private static KafkaProducer<String, String> transactional(String id, Map<String, String> more) {
        Map<String, String> config = new HashMap<>(more);
        config.put("transactional.id", id);
        config.put("linger.ms", "5");
        KafkaProducer<String, String> producer = Calls.producer(config);
        producer.initTransactions();
        return producer;
    }

    /** Begins a transaction and sends so many records, round the partitions; all are acknowledged when it returns. */
    private static void send(KafkaProducer<String, String> producer, String topic, String what, int count) throws ExecutionException, InterruptedException {
        List<Future<?>> sent = new ArrayList<>();
        producer.beginTransaction();
        for (int n = 0; n < count; n++) sent.add(producer.send(new ProducerRecord<>(topic, n % PARTITIONS, null, what + "-" + n)));
        producer.flush();
        for (Future<?> acknowledged : sent) acknowledged.get();
    }

    private static void ends(String topic, Map<String, String> isolation, long want) {
        try (KafkaConsumer<String, String> consumer = Calls.consumer(isolation)) {
            consumer.endOffsets(partitions(topic)).forEach((p, got) -> Calls.equal("end of " + p + ", " + isolation, got, want));
        }
    }

    private void create(String topic) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
    }

    private static Set<TopicPartition> partitions(String topic) {
        Set<TopicPartition> all = new HashSet<>();
        for (int p = 0; p < PARTITIONS; p++) all.add(new TopicPartition(topic, p));
        return all;
    }

    private static Set<String> values(String what, int count) {
        Set<String> all = new HashSet<>();
        for (int n = 0; n < count; n++) all.add(what + "-" + n);
        return all;
    }
}
