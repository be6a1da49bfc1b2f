import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Kafka Streams, exactly once: "app" maps lines without state, and counts their words with a repartition topic, a store and its changelog, until
 * it is ended; "check" writes the lines and reads what comes of them, committed records only.
 */
public final class Streams {
    private static final String PREFIX = System.getenv("E2E_PREFIX");
    private static final String BOOTSTRAP = System.getenv("E2E_BOOTSTRAP");
    private static final String LINES = PREFIX + "-lines";
    private static final String UPPER = PREFIX + "-upper";
    private static final String COUNTS = PREFIX + "-counts";
    private static final int COUNT = Integer.parseInt(System.getenv("E2E_LINES"));
    private static final int KILLS = Integer.parseInt(System.getenv("E2E_KILLS"));
    private static final int WORDS = 40;

    private final Map<String, Integer> upper = new HashMap<>();
    private final Map<String, Long> counts = new HashMap<>();
    private int updates;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("app")) app();
        else new Streams().check();
    }

    private static void app() {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, PREFIX + "-app");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, BOOTSTRAP);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("WORK") + "/streams");
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6000);
        config.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 300);
        config.put(StreamsConfig.producerPrefix("transaction.timeout.ms"), 10_000);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> lines = builder.stream(LINES);
        lines.mapValues(line -> line.toUpperCase()).to(UPPER);
        lines.flatMapValues(line -> List.of(line.split(" "))).groupBy((key, word) -> word).count(Materialized.as("counts"))
            .toStream().to(COUNTS, Produced.with(Serdes.String(), Serdes.Long()));
        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        streams.setUncaughtExceptionHandler(failure -> StreamThreadExceptionResponse.REPLACE_THREAD);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private void check() throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", BOOTSTRAP);
        try (AdminClient admin = AdminClient.create(config)) {
            admin.createTopics(List.of(new NewTopic(LINES, 3, (short) 1), new NewTopic(UPPER, 3, (short) 1), new NewTopic(COUNTS, 3, (short) 1))).all().get();
        }
        System.out.println("start");
        config.put("isolation.level", "read_committed");
        config.put("auto.offset.reset", "earliest");
        config.put("group.id", PREFIX + "-check");
        try (KafkaConsumer<String, byte[]> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new org.apache.kafka.common.serialization.ByteArrayDeserializer())) {
            consumer.subscribe(List.of(UPPER, COUNTS));
            int parts = KILLS + 1;
            for (int part = 0; part < parts; part++) {
                int from = COUNT * part / parts;
                int to = COUNT * (part + 1) / parts;
                write(from, to);
                // Once something of this part has come through, in the middle of the rest, the application and the broker are killed.
                readUntil(consumer, from + 1);
                if (part < KILLS) System.out.println("kill me");
                readUntil(consumer, to);
            }
        }
        for (int n = 0; n < COUNT; n++) if (upper.getOrDefault(line(n).toUpperCase(), 0) != 1) throw new AssertionError("line " + n + ": " + upper.get(line(n).toUpperCase()));
        Map<String, Long> want = new HashMap<>();
        for (int n = 0; n < COUNT; n++) for (String word : line(n).split(" ")) want.merge(word, 1L, Long::sum);
        if (!want.equals(counts)) throw new AssertionError("counts: got " + counts + ", want " + want);
        System.out.printf("%d lines, %d updates of %d counts, each once%n", COUNT, updates, counts.size());
    }

    private static String line(int n) { return "n" + n + " w" + n % WORDS + " w" + n * 7 % WORDS; }

    private static void write(int from, int to) throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", BOOTSTRAP);
        List<Future<?>> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int n = from; n < to; n++) sent.add(producer.send(new ProducerRecord<>(LINES, n % 3, "k" + n, line(n))));
        }
        for (Future<?> acknowledged : sent) acknowledged.get();
    }

    /** Until so many lines, and the three words of each, have come through. A count that does not follow on the one before is an error. */
    private void readUntil(KafkaConsumer<String, byte[]> consumer, int lines) {
        long end = System.nanoTime() + 120_000_000_000L;
        while (upper.size() < lines || updates < 3 * lines) {
            if (System.nanoTime() > end) throw new AssertionError("nothing more after " + upper.size() + " lines and " + updates + " counts");
            for (ConsumerRecord<String, byte[]> r : consumer.poll(Duration.ofMillis(100))) {
                if (r.topic().equals(UPPER)) {
                    if (upper.merge(new String(r.value()), 1, Integer::sum) != 1) throw new AssertionError(new String(r.value()) + " came twice");
                } else {
                    long count = new LongDeserializer().deserialize(COUNTS, r.value());
                    long before = counts.getOrDefault(r.key(), 0L);
                    if (count != before + 1) throw new AssertionError(r.key() + " was counted " + count + " after " + before);
                    counts.put(r.key(), count);
                    updates++;
                }
            }
        }
    }
}
