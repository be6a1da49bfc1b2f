import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * A transactional producer writes, a copier copies in transactions, a classic and a consumer group read, two members each, while the broker
 * is killed three times: when this program asks for it. At the end every record of a committed transaction has been read once by each group.
 */
public final class Survivor {
    private static final int TRANSACTIONS = 600;
    private static final int SIZE = 20;
    private static final int PARTITIONS = 4;
    private static final String TOPIC = System.getenv("E2E_PREFIX");
    private static final String COPY = TOPIC + "-copy";

    private final Set<String> committed = new HashSet<>();
    private volatile boolean written;

    public static void main(String[] args) throws Exception {
        try (AdminClient admin = AdminClient.create(Calls.config(Map.of()))) {
            admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1), new NewTopic(COPY, PARTITIONS, (short) 1))).all().get();
        }
        new Survivor().run();
        System.exit(0);
    }

    private void run() throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        List<Future<?>> all = new ArrayList<>();
        List<Reader> readers = List.of(new Reader("classic", TOPIC), new Reader("consumer", TOPIC), new Reader("classic", COPY));
        for (Reader reader : readers) for (int m = 0; m < 2; m++) all.add(threads.submit((Callable<Void>) reader::read));
        all.add(threads.submit((Callable<Void>) this::copy));
        write();
        for (Future<?> one : all) one.get();
        for (Reader reader : readers) Calls.equal("records to the group " + reader.group, new TreeSet<>(reader.seen.keySet()), new TreeSet<>(committed));
        System.out.printf("%d records of %d transactions to %d groups%n", committed.size(), TRANSACTIONS, readers.size());
    }

    /** Every fifth transaction is aborted; whether one of them came through is known, as commit and abort are tried until they are answered. */
    private void write() throws Exception {
        try (KafkaProducer<String, String> producer = Calls.producer(Map.of("transactional.id", TOPIC, "linger.ms", "2"))) {
            producer.initTransactions();
            for (int t = 0; t < TRANSACTIONS; t++) {
                if (t % (TRANSACTIONS / 4) == TRANSACTIONS / 8 && t < TRANSACTIONS * 3 / 4) System.out.println("kill me");
                producer.beginTransaction();
                List<String> values = new ArrayList<>();
                for (int n = 0; n < SIZE; n++) {
                    values.add(String.format("%04d-%02d", t, n));
                    producer.send(new ProducerRecord<>(TOPIC, n % PARTITIONS, null, values.get(n)));
                }
                producer.flush();
                if (t % 5 == 4) {
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                    synchronized (committed) {
                        committed.addAll(values);
                    }
                }
            }
        }
        written = true;
    }

    private boolean complete(int count) {
        synchronized (committed) {
            return written && count >= committed.size();
        }
    }

    /** From the topic to another one, offsets within the transactions, as the only member of its group. */
    private Void copy() throws Exception {
        Map<String, String> config = Map.of("group.id", COPY + "-copier", "isolation.level", "read_committed", "max.poll.records", "50");
        try (KafkaProducer<String, String> producer = Calls.producer(Map.of("transactional.id", COPY)); KafkaConsumer<String, String> consumer = Calls.consumer(config)) {
            producer.initTransactions();
            consumer.subscribe(List.of(TOPIC));
            for (int copied = 0; !complete(copied); ) {
                var batch = Calls.poll(consumer, 100);
                if (batch.isEmpty()) continue;
                Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
                producer.beginTransaction();
                for (ConsumerRecord<String, String> r : batch) {
                    producer.send(new ProducerRecord<>(COPY, r.partition(), null, r.value()));
                    next.put(new TopicPartition(TOPIC, r.partition()), new OffsetAndMetadata(r.offset() + 1));
                }
                producer.sendOffsetsToTransaction(next, consumer.groupMetadata());
                producer.commitTransaction();
                copied += batch.count();
            }
        }
        return null;
    }

    /** The members of one group, and what they have read together. */
    private final class Reader {
        private final String group;
        private final String topic;
        private final Map<String, String> config;
        private final Map<String, TopicPartition> seen = new HashMap<>();

        Reader(String protocol, String topic) {
            this.group = topic + "-" + protocol;
            this.topic = topic;
            config = Map.of("group.id", group, "group.protocol", protocol, "isolation.level", "read_committed");
        }

        Void read() {
            Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
            try (KafkaConsumer<String, String> consumer = Calls.consumer(config)) {
                consumer.subscribe(List.of(topic));
                while (!complete(count())) {
                    for (ConsumerRecord<String, String> r : Calls.poll(consumer, 100)) take(r, next);
                    if (!next.isEmpty()) consumer.commitSync(next);
                    next.clear();
                }
            }
            return null;
        }

        private synchronized int count() { return seen.size(); }

        private synchronized void take(ConsumerRecord<String, String> r, Map<TopicPartition, OffsetAndMetadata> next) {
            TopicPartition p = new TopicPartition(r.topic(), r.partition());
            if (seen.put(r.value(), p) != null) throw new AssertionError(group + ": " + r.value() + " at offset " + r.offset() + " of " + p + " again");
            next.put(p, new OffsetAndMetadata(r.offset() + 1));
        }
    }
}
