import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * Transactions: each API at each of its versions, with the Produce, Fetch and ListOffsets that see them. Up to EndTxn 4 and Produce
 * 11 as clients of before KIP-890 go about it, above as those after it.
 * Usage: Transactions BOOTSTRAP OUT
 */
public final class Transactions extends Capture {
    private final Uuid topicId;
    /** A producer, as its last InitProducerId or EndTxn made it. */
    private record Producer(String id, long producerId, short epoch) {}

    private Transactions(String bootstrap, String file) throws Exception {
        super(bootstrap, file);
        topicId = createTopic();
        for (int i = 0; i < 32; i++) {
            settled(FIND_COORDINATOR, 1, new FindCoordinatorRequestData().setKey("settle-" + i).setKeyType((byte) 1));
            settled(FIND_COORDINATOR, 1, new FindCoordinatorRequestData().setKey("settle-" + i).setKeyType((byte) 0));
            settled(ADD_OFFSETS_TO_TXN, 3, addOffsets(new Producer("settle-" + i, 1, (short) 0), "group"));
            settled(HEARTBEAT, 0, new HeartbeatRequestData().setGroupId("settle-" + i).setGenerationId(1).setMemberId("nobody"));
        }
    }

    public static void main(String[] args) throws Exception {
        try (Transactions all = new Transactions(args[0], args[1])) {
            all.producers();
            all.partitions();
            all.offsets();
            all.ends();
            all.records();
            all.readers();
            all.markers();
            all.described();
        }
    }

    private void producers() throws Exception {
        each(INIT_PRODUCER_ID, 0, 5, "transactional", v -> init("init-" + v));
        each(INIT_PRODUCER_ID, 0, 5, "again", v -> init("init-" + v));
        each(INIT_PRODUCER_ID, 0, 5, "timeout too long", v -> init("init-" + v).setTransactionTimeoutMs(Integer.MAX_VALUE));
        each(INIT_PRODUCER_ID, 0, 5, "no timeout", v -> init("init-" + v).setTransactionTimeoutMs(0));
        each(INIT_PRODUCER_ID, 0, 5, "empty transactional id", v -> init(""));
        for (int v = 3; v <= 5; v++) {
            Producer producer = producer("bump-" + v, " to bump " + v);
            call(INIT_PRODUCER_ID, v, "bumps its epoch", init(producer.id).setProducerId(producer.producerId).setProducerEpoch(producer.epoch));
            call(INIT_PRODUCER_ID, v, "bumps it again", init(producer.id).setProducerId(producer.producerId).setProducerEpoch(producer.epoch));
            call(INIT_PRODUCER_ID, v, "other producer id", init(producer.id).setProducerId(producer.producerId + 100).setProducerEpoch(producer.epoch));
            call(INIT_PRODUCER_ID, v, "later epoch", init(producer.id).setProducerId(producer.producerId).setProducerEpoch((short) 9));
            call(INIT_PRODUCER_ID, v, "id without epoch", init(producer.id).setProducerId(producer.producerId));
        }
    }

    private void partitions() throws Exception {
        for (int v = 0; v <= 3; v++) {
            Producer producer = producer("partitions-" + v, " for partitions " + v);
            call(ADD_PARTITIONS_TO_TXN, v, "ok", add(producer, TOPIC, 0));
            call(ADD_PARTITIONS_TO_TXN, v, "again", add(producer, TOPIC, 0, 1));
            call(ADD_PARTITIONS_TO_TXN, v, "unknown partition", add(producer, TOPIC, 0, 9));
            call(ADD_PARTITIONS_TO_TXN, v, "unknown topic", add(producer, "absent", 0));
            for (Wrong wrong : wrongs(producer)) call(ADD_PARTITIONS_TO_TXN, v, wrong.name, add(wrong.producer, TOPIC, 0));
            end(4, producer, false, " of partitions " + v);
        }
        for (int v = 4; v <= 5; v++) {
            Producer producer = producer("partitions-" + v, " for partitions " + v);
            call(ADD_PARTITIONS_TO_TXN, v, "only verified, not there", batched(producer, true, 0));
            call(ADD_PARTITIONS_TO_TXN, v, "ok", batched(producer, false, 0));
            call(ADD_PARTITIONS_TO_TXN, v, "only verified", batched(producer, true, 0));
            call(ADD_PARTITIONS_TO_TXN, v, "only verified, one is not there", batched(producer, true, 0, 1));
            for (Wrong wrong : wrongs(producer)) call(ADD_PARTITIONS_TO_TXN, v, wrong.name, batched(wrong.producer, false, 0));
            end(4, producer, false, " of partitions " + v);
        }
    }

    private void offsets() throws Exception {
        for (int v = 0; v <= 4; v++) {
            Producer producer = producer("offsets-" + v, " for offsets " + v);
            call(ADD_OFFSETS_TO_TXN, v, "ok", addOffsets(producer, "group-" + v));
            call(ADD_OFFSETS_TO_TXN, v, "again", addOffsets(producer, "group-" + v));
            for (Wrong wrong : wrongs(producer)) call(ADD_OFFSETS_TO_TXN, v, wrong.name, addOffsets(wrong.producer, "group-" + v));
            end(4, producer, false, " of offsets " + v);
        }
        for (int v = 0; v <= 5; v++) {
            Producer producer = producer("commit-" + v, " for a commit " + v);
            String group = "committed-" + v;
            if (v < 5) call(ADD_OFFSETS_TO_TXN, 3, "for a commit " + v, addOffsets(producer, group));
            call(TXN_OFFSET_COMMIT, v, "ok", commit(producer, group, TOPIC, 0));
            call(TXN_OFFSET_COMMIT, v, "unknown topic", commit(producer, group, "absent", 0));
            call(TXN_OFFSET_COMMIT, v, "unknown partition", commit(producer, group, TOPIC, 9));
            if (v >= 3) {
                call(TXN_OFFSET_COMMIT, v, "unknown member", commit(producer, group, TOPIC, 0).setMemberId("nobody").setGenerationId(1));
                call(TXN_OFFSET_COMMIT, v, "illegal generation", commit(producer, group, TOPIC, 0).setGenerationId(1));
            }
            for (Wrong wrong : wrongs(producer)) call(TXN_OFFSET_COMMIT, v, wrong.name, commit(wrong.producer, group, TOPIC, 0));
            call(OFFSET_FETCH, 9, "pending " + v, fetchOffsets(group, false));
            call(OFFSET_FETCH, 8, "pending, stable " + v, fetchOffsets(group, true));
            end(v < 5 ? 4 : 5, producer, v % 2 == 0, " of a commit " + v);
            call(OFFSET_FETCH, 9, v % 2 == 0 ? "committed " + v : "aborted " + v, settledOffsets(group));
        }
    }

    /** Waits for the pending offsets to be decided. */
    private OffsetFetchRequestData settledOffsets(String group) throws Exception {
        OffsetFetchRequestData stable = fetchOffsets(group, true);
        for (;;) {
            var answer = (OffsetFetchResponseData) settled(OFFSET_FETCH, 9, stable).body();
            if (answer.groups().get(0).topics().get(0).partitions().get(0).errorCode() == 0) return stable;
        }
    }

    private void ends() throws Exception {
        for (int v = 0; v <= 5; v++) {
            Producer producer = producer("end-" + v, " to end " + v);
            call(END_TXN, v, "commit of nothing", ending(producer, true));
            ended(producer, call(END_TXN, v, "abort of nothing", ending(producer, false)));
            producer = producer("end-" + v, " to end again " + v);
            call(ADD_PARTITIONS_TO_TXN, 3, "to end " + v, add(producer, TOPIC, 0));
            for (Wrong wrong : wrongs(producer)) call(END_TXN, v, wrong.name, ending(wrong.producer, true));
            producer = ended(producer, call(END_TXN, v, "commit", ending(producer, true)));
            call(END_TXN, v, "commit again", ending(producer, true));
            ended(producer, call(END_TXN, v, "abort after commit", ending(producer, false)));
            producer = producer("end-" + v, " to abort " + v);
            call(ADD_PARTITIONS_TO_TXN, 3, "to abort " + v, add(producer, TOPIC, 0));
            producer = ended(producer, call(END_TXN, v, "abort", ending(producer, false)));
            producer = ended(producer, call(END_TXN, v, "abort again", ending(producer, false)));
            call(END_TXN, v, "commit after abort", ending(producer, true));
        }
        Producer old = producer("replaced", " to be replaced");
        call(ADD_PARTITIONS_TO_TXN, 3, "to be replaced", add(old, TOPIC, 0));
        Producer now = producer("replaced", " that replaces");
        call(END_TXN, 4, "fenced", ending(old, true));
        call(END_TXN, 5, "fenced", ending(old, true));
        call(ADD_PARTITIONS_TO_TXN, 3, "fenced", add(old, TOPIC, 0));
        call(ADD_PARTITIONS_TO_TXN, 3, "not fenced", add(now, TOPIC, 0));
        end(4, now, true, " of the one that replaces");
    }

    /** Partition 1 alone, so that its offsets are known. */
    private void records() throws Exception {
        for (int v = 3; v <= 13; v++) {
            Producer producer = producer("produce-" + v, " for produce " + v);
            if (v < 12) {
                call(PRODUCE, v, "before the partition was added", produce(v, producer, 0));
                call(ADD_PARTITIONS_TO_TXN, 3, "for produce " + v, add(producer, TOPIC, 1));
            }
            call(PRODUCE, v, "transactional", produce(v, producer, 0));
            call(PRODUCE, v, "transactional, again", produce(v, producer, 0));
            call(PRODUCE, v, "transactional, next", produce(v, producer, 1));
            call(PRODUCE, v, "transactional, gap", produce(v, producer, 7));
            for (Wrong wrong : wrongs(producer)) call(PRODUCE, v, "transactional, " + wrong.name, produce(v, wrong.producer, 2));
            Producer after = end(v < 12 ? 4 : 5, producer, v % 2 == 0, " of produce " + v);
            call(PRODUCE, v, "transactional, after the end", produce(v, producer, 3));
            if (v >= 12) {
                call(PRODUCE, v, "transactional, of the new epoch", produce(v, after, 0));
                end(5, after, true, " of produce, new epoch " + v);
            }
        }
    }

    private void readers() throws Exception {
        Producer open = producer("open", " that stays open");
        call(ADD_PARTITIONS_TO_TXN, 3, "that stays open", add(open, TOPIC, 1));
        call(PRODUCE, 11, "that stays open", produce(11, open, 0));
        each(FETCH, 4, 18, "read committed, from 0", v -> fetch(v, 0, 1));
        each(FETCH, 4, 18, "read uncommitted, from 0", v -> fetch(v, 0, 0));
        each(FETCH, 4, 18, "read committed, from 20", v -> fetch(v, 20, 1));
        for (long time : new long[] {-1, -2, 0}) {
            each(LIST_OFFSETS, 2, 10, "read committed, " + time, v -> listOffsets(v, time, 1));
            each(LIST_OFFSETS, 2, 10, "read uncommitted, " + time, v -> listOffsets(v, time, 0));
        }
    }

    private void markers() throws Exception {
        Producer hanging = producer("hanging", " that hangs");
        call(ADD_PARTITIONS_TO_TXN, 3, "that hangs", add(hanging, TOPIC, 0));
        call(PRODUCE, 11, "that hangs", produce(11, hanging, 0, 0));
        call(WRITE_TXN_MARKERS, 1, "unknown topic", markers(hanging, "absent", 0));
        call(WRITE_TXN_MARKERS, 1, "unknown partition", markers(hanging, TOPIC, 9));
        call(WRITE_TXN_MARKERS, 1, "old epoch", markers(new Producer("", hanging.producerId, (short) (hanging.epoch - 1)), TOPIC, 0));
        call(WRITE_TXN_MARKERS, 1, "ok", markers(hanging, TOPIC, 0));
        call(WRITE_TXN_MARKERS, 1, "none", new WriteTxnMarkersRequestData());
    }

    private void described() throws Exception {
        call(DESCRIBE_TRANSACTIONS, 0, "several", new DescribeTransactionsRequestData()
            .setTransactionalIds(List.of("open", "absent", "init-0", "end-4", "")));
        call(DESCRIBE_TRANSACTIONS, 0, "none", new DescribeTransactionsRequestData().setTransactionalIds(List.of()));
        call(DESCRIBE_PRODUCERS, 0, "transactional", new DescribeProducersRequestData().setTopics(List.of(
            new DescribeProducersRequestData.TopicRequest().setName(TOPIC).setPartitionIndexes(List.of(1)))));
        each(LIST_TRANSACTIONS, 0, 2, "all", v -> new ListTransactionsRequestData());
        each(LIST_TRANSACTIONS, 0, 2, "by state", v -> new ListTransactionsRequestData().setStateFilters(List.of("Ongoing", "What")));
        each(LIST_TRANSACTIONS, 0, 2, "by producer id", v -> new ListTransactionsRequestData().setProducerIdFilters(List.of(1L << 40)));
        each(LIST_TRANSACTIONS, 1, 2, "by duration", v -> new ListTransactionsRequestData().setDurationFilter(3_600_000));
        each(LIST_TRANSACTIONS, 2, 2, "by pattern", v -> new ListTransactionsRequestData().setTransactionalIdPattern("end-.*"));
        each(LIST_TRANSACTIONS, 2, 2, "by a bad pattern", v -> new ListTransactionsRequestData().setTransactionalIdPattern("(["));
    }

    /** A producer that the coordinator does not take for the one it knows. */
    private record Wrong(String name, Producer producer) {}

    private static List<Wrong> wrongs(Producer right) {
        return List.of(
            new Wrong("unknown transactional id", new Producer("absent", right.producerId, right.epoch)),
            new Wrong("other producer id", new Producer(right.id, right.producerId + 1_000, right.epoch)),
            new Wrong("later epoch", new Producer(right.id, right.producerId, (short) (right.epoch + 7))));
    }

    private Producer producer(String id, String why) throws Exception {
        InitProducerIdResponseData made = call(INIT_PRODUCER_ID, 4, "producer" + why, init(id));
        return new Producer(id, made.producerId(), made.producerEpoch());
    }

    private Producer end(int v, Producer producer, boolean commit, String why) throws Exception {
        return ended(producer, call(END_TXN, v, (commit ? "commit" : "abort") + why, ending(producer, commit)));
    }

    /** Waits until the markers are written, so that what follows does not depend on their speed. */
    private Producer ended(Producer producer, EndTxnResponseData answer) throws Exception {
        DescribeTransactionsRequestData ask = new DescribeTransactionsRequestData().setTransactionalIds(List.of(producer.id));
        String state;
        do {
            state = ((DescribeTransactionsResponseData) settled(DESCRIBE_TRANSACTIONS, 0, ask).body()).transactionStates().get(0).transactionState();
        } while (state.startsWith("Prepare"));
        return answer.producerId() < 0 ? producer : new Producer(producer.id, answer.producerId(), answer.producerEpoch());
    }

    private static InitProducerIdRequestData init(String id) {
        return new InitProducerIdRequestData().setTransactionalId(id).setTransactionTimeoutMs(600_000);
    }

    private static AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection topics(String topic, Integer... partitions) {
        AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection topics = new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection();
        topics.add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic().setName(topic).setPartitions(List.of(partitions)));
        return topics;
    }

    private static AddPartitionsToTxnRequestData add(Producer producer, String topic, Integer... partitions) {
        return new AddPartitionsToTxnRequestData().setV3AndBelowTransactionalId(producer.id).setV3AndBelowProducerId(producer.producerId)
            .setV3AndBelowProducerEpoch(producer.epoch).setV3AndBelowTopics(topics(topic, partitions));
    }

    private static AddPartitionsToTxnRequestData batched(Producer producer, boolean verifyOnly, Integer... partitions) {
        AddPartitionsToTxnRequestData.AddPartitionsToTxnTransactionCollection transactions = new AddPartitionsToTxnRequestData.AddPartitionsToTxnTransactionCollection();
        transactions.add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTransaction().setTransactionalId(producer.id).setProducerId(producer.producerId)
            .setProducerEpoch(producer.epoch).setVerifyOnly(verifyOnly).setTopics(topics(TOPIC, partitions)));
        return new AddPartitionsToTxnRequestData().setTransactions(transactions);
    }

    private static AddOffsetsToTxnRequestData addOffsets(Producer producer, String group) {
        return new AddOffsetsToTxnRequestData().setTransactionalId(producer.id).setProducerId(producer.producerId)
            .setProducerEpoch(producer.epoch).setGroupId(group);
    }

    private static TxnOffsetCommitRequestData commit(Producer producer, String group, String topic, int partition) {
        return new TxnOffsetCommitRequestData().setTransactionalId(producer.id).setGroupId(group).setProducerId(producer.producerId)
            .setProducerEpoch(producer.epoch).setTopics(List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic().setName(topic)
                .setPartitions(List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition().setPartitionIndex(partition)
                    .setCommittedOffset(3).setCommittedLeaderEpoch(0).setCommittedMetadata("m")))));
    }

    private static OffsetFetchRequestData fetchOffsets(String group, boolean stable) {
        return new OffsetFetchRequestData().setRequireStable(stable).setGroups(List.of(new OffsetFetchRequestData.OffsetFetchRequestGroup()
            .setGroupId(group).setTopics(List.of(new OffsetFetchRequestData.OffsetFetchRequestTopics().setName(TOPIC).setPartitionIndexes(List.of(0))))));
    }

    private static EndTxnRequestData ending(Producer producer, boolean commit) {
        return new EndTxnRequestData().setTransactionalId(producer.id).setProducerId(producer.producerId).setProducerEpoch(producer.epoch).setCommitted(commit);
    }

    private ProduceRequestData produce(int v, Producer producer, int sequence) {
        return produce(v, producer, 1, sequence);
    }

    private ProduceRequestData produce(int v, Producer producer, int partition, int sequence) {
        MemoryRecords records = MemoryRecords.withTransactionalRecords(Compression.NONE, producer.producerId, producer.epoch, sequence,
            new SimpleRecord(1_700_000_000_000L, null, (producer.id + " " + sequence).getBytes(StandardCharsets.UTF_8)));
        ProduceRequestData.TopicProduceData data = new ProduceRequestData.TopicProduceData().setPartitionData(List.of(
            new ProduceRequestData.PartitionProduceData().setIndex(partition).setRecords(records)));
        if (v < 13) data.setName(TOPIC); else data.setTopicId(topicId);
        ProduceRequestData.TopicProduceDataCollection topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(data);
        return new ProduceRequestData().setTransactionalId(producer.id).setAcks((short) -1).setTimeoutMs(5_000).setTopicData(topics);
    }

    private FetchRequestData fetch(int v, long offset, int isolation) {
        return new FetchRequestData().setMaxWaitMs(0).setMinBytes(1).setMaxBytes(1 << 20).setIsolationLevel((byte) isolation).setSessionEpoch(-1)
            .setTopics(new ArrayList<>(List.of(new FetchRequestData.FetchTopic().setTopic(TOPIC).setTopicId(topicId).setPartitions(new ArrayList<>(List.of(
                new FetchRequestData.FetchPartition().setPartition(1).setFetchOffset(offset).setPartitionMaxBytes(600)))))));
    }

    private static ListOffsetsRequestData listOffsets(int v, long time, int isolation) {
        ListOffsetsRequestData data = new ListOffsetsRequestData().setReplicaId(-1).setIsolationLevel((byte) isolation).setTopics(List.of(
            new ListOffsetsRequestData.ListOffsetsTopic().setName(TOPIC).setPartitions(List.of(
                new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(1).setTimestamp(time)))));
        return v >= 10 ? data.setTimeoutMs(5_000) : data;
    }

    private static WriteTxnMarkersRequestData markers(Producer producer, String topic, int partition) {
        return new WriteTxnMarkersRequestData().setMarkers(List.of(new WriteTxnMarkersRequestData.WritableTxnMarker().setProducerId(producer.producerId)
            .setProducerEpoch(producer.epoch).setTransactionResult(false).setCoordinatorEpoch(0).setTopics(List.of(
                new WriteTxnMarkersRequestData.WritableTxnMarkerTopic().setName(topic).setPartitionIndexes(List.of(partition))))));
    }
}
