import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.protocol.ByteBufferAccessor;

/**
 * A capture whose requests build on each other: all of them go over one connection and are written in the order they were sent, so
 * that whoever sends them again, with the ids that it was given put in the place of Kafka's, comes to the same answers.
 */
abstract class Capture implements AutoCloseable {
    /** The request at a version; null where the case cannot be said in it. */
    interface Case { ApiMessage at(int version) throws Exception; }

    static final String TOPIC = "golden";
    /** What only says that the broker is not ready yet; such an answer is not written. */
    private static final Set<Errors> NOT_YET = Set.of(Errors.COORDINATOR_LOAD_IN_PROGRESS, Errors.COORDINATOR_NOT_AVAILABLE,
        Errors.NOT_COORDINATOR, Errors.CONCURRENT_TRANSACTIONS, Errors.LEADER_NOT_AVAILABLE);
    private static final int TRIES = 2_000;
    private final PrintStream out;
    private final Wire wire;

    Capture(String bootstrap, String file) throws Exception {
        out = new PrintStream(file, StandardCharsets.UTF_8);
        wire = new Wire(bootstrap);
    }

    void each(ApiKeys key, int from, int to, String name, Case request) throws Exception {
        for (int v = from; v <= to; v++) {
            ApiMessage body = request.at(v);
            if (body != null) call(key, v, name, body);
        }
    }

    /** The answer once the broker is ready, written down. */
    @SuppressWarnings("unchecked")
    <T extends ApiMessage> T call(ApiKeys key, int version, String name, ApiMessage body) throws Exception {
        Wire.Exchange exchange = settled(key, version, body);
        Wire.record(out, name, exchange);
        return (T) exchange.body();
    }

    Wire.Exchange settled(ApiKeys key, int version, ApiMessage body) throws Exception {
        Wire.Exchange exchange = null;
        for (int tries = 0; tries < TRIES; tries++) {
            exchange = wire.call(key, version, body);
            if (!isNotYet(key, version, exchange)) return exchange;
        }
        throw new IllegalStateException(key + " never becomes ready: " + exchange.body());
    }

    private static boolean isNotYet(ApiKeys key, int version, Wire.Exchange exchange) throws Exception {
        var readable = new ByteBufferAccessor(java.nio.ByteBuffer.wrap(exchange.response()));
        readable.buffer().position(4 + 4 + (key.responseHeaderVersion((short) version) >= 1 ? 1 : 0));
        Map<Errors, Integer> counts = AbstractResponse.parseResponse(key, readable, (short) version).errorCounts();
        return counts.keySet().stream().anyMatch(NOT_YET::contains);
    }

    /** The topic `golden` with two partitions that have a leader; its id. */
    Uuid createTopic() throws Exception {
        CreateTopicsRequestData.CreatableTopicCollection topics = new CreateTopicsRequestData.CreatableTopicCollection();
        topics.add(new CreateTopicsRequestData.CreatableTopic().setName(TOPIC).setNumPartitions(2).setReplicationFactor((short) 1));
        call(CREATE_TOPICS, 7, "prepare", new CreateTopicsRequestData().setTimeoutMs(10_000).setTopics(topics));
        MetadataRequestData ask = new MetadataRequestData().setAllowAutoTopicCreation(false)
            .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName(TOPIC)));
        for (int tries = 0; tries < TRIES; tries++) {
            var topic = ((MetadataResponseData) settled(METADATA, 12, ask).body()).topics().find(TOPIC);
            if (topic.errorCode() == 0 && topic.partitions().size() == 2
                && topic.partitions().stream().allMatch(partition -> partition.leaderId() >= 0)) return topic.topicId();
        }
        throw new IllegalStateException("no leader");
    }

    @Override public void close() throws Exception {
        wire.close();
        out.close();
    }
}
