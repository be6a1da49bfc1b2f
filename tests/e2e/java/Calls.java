import java.lang.reflect.InvocationTargetException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Clients of text records for groups and transactions, and calls that are not the same from 0.11 to 4.3. */
final class Calls {
    static final String BOOTSTRAP = System.getenv("E2E_BOOTSTRAP");

    private Calls() { }

    static Properties config(Map<String, String> more) {
        Properties config = new Properties();
        config.put("bootstrap.servers", BOOTSTRAP);
        config.putAll(more);
        return config;
    }

    static KafkaConsumer<String, String> consumer(Map<String, String> more) {
        Properties config = config(more);
        config.put("enable.auto.commit", "false");
        config.putIfAbsent("auto.offset.reset", "earliest");
        config.put("fetch.max.wait.ms", "20");
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    static KafkaProducer<String, String> producer(Map<String, String> more) {
        return new KafkaProducer<>(config(more), new StringSerializer(), new StringSerializer());
    }

    /** poll(Duration) came with 2.0; poll(long) went with 4.0. */
    @SuppressWarnings("unchecked")
    static <K, V> ConsumerRecords<K, V> poll(Consumer<K, V> consumer, int ms) {
        if (has(Consumer.class, "poll", Duration.class)) return (ConsumerRecords<K, V>) call(consumer, "poll", Duration.class, Duration.ofMillis(ms));
        return (ConsumerRecords<K, V>) call(consumer, "poll", long.class, (long) ms);
    }

    /** committed(Set) came with 2.4; committed(TopicPartition) went with 4.0. Null when nothing is committed. */
    static OffsetAndMetadata committed(Consumer<?, ?> consumer, TopicPartition partition) {
        if (!has(Consumer.class, "committed", Set.class)) return (OffsetAndMetadata) call(consumer, "committed", TopicPartition.class, partition);
        return (OffsetAndMetadata) ((Map<?, ?>) call(consumer, "committed", Set.class, Set.of(partition))).get(partition);
    }

    /** With the member's generation since 2.5, with the group's name alone before. */
    static void sendOffsets(KafkaProducer<?, ?> producer, Map<TopicPartition, OffsetAndMetadata> offsets, Consumer<?, ?> consumer, String group) {
        try {
            Class<?> metadata = Class.forName("org.apache.kafka.clients.consumer.ConsumerGroupMetadata");
            invoke(producer, "sendOffsetsToTransaction", new Class<?>[] {Map.class, metadata}, offsets, invoke(consumer, "groupMetadata", new Class<?>[0]));
        } catch (ClassNotFoundException old) {
            invoke(producer, "sendOffsetsToTransaction", new Class<?>[] {Map.class, String.class}, offsets, group);
        }
    }

    /** Reads partitions from their start to their end, as the isolation level shows it. */
    static List<String> readAll(Map<String, String> more, Set<TopicPartition> partitions) {
        List<String> values = new java.util.ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer(more)) {
            consumer.assign(new HashSet<>(partitions));
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long end = System.nanoTime() + 120_000_000_000L;
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                if (System.nanoTime() > end) throw new AssertionError("nothing more of " + partitions + " after " + values.size() + " records");
                poll(consumer, 100).forEach(r -> values.add(r.value()));
            }
        }
        return values;
    }

    static boolean has(Class<?> type, String method, Class<?>... parameters) {
        try {
            type.getMethod(method, parameters);
            return true;
        } catch (NoSuchMethodException without) {
            return false;
        }
    }

    private static Object call(Object object, String method, Class<?> parameter, Object argument) {
        return invoke(object, method, new Class<?>[] {parameter}, argument);
    }

    private static Object invoke(Object object, String method, Class<?>[] parameters, Object... arguments) {
        try {
            return object.getClass().getMethod(method, parameters).invoke(object, arguments);
        } catch (InvocationTargetException failed) {
            if (failed.getCause() instanceof RuntimeException) throw (RuntimeException) failed.getCause();
            throw new AssertionError(failed.getCause());
        } catch (ReflectiveOperationException impossible) {
            throw new AssertionError(impossible);
        }
    }

    static void equal(String what, Object got, Object want) {
        if (!want.equals(got)) throw new AssertionError(what + ": got " + got + ", want " + want);
    }
}
