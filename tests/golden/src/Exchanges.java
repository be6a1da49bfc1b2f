import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * Sends each API at each of its versions to a broker and writes one JSON line per request and response.
 * Usage: Exchanges BOOTSTRAP OUT
 */
public final class Exchanges {
    /** The request at a version; null where the case cannot be said in it. */
    private interface Case { ApiMessage at(int version) throws Exception; }

    private static final String TOPIC = "golden";
    private final String bootstrap;
    private final PrintStream out;
    private Uuid topicId;

    private Exchanges(String bootstrap, PrintStream out) {
        this.bootstrap = bootstrap;
        this.out = out;
    }

    public static void main(String[] args) throws Exception {
        try (PrintStream out = new PrintStream(args[1], StandardCharsets.UTF_8)) {
            Exchanges all = new Exchanges(args[0], out);
            all.prepare();
            all.versions();
            all.produce();
            all.metadata();
            all.fetch();
            all.fetchSessions();
            all.offsets();
            all.topics();
            all.partitions();
            all.records();
            all.configs();
            all.cluster();
        }
    }

    private void each(ApiKeys key, int from, int to, String name, Case request) throws Exception {
        for (int v = from; v <= to; v++) {
            ApiMessage body = request.at(v);
            if (body == null) continue;
            try (Wire wire = new Wire(bootstrap)) {
                Wire.record(out, name, wire.call(key, v, body));
            }
        }
    }

    private void prepare() throws Exception {
        try (Wire wire = new Wire(bootstrap)) {
            wire.call(CREATE_TOPICS, 7, new CreateTopicsRequestData().setTimeoutMs(10_000).setTopics(one(creatable(TOPIC, 2))));
            MetadataResponseData metadata = null;
            for (int tries = 0; tries < 1_000; tries++) {
                metadata = (MetadataResponseData) wire.call(ApiKeys.METADATA, 12, namedMetadata(12, TOPIC)).body();
                if (metadata.topics().find(TOPIC).errorCode() == 0 && metadata.topics().find(TOPIC).partitions().size() == 2
                    && metadata.topics().find(TOPIC).partitions().stream().allMatch(p -> p.leaderId() >= 0)) break;
            }
            topicId = metadata.topics().find(TOPIC).topicId();
            for (int p = 0; p < 2; p++) {
                wire.call(PRODUCE, 9, produceTo(9, TOPIC, p, (short) -1, batch("k", "first"), null));
            }
        }
    }

    private void versions() throws Exception {
        each(API_VERSIONS, 0, 4, "ok", v -> v < 3 ? new ApiVersionsRequestData()
            : new ApiVersionsRequestData().setClientSoftwareName("golden").setClientSoftwareVersion("1.0"));
        try (Wire wire = new Wire(bootstrap)) {
            // api 18, version 99, correlation id 7, client id "golden", empty tagged fields: the answer is in version 0.
            ByteBuffer request = ByteBuffer.wrap(Wire.HEX.parseHex("0012006300000007" + "0006" + "676f6c64656e" + "00"));
            Wire.record(out, "unsupported version", wire.exchange(API_VERSIONS, (short) 99, request));
        }
    }

    private void produce() throws Exception {
        each(PRODUCE, 3, 13, "ok", v -> produceTo(v, TOPIC, 0, (short) -1, batch("k" + v, "value of version " + v), topicId));
        each(PRODUCE, 3, 13, "acks 1", v -> produceTo(v, TOPIC, 1, (short) 1, batch(null, "v"), topicId));
        each(PRODUCE, 3, 13, "unknown topic", v -> produceTo(v, "absent", 0, (short) -1, batch("k", "v"), new Uuid(1, 2)));
        each(PRODUCE, 3, 13, "unknown partition", v -> produceTo(v, TOPIC, 9, (short) -1, batch("k", "v"), topicId));
        each(PRODUCE, 3, 13, "bad checksum", v -> {
            MemoryRecords records = batch("k", "v");
            records.buffer().put(20, (byte) ~records.buffer().get(20));
            return produceTo(v, TOPIC, 0, (short) -1, records, topicId);
        });
        // A client of an API version that 4.x lists but no longer serves.
        for (int v = 0; v <= 2; v++) {
            try (Wire wire = new Wire(bootstrap)) {
                ByteBuffer request = ByteBuffer.wrap(Wire.HEX.parseHex("0000000" + v + "00000001" + "0006676f6c64656e" + "ffff" + "00001388" + "00000000"));
                Wire.record(out, "no topics", wire.exchange(PRODUCE, (short) v, request));
            }
        }
    }

    private void metadata() throws Exception {
        each(METADATA, 0, 13, "all", v -> new MetadataRequestData().setTopics(v == 0 ? List.of() : null).setAllowAutoTopicCreation(true));
        each(METADATA, 0, 13, "named", v -> namedMetadata(v, TOPIC));
        each(METADATA, 4, 13, "unknown topic", v -> namedMetadata(v, "absent"));
        each(METADATA, 4, 13, "invalid topic", v -> namedMetadata(v, "bad/name"));
        each(METADATA, 1, 13, "no topics", v -> new MetadataRequestData().setTopics(List.of()).setAllowAutoTopicCreation(true));
        each(METADATA, 8, 13, "authorized operations", v -> namedMetadata(v, TOPIC).setIncludeTopicAuthorizedOperations(true)
            .setIncludeClusterAuthorizedOperations(v <= 10));
        each(METADATA, 12, 13, "by id", v -> metadataById(topicId));
        each(METADATA, 12, 13, "unknown id", v -> metadataById(new Uuid(1, 2)));
    }

    private void fetch() throws Exception {
        each(FETCH, 4, 18, "from 0", v -> fetchFrom(v, TOPIC, topicId, 0, 0));
        each(FETCH, 4, 18, "at the end", v -> fetchFrom(v, TOPIC, topicId, 0, 12));
        each(FETCH, 4, 18, "out of range", v -> fetchFrom(v, TOPIC, topicId, 0, 1_000));
        each(FETCH, 4, 18, "unknown partition", v -> fetchFrom(v, TOPIC, topicId, 9, 0));
        each(FETCH, 4, 18, "unknown topic", v -> fetchFrom(v, "absent", new Uuid(1, 2), 0, 0));
        each(FETCH, 9, 18, "fenced epoch", v -> {
            FetchRequestData data = fetchFrom(v, TOPIC, topicId, 0, 0);
            data.topics().get(0).partitions().get(0).setCurrentLeaderEpoch(7);
            return data;
        });
        each(FETCH, 12, 18, "diverging epoch", v -> {
            FetchRequestData data = fetchFrom(v, TOPIC, topicId, 0, 1_000);
            data.topics().get(0).partitions().get(0).setLastFetchedEpoch(0);
            return data;
        });
        each(FETCH, 7, 18, "unknown session", v -> fetchFrom(v, TOPIC, topicId, 0, 0).setSessionId(12345).setSessionEpoch(3));
    }

    /** A new session; the same again without moving; one partition forgotten, one moved to its end; a wrong epoch; the close. */
    private void fetchSessions() throws Exception {
        for (int v = 7; v <= 18; v++) {
            try (Wire wire = new Wire(bootstrap)) {
                FetchRequestData first = fetchFrom(v, TOPIC, topicId, 0, 10).setSessionEpoch(0);
                first.topics().get(0).partitions().add(partitionFetch(v, 1, 10));
                Wire.Exchange made = wire.call(FETCH, v, first);
                Wire.record(out, "session: new", made);
                FetchResponseData data = (FetchResponseData) made.body();
                int id = data.sessionId();
                long end = data.responses().get(0).partitions().get(0).highWatermark();
                Wire.record(out, "session: not moved", wire.call(FETCH, v, emptyFetch().setSessionId(id).setSessionEpoch(1)));
                Wire.record(out, "session: moved and forgotten", wire.call(FETCH, v, fetchFrom(v, TOPIC, topicId, 0, end)
                    .setSessionId(id).setSessionEpoch(2).setForgottenTopicsData(new ArrayList<>(List.of(
                        new FetchRequestData.ForgottenTopic().setTopic(TOPIC).setTopicId(topicId).setPartitions(List.of(1)))))));
                Wire.record(out, "session: nothing new", wire.call(FETCH, v, emptyFetch().setSessionId(id).setSessionEpoch(3)));
                Wire.record(out, "session: wrong epoch", wire.call(FETCH, v, emptyFetch().setSessionId(id).setSessionEpoch(9)));
                Wire.record(out, "session: closed", wire.call(FETCH, v, emptyFetch().setSessionId(id).setSessionEpoch(-1)));
            }
        }
    }

    private void offsets() throws Exception {
        long[] times = {-1, -2, 0, Long.MAX_VALUE, -3, -4, -5};
        String[] names = {"latest", "earliest", "by time", "after the last", "max timestamp", "earliest local", "last tiered"};
        int[] since = {1, 1, 1, 1, 7, 8, 9};
        for (int i = 0; i < times.length; i++) {
            long time = times[i];
            each(LIST_OFFSETS, since[i], 10, names[i], v -> listOffsets(v, TOPIC, time));
        }
        each(LIST_OFFSETS, 1, 10, "unknown topic", v -> listOffsets(v, "absent", -1));
        for (int epoch : new int[] {0, 5}) {
            each(OFFSET_FOR_LEADER_EPOCH, 2, 4, "epoch " + epoch, v -> leaderEpoch(v, TOPIC, epoch));
        }
        each(OFFSET_FOR_LEADER_EPOCH, 2, 4, "unknown topic", v -> leaderEpoch(v, "absent", 0));
    }

    private void topics() throws Exception {
        each(CREATE_TOPICS, 2, 7, "ok", v -> createTopics(creatable("made-" + v, 3)));
        each(CREATE_TOPICS, 2, 7, "exists", v -> createTopics(creatable("made-" + v, 3)));
        each(CREATE_TOPICS, 2, 7, "with configs", v -> createTopics(creatable("configured-" + v, 1)
            .setConfigs(topicConfigs("retention.ms", "60000", "cleanup.policy", "compact"))));
        each(CREATE_TOPICS, 2, 7, "assigned", v -> createTopics(assigned("assigned-" + v)));
        each(CREATE_TOPICS, 2, 7, "only checked", v -> createTopics(creatable("checked", 4)).setValidateOnly(true));
        each(CREATE_TOPICS, 2, 7, "bad name", v -> createTopics(creatable("bad/name", 1)));
        each(CREATE_TOPICS, 2, 7, "bad partitions", v -> createTopics(creatable("none", 0)));
        each(CREATE_TOPICS, 2, 7, "bad replication", v -> createTopics(creatable("three", 1).setReplicationFactor((short) 3)));
        each(CREATE_TOPICS, 2, 7, "bad config", v -> createTopics(creatable("wrong", 1).setConfigs(topicConfigs("no.such.key", "1"))));
        each(CREATE_TOPICS, 4, 7, "defaults", v -> createTopics(creatable("defaults-" + v, -1).setReplicationFactor((short) -1)));
        each(DELETE_TOPICS, 1, 6, "ok", v -> deleteTopics(v, "made-" + Math.max(v, 2)));
        each(DELETE_TOPICS, 1, 6, "unknown topic", v -> deleteTopics(v, "absent"));
        each(DELETE_TOPICS, 6, 6, "unknown id", v -> new DeleteTopicsRequestData().setTimeoutMs(5_000).setTopics(List.of(
            new DeleteTopicsRequestData.DeleteTopicState().setName(null).setTopicId(new Uuid(1, 2)))));
    }

    private void partitions() throws Exception {
        each(CREATE_PARTITIONS, 0, 3, "ok", v -> createPartitions("configured-2", v + 2));
        each(CREATE_PARTITIONS, 0, 3, "fewer", v -> createPartitions("configured-2", 1));
        each(CREATE_PARTITIONS, 0, 3, "unknown topic", v -> createPartitions("absent", 3));
        each(CREATE_PARTITIONS, 0, 3, "only checked", v -> createPartitions("configured-3", 9).setValidateOnly(true));
        each(ELECT_LEADERS, 0, 2, "not needed", v -> electLeaders(TOPIC));
        each(ELECT_LEADERS, 0, 2, "unknown topic", v -> electLeaders("absent"));
        each(LIST_PARTITION_REASSIGNMENTS, 0, 0, "all", v -> new ListPartitionReassignmentsRequestData().setTimeoutMs(5_000).setTopics(null));
        each(LIST_PARTITION_REASSIGNMENTS, 0, 0, "named", v -> new ListPartitionReassignmentsRequestData().setTimeoutMs(5_000)
            .setTopics(List.of(new ListPartitionReassignmentsRequestData.ListPartitionReassignmentsTopics()
                .setName(TOPIC).setPartitionIndexes(List.of(0, 1)))));
        each(DESCRIBE_TOPIC_PARTITIONS, 0, 0, "named", v -> topicPartitions(TOPIC, "absent"));
        each(DESCRIBE_TOPIC_PARTITIONS, 0, 0, "limit", v -> topicPartitions(TOPIC, "configured-2").setResponsePartitionLimit(1));
        each(DESCRIBE_TOPIC_PARTITIONS, 0, 0, "cursor", v -> topicPartitions(TOPIC, "configured-2").setCursor(
            new DescribeTopicPartitionsRequestData.Cursor().setTopicName(TOPIC).setPartitionIndex(1)));
    }

    private void records() throws Exception {
        each(INIT_PRODUCER_ID, 0, 5, "idempotent", v -> new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(60_000));
        each(DESCRIBE_PRODUCERS, 0, 0, "named", v -> new DescribeProducersRequestData().setTopics(List.of(
            new DescribeProducersRequestData.TopicRequest().setName(TOPIC).setPartitionIndexes(List.of(0, 1, 9)))));
        each(DELETE_RECORDS, 0, 2, "ok", v -> deleteRecords(TOPIC, 1, 1 + v));
        each(DELETE_RECORDS, 0, 2, "to the end", v -> deleteRecords(TOPIC, 1, -1));
        each(DELETE_RECORDS, 0, 2, "out of range", v -> deleteRecords(TOPIC, 1, 1_000));
        each(DELETE_RECORDS, 0, 2, "unknown topic", v -> deleteRecords("absent", 0, 0));
    }

    private void configs() throws Exception {
        each(DESCRIBE_CONFIGS, 1, 4, "topic", v -> describeConfigs((byte) 2, TOPIC, null).setIncludeSynonyms(true));
        each(DESCRIBE_CONFIGS, 1, 4, "topic keys", v -> describeConfigs((byte) 2, "configured-3", List.of("retention.ms", "cleanup.policy", "no.such.key"))
            .setIncludeSynonyms(true).setIncludeDocumentation(v >= 3));
        each(DESCRIBE_CONFIGS, 1, 4, "broker keys", v -> describeConfigs((byte) 4, "1", List.of("message.max.bytes", "log.retention.hours", "node.id", "num.io.threads"))
            .setIncludeSynonyms(true).setIncludeDocumentation(v >= 3));
        each(DESCRIBE_CONFIGS, 1, 4, "unknown topic", v -> describeConfigs((byte) 2, "absent", null));
        each(ALTER_CONFIGS, 0, 2, "ok", v -> alterConfigs("configured-4", "retention.ms", "12000" + v));
        each(ALTER_CONFIGS, 0, 2, "only checked", v -> alterConfigs("configured-4", "retention.ms", "1").setValidateOnly(true));
        each(ALTER_CONFIGS, 0, 2, "bad value", v -> alterConfigs("configured-4", "retention.ms", "soon"));
        each(ALTER_CONFIGS, 0, 2, "unknown topic", v -> alterConfigs("absent", "retention.ms", "1"));
        for (byte operation = 0; operation <= 3; operation++) {
            byte op = operation;
            String name = List.of("set", "delete", "append", "subtract").get(op);
            each(INCREMENTAL_ALTER_CONFIGS, 0, 1, name, v -> op < 2 ? incremental("configured-5", "retention.ms", op, op == 0 ? "77000" : null)
                : incremental("configured-5", "cleanup.policy", op, "delete"));
        }
        each(INCREMENTAL_ALTER_CONFIGS, 0, 1, "unknown key", v -> incremental("configured-5", "no.such.key", (byte) 0, "1"));
        each(LIST_CONFIG_RESOURCES, 0, 1, "all", v -> new ListConfigResourcesRequestData());
        each(LIST_CONFIG_RESOURCES, 1, 1, "brokers", v -> new ListConfigResourcesRequestData().setResourceTypes(List.of((byte) 4)));
    }

    private void cluster() throws Exception {
        each(DESCRIBE_CLUSTER, 0, 2, "ok", v -> new DescribeClusterRequestData());
        each(DESCRIBE_CLUSTER, 0, 2, "authorized operations", v -> new DescribeClusterRequestData().setIncludeClusterAuthorizedOperations(true));
        each(DESCRIBE_CLUSTER, 2, 2, "fenced brokers", v -> new DescribeClusterRequestData().setIncludeFencedBrokers(true));
        each(DESCRIBE_LOG_DIRS, 1, 4, "all", v -> new DescribeLogDirsRequestData().setTopics(null));
        each(DESCRIBE_LOG_DIRS, 1, 4, "named", v -> {
            DescribeLogDirsRequestData.DescribableLogDirTopicCollection topics = new DescribeLogDirsRequestData.DescribableLogDirTopicCollection();
            topics.add(new DescribeLogDirsRequestData.DescribableLogDirTopic().setTopic(TOPIC).setPartitions(List.of(0)));
            return new DescribeLogDirsRequestData().setTopics(topics);
        });
    }

    private static MemoryRecords batch(String key, String value) {
        return MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(1_700_000_000_000L,
            key == null ? null : key.getBytes(StandardCharsets.UTF_8), value.getBytes(StandardCharsets.UTF_8)));
    }

    private static ProduceRequestData produceTo(int v, String topic, int partition, short acks, MemoryRecords records, Uuid id) {
        ProduceRequestData.TopicProduceData data = new ProduceRequestData.TopicProduceData().setPartitionData(List.of(
            new ProduceRequestData.PartitionProduceData().setIndex(partition).setRecords(records)));
        if (v < 13) data.setName(topic); else data.setTopicId(id);
        ProduceRequestData.TopicProduceDataCollection topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(data);
        return new ProduceRequestData().setAcks(acks).setTimeoutMs(5_000).setTopicData(topics);
    }

    private static MetadataRequestData namedMetadata(int v, String topic) {
        return new MetadataRequestData().setAllowAutoTopicCreation(v < 4)
            .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName(topic)));
    }

    private static MetadataRequestData metadataById(Uuid id) {
        return new MetadataRequestData().setAllowAutoTopicCreation(false)
            .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName(null).setTopicId(id)));
    }

    private static FetchRequestData emptyFetch() {
        return new FetchRequestData().setMaxWaitMs(0).setMinBytes(1).setMaxBytes(1 << 20);
    }

    private static FetchRequestData.FetchPartition partitionFetch(int v, int partition, long offset) {
        FetchRequestData.FetchPartition fetch = new FetchRequestData.FetchPartition()
            .setPartition(partition).setFetchOffset(offset).setPartitionMaxBytes(1 << 20);
        return v >= 9 ? fetch.setCurrentLeaderEpoch(0) : fetch;
    }

    private static FetchRequestData fetchFrom(int v, String topic, Uuid id, int partition, long offset) {
        return emptyFetch().setSessionEpoch(-1).setTopics(new ArrayList<>(List.of(new FetchRequestData.FetchTopic().setTopic(topic)
            .setTopicId(id).setPartitions(new ArrayList<>(List.of(partitionFetch(v, partition, offset)))))));
    }

    private static ListOffsetsRequestData listOffsets(int v, String topic, long time) {
        ListOffsetsRequestData data = new ListOffsetsRequestData().setReplicaId(-1).setTopics(List.of(
            new ListOffsetsRequestData.ListOffsetsTopic().setName(topic).setPartitions(List.of(
                new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(0).setTimestamp(time)))));
        return v >= 10 ? data.setTimeoutMs(5_000) : data;
    }

    private static OffsetForLeaderEpochRequestData leaderEpoch(int v, String topic, int epoch) {
        OffsetForLeaderEpochRequestData.OffsetForLeaderTopicCollection topics = new OffsetForLeaderEpochRequestData.OffsetForLeaderTopicCollection();
        topics.add(new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic().setTopic(topic).setPartitions(List.of(
            new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(0).setLeaderEpoch(epoch))));
        OffsetForLeaderEpochRequestData data = new OffsetForLeaderEpochRequestData().setTopics(topics);
        return v >= 3 ? data.setReplicaId(-1) : data;
    }

    private static CreateTopicsRequestData.CreatableTopic creatable(String name, int partitions) {
        return new CreateTopicsRequestData.CreatableTopic().setName(name).setNumPartitions(partitions).setReplicationFactor((short) 1);
    }

    private static CreateTopicsRequestData.CreatableTopic assigned(String name) {
        CreateTopicsRequestData.CreatableReplicaAssignmentCollection assignments = new CreateTopicsRequestData.CreatableReplicaAssignmentCollection();
        for (int p = 0; p < 2; p++) {
            assignments.add(new CreateTopicsRequestData.CreatableReplicaAssignment().setPartitionIndex(p).setBrokerIds(List.of(1)));
        }
        return creatable(name, -1).setReplicationFactor((short) -1).setAssignments(assignments);
    }

    private static CreateTopicsRequestData.CreatableTopicConfigCollection topicConfigs(String... pairs) {
        CreateTopicsRequestData.CreatableTopicConfigCollection configs = new CreateTopicsRequestData.CreatableTopicConfigCollection();
        for (int i = 0; i < pairs.length; i += 2) {
            configs.add(new CreateTopicsRequestData.CreatableTopicConfig().setName(pairs[i]).setValue(pairs[i + 1]));
        }
        return configs;
    }

    private static CreateTopicsRequestData.CreatableTopicCollection one(CreateTopicsRequestData.CreatableTopic topic) {
        CreateTopicsRequestData.CreatableTopicCollection topics = new CreateTopicsRequestData.CreatableTopicCollection();
        topics.add(topic);
        return topics;
    }

    private static CreateTopicsRequestData createTopics(CreateTopicsRequestData.CreatableTopic topic) {
        return new CreateTopicsRequestData().setTimeoutMs(5_000).setTopics(one(topic));
    }

    private static DeleteTopicsRequestData deleteTopics(int v, String name) {
        DeleteTopicsRequestData data = new DeleteTopicsRequestData().setTimeoutMs(5_000);
        return v < 6 ? data.setTopicNames(List.of(name))
            : data.setTopics(List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(name)));
    }

    private static CreatePartitionsRequestData createPartitions(String topic, int count) {
        CreatePartitionsRequestData.CreatePartitionsTopicCollection topics = new CreatePartitionsRequestData.CreatePartitionsTopicCollection();
        topics.add(new CreatePartitionsRequestData.CreatePartitionsTopic().setName(topic).setCount(count).setAssignments(null));
        return new CreatePartitionsRequestData().setTimeoutMs(5_000).setTopics(topics);
    }

    private static ElectLeadersRequestData electLeaders(String topic) {
        ElectLeadersRequestData.TopicPartitionsCollection topics = new ElectLeadersRequestData.TopicPartitionsCollection();
        topics.add(new ElectLeadersRequestData.TopicPartitions().setTopic(topic).setPartitions(List.of(0)));
        return new ElectLeadersRequestData().setTimeoutMs(5_000).setTopicPartitions(topics);
    }

    private static DescribeTopicPartitionsRequestData topicPartitions(String... names) {
        List<DescribeTopicPartitionsRequestData.TopicRequest> topics = new ArrayList<>();
        for (String name : names) topics.add(new DescribeTopicPartitionsRequestData.TopicRequest().setName(name));
        return new DescribeTopicPartitionsRequestData().setTopics(topics);
    }

    private static DeleteRecordsRequestData deleteRecords(String topic, int partition, long offset) {
        return new DeleteRecordsRequestData().setTimeoutMs(5_000).setTopics(List.of(new DeleteRecordsRequestData.DeleteRecordsTopic()
            .setName(topic).setPartitions(List.of(new DeleteRecordsRequestData.DeleteRecordsPartition().setPartitionIndex(partition).setOffset(offset)))));
    }

    private static DescribeConfigsRequestData describeConfigs(byte type, String name, List<String> keys) {
        return new DescribeConfigsRequestData().setResources(List.of(new DescribeConfigsRequestData.DescribeConfigsResource()
            .setResourceType(type).setResourceName(name).setConfigurationKeys(keys)));
    }

    private static AlterConfigsRequestData alterConfigs(String topic, String key, String value) {
        AlterConfigsRequestData.AlterableConfigCollection configs = new AlterConfigsRequestData.AlterableConfigCollection();
        configs.add(new AlterConfigsRequestData.AlterableConfig().setName(key).setValue(value));
        AlterConfigsRequestData.AlterConfigsResourceCollection resources = new AlterConfigsRequestData.AlterConfigsResourceCollection();
        resources.add(new AlterConfigsRequestData.AlterConfigsResource().setResourceType((byte) 2).setResourceName(topic).setConfigs(configs));
        return new AlterConfigsRequestData().setResources(resources);
    }

    private static IncrementalAlterConfigsRequestData incremental(String topic, String key, byte operation, String value) {
        IncrementalAlterConfigsRequestData.AlterableConfigCollection configs = new IncrementalAlterConfigsRequestData.AlterableConfigCollection();
        configs.add(new IncrementalAlterConfigsRequestData.AlterableConfig().setName(key).setConfigOperation(operation).setValue(value));
        IncrementalAlterConfigsRequestData.AlterConfigsResourceCollection resources = new IncrementalAlterConfigsRequestData.AlterConfigsResourceCollection();
        resources.add(new IncrementalAlterConfigsRequestData.AlterConfigsResource().setResourceType((byte) 2).setResourceName(topic).setConfigs(configs));
        return new IncrementalAlterConfigsRequestData().setResources(resources);
    }
}
