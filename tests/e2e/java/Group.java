import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** One group: members come and go, and over all of them every record is read exactly once. */
final class Group {
    static final int PARTITIONS = 6;
    private static final int MORE = 60;

    /** What an admin client sees and changes; clients before 2.8 have none for groups. */
    interface Admin {
        void stable(String group, int members, Set<TopicPartition> assigned) throws Exception;
        void offsets(String group, Map<TopicPartition, Long> committed) throws Exception;
        void alter(String group, TopicPartition partition, long offset) throws Exception;
        void delete(String group, TopicPartition partition) throws Exception;
        void removeMembers(String group) throws Exception;
        void deleteGroup(String group) throws Exception;
    }

    private final String id;
    private final String topic;
    private final Map<String, String> config;
    private final KafkaProducer<String, String> producer;
    private final AdminClient topics;
    private final Admin admin;
    private final Map<TopicPartition, BitSet> seen = new HashMap<>();
    private final Map<String, Integer> written = new HashMap<>();
    private int read;

    Group(String id, Map<String, String> config, KafkaProducer<String, String> producer, AdminClient topics, Admin admin) {
        this.id = id;
        this.topic = id;
        this.config = config;
        this.producer = producer;
        this.topics = topics;
        this.admin = admin;
    }

    /** Two join one that reads already, one leaves, all are restarted; then what the admin client can do with the group. */
    void comeAndGo() throws Exception {
        int third = Records.COUNT / 3;
        create(topic, PARTITIONS);
        write(topic, PARTITIONS, third);
        Member a = new Member("a");
        until("a first record", () -> read > 0, a);
        Member b = new Member("b");
        Member c = new Member("c");
        until("two partitions each", () -> own(2, a, b, c) && read == third, a, b, c);
        write(topic, PARTITIONS, third);
        until("the second third", () -> read == 2 * third, a, b, c);
        if (b.read == 0 || c.read == 0) throw new AssertionError(id + ": members that joined have read " + b.read + " and " + c.read);
        b.close();
        until("three partitions each", () -> own(3, a, c), a, c);
        write(topic, PARTITIONS, Records.COUNT - 2 * third);
        until("the last third", () -> read == Records.COUNT, a, c);
        if (admin != null) admin.stable(id, 2, all());
        a.close();
        c.close();
        restart();
        if (admin == null) return;
        admin.offsets(id, ends());
        shift();
        admin.deleteGroup(id);
    }

    private void restart() throws Exception {
        Member d = new Member("d");
        Member e = new Member("e");
        until("three partitions each after the restart", () -> own(3, d, e), d, e);
        for (TopicPartition p : d.owned) {
            OffsetAndMetadata committed = d.onThread(() -> Calls.committed(d.consumer, p));
            Calls.equal("committed offset of " + p, committed.offset(), ends().get(p));
            if (!committed.metadata().startsWith("read by ")) throw new AssertionError(p + " was committed with " + committed.metadata());
        }
        write(topic, PARTITIONS, MORE);
        until("records after the restart", () -> read == Records.COUNT + MORE, d, e);
        d.close();
        e.close();
    }

    /** The next member starts where the admin client has put a partition, and at the start of one without an offset. */
    private void shift() throws Exception {
        TopicPartition back = new TopicPartition(topic, 0);
        TopicPartition none = new TopicPartition(topic, 1);
        admin.alter(id, back, ends().get(back) - 5);
        admin.delete(id, none);
        seen.get(back).clear((int) (ends().get(back) - 5), ends().get(back).intValue());
        seen.get(none).clear();
        read = 0;
        Member f = new Member("f");
        until("records again", () -> read == 5 + ends().get(none), f);
        f.close();
    }

    /** A static member comes back to its partitions, and nobody else is disturbed; two with one instance id cannot be. */
    void staticMembers() throws Exception {
        boolean classic = !"consumer".equals(config.get("group.protocol"));
        create(topic, PARTITIONS);
        Member a = new Member("a", Map.of("group.instance.id", "a"));
        Member b = new Member("b", Map.of("group.instance.id", "b"));
        until("three partitions each", () -> own(3, a, b), a, b);
        int disturbed = a.rebalances;
        Set<TopicPartition> before = b.owned;
        b.close();
        Member again = new Member("b", Map.of("group.instance.id", "b"));
        write(topic, PARTITIONS, MORE);
        until("the same partitions", () -> again.owned.equals(before) && read == MORE, a, again);
        Calls.equal("rebalances of " + id + " that its other member saw", a.rebalances, disturbed);
        again.onThread(() -> again.commit(before));
        Member twin = new Member("b", Map.of("group.instance.id", "b"));
        Member loser = classic ? again : twin;
        String error = classic ? "FencedInstanceIdException" : "UnreleasedInstanceIdException";
        until(error, () -> error.equals(loser.failure), a, again, twin);
        loser.end(loser.consumer::close);
        a.close();
        (classic ? twin : again).close();
        admin.removeMembers(id);
        admin.deleteGroup(id);
    }

    /** Topics that fit a pattern are read, also one that is created later. */
    void pattern(boolean server) throws Exception {
        String one = id + "-one";
        String two = id + "-two";
        create(one, 2);
        create(id + "_other", 1);
        write(one, 2, MORE);
        Member a = new Member("a", Map.of("metadata.max.age.ms", "500"), id + "-.*", server);
        until("the first topic", () -> read == MORE, a);
        create(two, 2);
        write(two, 2, MORE);
        until("the second topic", () -> read == 2 * MORE, a);
        Calls.equal("assignment of " + id, a.owned, Set.of(new TopicPartition(one, 0), new TopicPartition(one, 1),
            new TopicPartition(two, 0), new TopicPartition(two, 1)));
        a.close();
        admin.deleteGroup(id);
    }

    private void create(String topic, int partitions) throws Exception {
        topics.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
    }

    private void write(String topic, int partitions, int count) throws Exception {
        int from = written.getOrDefault(topic, 0);
        List<Future<?>> sent = new ArrayList<>();
        for (int n = from; n < from + count; n++) {
            sent.add(producer.send(new ProducerRecord<>(topic, n % partitions, null, n % partitions + "/" + n / partitions)));
        }
        for (Future<?> acknowledged : sent) acknowledged.get();
        written.put(topic, from + count);
    }

    private Set<TopicPartition> all() { return ends().keySet(); }

    private Map<TopicPartition, Long> ends() {
        Map<TopicPartition, Long> ends = new HashMap<>();
        for (int p = 0; p < PARTITIONS; p++) ends.put(new TopicPartition(topic, p), (long) (written.get(topic) - p + PARTITIONS - 1) / PARTITIONS);
        return ends;
    }

    private static boolean own(int partitions, Member... members) {
        Set<TopicPartition> different = new HashSet<>();
        for (Member m : members) {
            if (m.owned.size() != partitions) return false;
            different.addAll(m.owned);
        }
        return different.size() == partitions * members.length;
    }

    private synchronized void until(String what, BooleanSupplier condition, Member... members) throws Exception {
        long end = System.nanoTime() + 120_000_000_000L;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                List<Object> state = new ArrayList<>();
                for (Member m : members) state.addAll(Arrays.asList(m.name, m.owned, m.read, String.valueOf(m.failure)));
                throw new AssertionError(id + ": timed out: " + what + "; " + read + " records read, members " + state);
            }
            for (Member m : members) m.poll();
            // A member that has polled wakes this up.
            wait(100);
        }
    }

    private synchronized void take(Member member, ConsumerRecord<String, String> r) {
        TopicPartition p = new TopicPartition(r.topic(), r.partition());
        Calls.equal("record of " + p, r.value(), r.partition() + "/" + r.offset());
        BitSet of = seen.computeIfAbsent(p, unseen -> new BitSet());
        if (of.get((int) r.offset())) throw new AssertionError(id + ": " + member.name + " read offset " + r.offset() + " of " + p + " again");
        of.set((int) r.offset());
        member.next.put(p, r.offset() + 1);
        member.read++;
        read++;
    }

    private synchronized void polled() { notifyAll(); }

    /**
     * A consumer that commits what it has read before it gives a partition up. It has a thread, as old clients wait in poll until the whole
     * group has joined.
     */
    private final class Member implements ConsumerRebalanceListener {
        private final String name;
        private final KafkaConsumer<String, String> consumer;
        private final Map<TopicPartition, Long> next = new HashMap<>();
        private final Set<TopicPartition> lost = new HashSet<>();
        private final ExecutorService thread = Executors.newSingleThreadExecutor();
        private Future<?> turn = CompletableFuture.completedFuture(null);
        private volatile Set<TopicPartition> owned = Set.of();
        private volatile int read;
        private volatile int rebalances;
        private volatile String failure;

        Member(String name) throws Exception { this(name, Map.of()); }

        Member(String name, Map<String, String> more) throws Exception { this(name, more, null, false); }

        Member(String name, Map<String, String> more, String pattern, boolean server) throws Exception {
            Map<String, String> all = new HashMap<>(config);
            all.putAll(more);
            all.put("group.id", id);
            all.put("client.id", id + "-" + name);
            this.name = name;
            consumer = Calls.consumer(all);
            if (pattern == null) {
                consumer.subscribe(List.of(topic), this);
            } else if (server) {
                Class<?> type = Class.forName("org.apache.kafka.clients.consumer.SubscriptionPattern");
                KafkaConsumer.class.getMethod("subscribe", type, ConsumerRebalanceListener.class)
                    .invoke(consumer, type.getConstructor(String.class).newInstance(pattern), this);
            } else {
                consumer.subscribe(Pattern.compile(pattern), this);
            }
        }

        /** Lets it poll once more unless it still does. */
        void poll() throws Exception {
            if (failure != null || !turn.isDone()) return;
            turn.get();
            turn = thread.submit(this::turn);
        }

        private void turn() {
            try {
                var records = Calls.poll(consumer, 20);
                // Before its records: who has waited for these looks at what is owned.
                owned = new HashSet<>(consumer.assignment());
                for (ConsumerRecord<String, String> r : records) take(this, r);
            } catch (RuntimeException failed) {
                if (!failed.getClass().getSimpleName().endsWith("InstanceIdException")) throw failed;
                failure = failed.getClass().getSimpleName();
            } finally {
                polled();
            }
        }

        <T> T onThread(Callable<T> call) throws Exception { return thread.submit(call).get(); }

        void end(Runnable last) throws Exception {
            thread.submit(last).get();
            thread.shutdown();
        }

        private Void commit(Collection<TopicPartition> partitions) {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (TopicPartition p : partitions) if (next.containsKey(p)) offsets.put(p, new OffsetAndMetadata(next.remove(p), "read by " + name));
            if (!offsets.isEmpty()) consumer.commitSync(offsets);
            return null;
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            rebalances++;
            commit(partitions);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) { }

        /** Since 2.4: only one whose instance id was taken loses partitions, and that one is not closed this way. */
        public void onPartitionsLost(Collection<TopicPartition> partitions) { lost.addAll(partitions); }

        void close() throws Exception {
            end(() -> {
                Calls.equal("partitions that " + name + " of " + id + " lost", lost, Set.of());
                commit(new HashSet<>(next.keySet()));
                consumer.close();
            });
        }
    }
}
