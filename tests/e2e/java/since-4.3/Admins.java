import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ClassicGroupState;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What the admin client of 4.3 asks about groups and transactions, and how it is refused. */
public final class Admins {
    private static final String TOPIC = System.getenv("E2E_PREFIX");
    private static final TopicPartition FIRST = new TopicPartition(TOPIC, 0);

    private final AdminClient admin = AdminClient.create(Calls.config(Map.of()));

    public static void main(String[] args) throws Exception {
        Admins admins = new Admins();
        admins.admin.createTopics(List.of(new NewTopic(TOPIC, 2, (short) 1))).all().get();
        admins.classicGroup();
        admins.consumerGroup();
        admins.offsetsWithoutGroup();
        admins.groupConfigs();
        admins.unknownGroups();
        admins.openTransaction();
        admins.fenceAndAbort();
        admins.unstableOffsets();
        admins.admin.close();
        System.out.println("admin calls for groups and transactions");
    }

    private void classicGroup() throws Exception {
        String group = TOPIC + "-classic";
        try (KafkaConsumer<String, String> member = member(group, Map.of("group.instance.id", "one", "heartbeat.interval.ms", "100"))) {
            ConsumerGroupDescription seen = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            Calls.equal("type", seen.type(), GroupType.CLASSIC);
            Calls.equal("state", seen.groupState(), GroupState.STABLE);
            Calls.equal("assignor", seen.partitionAssignor(), "range");
            MemberDescription described = seen.members().iterator().next();
            Calls.equal("instance id", described.groupInstanceId().get(), "one");
            Calls.equal("assignment", described.assignment().topicPartitions(), member.assignment());
            Calls.equal("classic state", admin.describeClassicGroups(List.of(group)).all().get().get(group).state(), ClassicGroupState.STABLE);
            member.commitSync();
            refused("offsets of a subscribed topic", "GroupSubscribedToTopicException", admin.deleteConsumerGroupOffsets(group, Set.of(FIRST)).all());
            refused("a group with members", "GroupNotEmptyException", admin.deleteConsumerGroups(List.of(group)).all());
            refused("offsets of a running member", "UnknownMemberIdException", admin.alterConsumerGroupOffsets(group, Map.of(FIRST, new OffsetAndMetadata(1))).all());
            listed(group, GroupType.CLASSIC, GroupState.STABLE, "consumer");
            admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("one")))).all().get();
        }
        listed(group, GroupType.CLASSIC, GroupState.EMPTY, "consumer");
        Calls.equal("offsets", admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size(), 2);
        admin.deleteConsumerGroups(List.of(group)).all().get();
    }

    private void consumerGroup() throws Exception {
        String group = TOPIC + "-consumer";
        try (KafkaConsumer<String, String> member = member(group, Map.of("group.protocol", "consumer"))) {
            ConsumerGroupDescription seen = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            Calls.equal("type", seen.type(), GroupType.CONSUMER);
            Calls.equal("state", seen.groupState(), GroupState.STABLE);
            Calls.equal("assignor", seen.partitionAssignor(), "uniform");
            Calls.equal("epoch of the target", seen.targetAssignmentEpoch(), seen.groupEpoch());
            MemberDescription described = seen.members().iterator().next();
            Calls.equal("epoch of the member", described.memberEpoch(), seen.groupEpoch());
            Calls.equal("assignment", described.assignment().topicPartitions(), member.assignment());
            Calls.equal("target", described.targetAssignment().get().topicPartitions(), member.assignment());
            Calls.equal("upgraded", described.upgraded().get(), true);
            refused("a consumer group as a classic one", "GroupIdNotFoundException", admin.describeClassicGroups(List.of(group)).all());
            listed(group, GroupType.CONSUMER, GroupState.STABLE, "consumer");
        }
        listed(group, GroupType.CONSUMER, GroupState.EMPTY, "consumer");
        admin.deleteConsumerGroups(List.of(group)).all().get();
    }

    /** A group that nobody joins, only offsets. */
    private void offsetsWithoutGroup() throws Exception {
        String group = TOPIC + "-simple";
        admin.alterConsumerGroupOffsets(group, Map.of(FIRST, new OffsetAndMetadata(7, "by hand"))).all().get();
        OffsetAndMetadata got = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(FIRST);
        Calls.equal("offset and metadata", got.offset() + got.metadata(), "7by hand");
        Calls.equal("simple", admin.describeConsumerGroups(List.of(group)).all().get().get(group).isSimpleConsumerGroup(), true);
        listed(group, GroupType.CLASSIC, GroupState.EMPTY, "");
        admin.deleteConsumerGroupOffsets(group, Set.of(FIRST)).all().get();
        Calls.equal("offsets", admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size(), 0);
    }

    private void groupConfigs() throws Exception {
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, TOPIC + "-configs");
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry("consumer.heartbeat.interval.ms", "6000"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(group, List.of(set))).all().get();
        Calls.equal("heartbeat interval", admin.describeConfigs(List.of(group)).all().get().get(group).get("consumer.heartbeat.interval.ms").value(), "6000");
        AlterConfigOp wrong = new AlterConfigOp(new ConfigEntry("consumer.heartbeat.interval.ms", "1"), AlterConfigOp.OpType.SET);
        refused("too short an interval", "InvalidConfigurationException", admin.incrementalAlterConfigs(Map.of(group, List.of(wrong))).all());
        Set<ConfigResource> listed = admin.listConfigResources(Set.of(ConfigResource.Type.GROUP), new org.apache.kafka.clients.admin.ListConfigResourcesOptions())
            .all().get().stream().collect(Collectors.toSet());
        Calls.equal("group with configs is listed", listed.contains(group), true);
        AlterConfigOp unset = new AlterConfigOp(new ConfigEntry("consumer.heartbeat.interval.ms", ""), AlterConfigOp.OpType.DELETE);
        admin.incrementalAlterConfigs(Map.of(group, List.of(unset))).all().get();
    }

    private void unknownGroups() throws Exception {
        String group = TOPIC + "-unknown";
        refused("an unknown group", "GroupIdNotFoundException", admin.describeConsumerGroups(List.of(group)).all());
        refused("an unknown group", "GroupIdNotFoundException", admin.deleteConsumerGroups(List.of(group)).all());
        refused("offsets of an unknown group", "GroupIdNotFoundException", admin.deleteConsumerGroupOffsets(group, Set.of(FIRST)).all());
        Calls.equal("offsets", admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size(), 0);
    }

    private void openTransaction() throws Exception {
        String id = TOPIC + "-open";
        try (KafkaProducer<String, String> producer = begun(id)) {
            TransactionDescription open = describe(id);
            Calls.equal("state", open.state(), TransactionState.ONGOING);
            Calls.equal("partitions", open.topicPartitions(), Set.of(FIRST));
            Calls.equal("timeout", open.transactionTimeoutMs(), 60_000L);
            ProducerState writing = producers().stream().filter(p -> p.producerId() == open.producerId()).findFirst().get();
            Calls.equal("epoch", writing.producerEpoch(), open.producerEpoch());
            Calls.equal("has a first offset", writing.currentTransactionStartOffset().isPresent(), true);
            Calls.equal("listed by state", list(new ListTransactionsOptions().filterStates(List.of(TransactionState.ONGOING))).contains(id), true);
            Calls.equal("listed by producer", list(new ListTransactionsOptions().filterProducerIds(List.of(open.producerId()))), Set.of(id));
            Calls.equal("listed by pattern", list(new ListTransactionsOptions().filterOnTransactionalIdPattern(TOPIC + "-o.*")), Set.of(id));
            Calls.equal("listed by duration", list(new ListTransactionsOptions().filterOnDuration(Duration.ofHours(1).toMillis())).contains(id), false);
            producer.commitTransaction();
            until("the transaction is complete", () -> describe(id).state() == TransactionState.COMPLETE_COMMIT);
            Calls.equal("partitions", describe(id).topicPartitions(), Set.of());
        }
        refused("an unknown transactional id", "TransactionalIdNotFoundException", admin.describeTransactions(List.of(TOPIC + "-unknown")).all());
    }

    private void fenceAndAbort() throws Exception {
        try (KafkaProducer<String, String> producer = begun(TOPIC + "-fenced")) {
            admin.fenceProducers(List.of(TOPIC + "-fenced")).all().get();
            refusedToCommit(producer);
        }
        try (KafkaProducer<String, String> producer = begun(TOPIC + "-terminated")) {
            admin.forceTerminateTransaction(TOPIC + "-terminated").result().get();
            refusedToCommit(producer);
        }
        try (KafkaProducer<String, String> producer = begun(TOPIC + "-aborted")) {
            long id = describe(TOPIC + "-aborted").producerId();
            ProducerState open = producers().stream().filter(p -> p.producerId() == id).findFirst().get();
            admin.abortTransaction(new AbortTransactionSpec(FIRST, id, (short) open.producerEpoch(), open.coordinatorEpoch().orElse(0))).all().get();
            Calls.equal("open after the abort", producers().stream().anyMatch(p -> p.producerId() == id && p.currentTransactionStartOffset().isPresent()), false);
        }
        until("nothing is open", () -> producers().stream().noneMatch(p -> p.currentTransactionStartOffset().isPresent()));
    }

    /** Offsets of an open transaction are not seen, and whoever asks for stable ones sees none. */
    private void unstableOffsets() throws Exception {
        String group = TOPIC + "-unstable";
        admin.alterConsumerGroupOffsets(group, Map.of(FIRST, new OffsetAndMetadata(1))).all().get();
        try (KafkaProducer<String, String> producer = begun(group)) {
            producer.sendOffsetsToTransaction(Map.of(FIRST, new OffsetAndMetadata(2)), new org.apache.kafka.clients.consumer.ConsumerGroupMetadata(group));
            Calls.equal("offset before the commit", offset(group, false), 1L);
            Calls.equal("stable offset before the commit", offset(group, true), -1L);
            producer.commitTransaction();
            until("the offset of the transaction", () -> offset(group, true) == 2);
        }
    }

    /** -1 when there is none, or none that is stable. */
    private long offset(String group, boolean stable) throws Exception {
        OffsetAndMetadata found = admin.listConsumerGroupOffsets(group, new ListConsumerGroupOffsetsOptions().requireStable(stable))
            .partitionsToOffsetAndMetadata().get().get(FIRST);
        return found == null ? -1 : found.offset();
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void until(String what, Condition condition) throws Exception {
        long end = System.nanoTime() + 120_000_000_000L;
        while (!condition.holds()) if (System.nanoTime() > end) throw new AssertionError("timed out: " + what);
    }

    private static void refusedToCommit(KafkaProducer<String, String> producer) {
        try {
            producer.commitTransaction();
        } catch (RuntimeException refused) {
            return;
        }
        throw new AssertionError("a transaction that an operator has ended could be committed");
    }

    private static void refused(String what, String error, KafkaFuture<?> call) throws Exception {
        try {
            call.get();
        } catch (ExecutionException refused) {
            Calls.equal(what, refused.getCause().getClass().getSimpleName(), error);
            return;
        }
        throw new AssertionError(what + ": no " + error);
    }

    private KafkaConsumer<String, String> member(String group, Map<String, String> more) {
        Map<String, String> config = new HashMap<>(more);
        config.put("group.id", group);
        KafkaConsumer<String, String> member = Calls.consumer(config);
        member.subscribe(List.of(TOPIC));
        while (member.assignment().size() < 2) Calls.poll(member, 100);
        // With a position in each partition a commit is one of both.
        member.assignment().forEach(member::position);
        return member;
    }

    private void listed(String group, GroupType type, GroupState state, String protocol) throws Exception {
        ListGroupsOptions options = new ListGroupsOptions().withTypes(Set.of(type)).inGroupStates(Set.of(state)).withProtocolTypes(Set.of(protocol));
        List<String> found = admin.listGroups(options).all().get().stream().map(GroupListing::groupId).collect(Collectors.toList());
        Calls.equal(group + " among groups of " + type + ", " + state + ": " + found, found.contains(group), true);
        Calls.equal(group + " among share groups", admin.listGroups(ListGroupsOptions.forShareGroups()).all().get().stream().anyMatch(l -> l.groupId().equals(group)), false);
    }

    private static KafkaProducer<String, String> begun(String id) throws Exception {
        KafkaProducer<String, String> producer = Calls.producer(Map.of("transactional.id", id));
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(TOPIC, 0, null, id)).get();
        return producer;
    }

    private TransactionDescription describe(String id) throws Exception { return admin.describeTransactions(List.of(id)).description(id).get(); }

    private List<ProducerState> producers() throws Exception {
        return new ArrayList<>(admin.describeProducers(List.of(FIRST)).partitionResult(FIRST).get().activeProducers());
    }

    private Set<String> list(ListTransactionsOptions options) throws Exception {
        return admin.listTransactions(options).all().get().stream().map(TransactionListing::transactionalId).collect(Collectors.toSet());
    }
}
