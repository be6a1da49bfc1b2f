import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** The e2e scenario with the Java client, any version from 0.11 on: what changed since then is looked up by reflection. */
public final class Client {
    private static final String MODE = Records.setting("E2E_MODE", "full");

    private final AdminClient admin = AdminClient.create(Calls.config(Map.of()));
    private final KafkaConsumer<byte[], byte[]> consumer = consumer();

    public static void main(String[] args) throws Exception {
        Client client = new Client();
        for (String codec : Records.setting("E2E_CODECS", "none,gzip,snappy,lz4,zstd").split(",")) {
            long started = System.nanoTime();
            String topic = System.getenv("E2E_PREFIX") + "-" + codec;
            if (!MODE.equals("read")) {
                client.admin.createTopics(List.of(new NewTopic(topic, Records.PARTITIONS, (short) 1))).all().get();
                client.write(topic, codec);
            }
            if (!MODE.equals("write")) {
                for (int p = 0; p < Records.PARTITIONS; p++) client.read(topic, p, 0, Records.countOf(p));
                client.offsets(topic);
            }
            if (MODE.equals("full")) client.delete(topic);
            System.out.printf("kafka-clients %s: %s %s: %d records, %.1f s%n", AppInfoParser.getVersion(), MODE, codec, Records.COUNT,
                (System.nanoTime() - started) / 1e9);
        }
        client.consumer.close();
        client.admin.close();
    }

    private static KafkaConsumer<byte[], byte[]> consumer() {
        Properties config = Calls.config(Map.of());
        config.put("enable.auto.commit", "false");
        config.put("auto.offset.reset", "none");
        // Other requests queue behind a waiting fetch on the same connection: let it wait but briefly.
        config.put("fetch.max.wait.ms", "20");
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private void write(String topic, String codec) throws Exception {
        Properties config = Calls.config(Map.of());
        config.put("acks", "all");
        config.put("enable.idempotence", "true");
        config.put("compression.type", codec);
        config.put("linger.ms", "5");
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int n = 0; n < Records.COUNT; n++) {
                int p = n % Records.PARTITIONS;
                int i = n / Records.PARTITIONS;
                List<Header> headers = new ArrayList<>();
                for (Object[] h : Records.headers(p, i)) headers.add(new RecordHeader((String) h[0], (byte[]) h[1]));
                sent.add(producer.send(new ProducerRecord<>(topic, p, Records.timestamp(p, i), Records.key(p, i), Records.value(p, i), headers)));
            }
        }
        for (int n = 0; n < Records.COUNT; n++) equal("acknowledged offset", sent.get(n).get().offset(), n / Records.PARTITIONS);
    }

    private void read(String topic, int partition, long from, int count) throws Exception {
        TopicPartition assigned = new TopicPartition(topic, partition);
        consumer.assign(List.of(assigned));
        consumer.seek(assigned, from);
        long next = from;
        long end = System.nanoTime() + 120_000_000_000L;
        while (next < from + count) {
            if (System.nanoTime() > end) throw new AssertionError(assigned + ": nothing more at offset " + next);
            for (ConsumerRecord<byte[], byte[]> r : Calls.poll(consumer, 1000)) {
                List<Object[]> headers = new ArrayList<>();
                for (Header h : r.headers()) headers.add(new Object[] {h.key(), h.value()});
                equal("next offset of " + assigned, r.offset(), next++);
                Records.compare(partition, r.offset(), r.key(), r.value(), headers, r.timestamp());
            }
        }
    }

    private void offsets(String topic) {
        for (int p = 0; p < Records.PARTITIONS; p++) {
            TopicPartition partition = new TopicPartition(topic, p);
            long count = Records.countOf(p);
            equal("first offset", consumer.beginningOffsets(List.of(partition)).get(partition), 0);
            equal("last offset", consumer.endOffsets(List.of(partition)).get(partition), count);
            equal("offset by time", at(partition, Records.T0 + 3 * (count / 2)).offset(), count / 2);
            if (at(partition, Records.T0 + 3L * Records.COUNT + 1000) != null) throw new AssertionError("an offset after the last of " + partition);
        }
    }

    private OffsetAndTimestamp at(TopicPartition partition, long time) {
        Map<TopicPartition, Long> times = new HashMap<>();
        times.put(partition, time);
        return consumer.offsetsForTimes(times).get(partition);
    }

    private void delete(String topic) throws Exception {
        TopicPartition first = new TopicPartition(topic, 0);
        if (deleteRecords(first, Records.countOf(0) / 3)) {
            equal("first offset after delete", consumer.beginningOffsets(List.of(first)).get(first), Records.countOf(0) / 3);
            read(topic, 0, Records.countOf(0) / 3, 1);
        }
        admin.deleteTopics(Collections.singletonList(topic)).all().get();
        long end = System.nanoTime() + 120_000_000_000L;
        while (admin.listTopics().names().get().contains(topic)) {
            if (System.nanoTime() > end) throw new AssertionError(topic + " is still there");
        }
    }

    /** AdminClient.deleteRecords came with 1.1; false when this client is older. */
    private boolean deleteRecords(TopicPartition partition, long offset) throws Exception {
        Class<?> before;
        try {
            before = Class.forName("org.apache.kafka.clients.admin.RecordsToDelete");
        } catch (ClassNotFoundException old) {
            return false;
        }
        Map<TopicPartition, Object> wanted = Map.of(partition, before.getMethod("beforeOffset", long.class).invoke(null, offset));
        Method delete = AdminClient.class.getMethod("deleteRecords", Map.class);
        Object result = delete.invoke(admin, wanted);
        ((Future<?>) result.getClass().getMethod("all").invoke(result)).get();
        return true;
    }

    private static void equal(String what, long got, long want) {
        if (got != want) throw new AssertionError(what + ": got " + got + ", want " + want);
    }
}
