import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.utils.AppInfoParser;

/** Groups with the Java client, any version from 0.11 on: each kind of group a topic of its own, several at the same time. */
public final class Groups {
    private static final String PREFIX = System.getenv("E2E_PREFIX");
    private static final AdminClient TOPICS = AdminClient.create(Calls.config(Map.of()));
    // One batch after the other: a broker that is not quite the leader of a new partition refuses the first and takes the second.
    private static final KafkaProducer<String, String> PRODUCER =
        Calls.producer(Map.of("linger.ms", "5", "acks", "all", "retries", "100", "max.in.flight.requests.per.connection", "1"));

    /** Part of a {@link Group}'s scenarios. */
    private interface Scenario {
        void run(Group group) throws Exception;
    }

    private final ExecutorService threads = Executors.newFixedThreadPool(5);
    private final List<Future<Boolean>> running = new ArrayList<>();
    private final Group.Admin admin = admin();

    public static void main(String[] args) throws Exception {
        Groups groups = new Groups();
        if (AppInfoParser.getVersion().startsWith("4.")) {
            for (String protocol : List.of("classic", "consumer")) groups.start("static-" + protocol, Map.of("group.protocol", protocol), Group::staticMembers);
            groups.start("pattern-re2j", Map.of("group.protocol", "consumer"), group -> group.pattern(true));
            for (String protocol : List.of("classic", "consumer")) {
                groups.start("pattern-" + protocol, Map.of("group.protocol", protocol), group -> group.pattern(false));
            }
            for (String assignor : List.of("uniform", "range")) {
                groups.start("consumer-" + assignor, Map.of("group.protocol", "consumer", "group.remote.assignor", assignor), Group::comeAndGo);
            }
        }
        List<String> assignors = new ArrayList<>(List.of("Range", "RoundRobin"));
        if (groups.admin != null) assignors.addAll(List.of("Sticky", "CooperativeSticky"));
        for (String assignor : assignors) {
            groups.start(assignor, Map.of("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor"), Group::comeAndGo);
        }
        groups.threads.shutdown();
        boolean failed = false;
        for (Future<Boolean> result : groups.running) failed |= !result.get();
        System.exit(failed ? 1 : 0);
    }

    /** Compiled for the versions that have it only. */
    private static Group.Admin admin() {
        try {
            return (Group.Admin) Class.forName("GroupAdmin").getDeclaredConstructor(AdminClient.class).newInstance(TOPICS);
        } catch (ReflectiveOperationException without) {
            return null;
        }
    }

    private void start(String name, Map<String, String> more, Scenario scenario) {
        Map<String, String> config = new HashMap<>(more);
        // A classic member learns at its next heartbeat that others have come or gone; a consumer one is told its interval.
        if (!"consumer".equals(more.get("group.protocol"))) config.put("heartbeat.interval.ms", "100");
        running.add(threads.submit(() -> {
            long started = System.nanoTime();
            try {
                scenario.run(new Group(PREFIX + "-" + name, config, PRODUCER, TOPICS, admin));
            } catch (Exception | AssertionError failure) {
                failure.printStackTrace();
                return false;
            }
            System.out.printf("kafka-clients %s: group %s: %.1f s%n", AppInfoParser.getVersion(), name, (System.nanoTime() - started) / 1e9);
            return true;
        }));
    }
}
