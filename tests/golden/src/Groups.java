import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Consumer groups, the classic ones and those of KIP-848: each API at each of its versions. A group has one member, so that no
 * request waits for another one.
 * Usage: Groups BOOTSTRAP OUT
 */
public final class Groups extends Capture {
    private static final int JOIN_MAX = 9, SYNC_MAX = 5, COMMIT_MAX = 9, FETCH_MAX = 9;
    private final Uuid topicId;

    /** A member of a classic group, as its last JoinGroup made it. */
    private record Member(String group, String id, String instance, int generation) {}

    private Groups(String bootstrap, String file) throws Exception {
        super(bootstrap, file);
        topicId = createTopic();
        // Groups are spread over the partitions of the offsets topic, which are loaded one by one.
        for (int i = 0; i < 32; i++) {
            settled(FIND_COORDINATOR, 0, new FindCoordinatorRequestData().setKey("settle-" + i));
            settled(HEARTBEAT, 0, new HeartbeatRequestData().setGroupId("settle-" + i).setGenerationId(1).setMemberId("nobody"));
        }
    }

    public static void main(String[] args) throws Exception {
        try (Groups all = new Groups(args[0], args[1])) {
            all.coordinators();
            all.offsets();
            all.joins();
            all.syncs();
            all.heartbeats();
            all.commitsOfMembers();
            all.staticMembers();
            all.consumerGroups();
            all.described();
            all.deletedOffsets();
            all.leaving();
            all.deleted();
        }
    }

    private void coordinators() throws Exception {
        each(FIND_COORDINATOR, 0, 6, "group", v -> find(v, 0, "group"));
        each(FIND_COORDINATOR, 1, 6, "transactional id", v -> find(v, 1, "transaction"));
        each(FIND_COORDINATOR, 1, 6, "unknown type", v -> find(v, 9, "what"));
        each(FIND_COORDINATOR, 4, 6, "several", v -> find(v, 0, "one").setCoordinatorKeys(List.of("one", "two")));
    }

    private void offsets() throws Exception {
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "not a member", v -> commit("simple", -1, "", TOPIC, 0, 10 + v, "m"));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "no metadata", v -> commit("simple-" + v, -1, "", TOPIC, 1, v, null));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "unknown topic", v -> commit("simple", -1, "", "absent", 0, 1, ""));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "unknown partition", v -> commit("simple", -1, "", TOPIC, 9, 1, ""));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "unknown member", v -> commit("simple", 1, "nobody", TOPIC, 0, 1, ""));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "unknown group", v -> commit("absent", 1, "nobody", TOPIC, 0, 1, ""));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "empty group id", v -> commit("", -1, "", TOPIC, 0, 1, ""));
        each(OFFSET_COMMIT, 9, 9, "long metadata", v -> commit("simple", -1, "", TOPIC, 0, 1, "x".repeat(4097)));
        each(OFFSET_FETCH, 1, FETCH_MAX, "named", v -> fetch(v, "simple", true, TOPIC, "absent"));
        each(OFFSET_FETCH, 2, FETCH_MAX, "all", v -> fetch(v, "simple", false));
        each(OFFSET_FETCH, 1, FETCH_MAX, "unknown group", v -> fetch(v, "absent", true, TOPIC));
        each(OFFSET_FETCH, 2, FETCH_MAX, "all of an unknown group", v -> fetch(v, "absent", false));
        each(OFFSET_FETCH, 1, FETCH_MAX, "no topics", v -> fetch(v, "simple", true));
        each(OFFSET_FETCH, 7, FETCH_MAX, "stable", v -> fetch(v, "simple", true, TOPIC).setRequireStable(true));
        each(OFFSET_FETCH, 8, FETCH_MAX, "several", v -> {
            OffsetFetchRequestData data = fetch(v, "simple", true, TOPIC);
            data.groups().addAll(fetch(v, "simple-2", false).groups());
            data.groups().addAll(fetch(v, "absent", false).groups());
            return data;
        });
        each(OFFSET_FETCH, 9, 9, "unknown member", v -> {
            OffsetFetchRequestData data = fetch(v, "simple", true, TOPIC);
            data.groups().get(0).setMemberId("nobody").setMemberEpoch(1);
            return data;
        });
    }

    private void joins() throws Exception {
        each(JOIN_GROUP, 0, JOIN_MAX, "unknown member", v -> join(v, "join-" + v, "nobody", null));
        for (int v = 0; v <= JOIN_MAX; v++) joined(v, "join-" + v, null, "");
        each(JOIN_GROUP, 0, JOIN_MAX, "unknown member of a group", v -> join(v, "join-" + v, "nobody", null));
        each(JOIN_GROUP, 0, JOIN_MAX, "other protocol type", v -> join(v, "join-" + v, "", null).setProtocolType("connect"));
        each(JOIN_GROUP, 0, JOIN_MAX, "other protocol", v -> {
            JoinGroupRequestData data = join(v, "join-" + v, "", null);
            data.protocols().forEach(protocol -> protocol.setName("sticky"));
            return data;
        });
        each(JOIN_GROUP, 0, JOIN_MAX, "session too short", v -> join(v, "join-" + v, "", null).setSessionTimeoutMs(1));
        each(JOIN_GROUP, 0, JOIN_MAX, "session too long", v -> join(v, "join-" + v, "", null).setSessionTimeoutMs(Integer.MAX_VALUE));
        each(JOIN_GROUP, 0, JOIN_MAX, "no protocol type", v -> join(v, "new-" + v, "", null).setProtocolType(""));
        each(JOIN_GROUP, 0, JOIN_MAX, "no protocols", v -> join(v, "new-" + v, "", null)
            .setProtocols(new JoinGroupRequestData.JoinGroupRequestProtocolCollection()));
        each(JOIN_GROUP, 0, JOIN_MAX, "empty group id", v -> join(v, "", "", null));
    }

    private void syncs() throws Exception {
        for (int v = 0; v <= SYNC_MAX; v++) {
            Member member = joined(JOIN_MAX, "sync-" + v, null, " for sync " + v);
            call(OFFSET_COMMIT, 7, "before the assignment " + v, commit(member.group, member.generation, member.id, TOPIC, 0, 1, ""));
            call(HEARTBEAT, 3, "before the assignment " + v, beat(member, member.generation));
            call(SYNC_GROUP, v, "illegal generation", sync(v, member, 7));
            call(SYNC_GROUP, v, "unknown member", sync(v, new Member(member.group, "nobody", null, member.generation), member.generation));
            if (v >= 5) call(SYNC_GROUP, v, "other protocol", sync(v, member, member.generation).setProtocolName("sticky"));
            call(SYNC_GROUP, v, "leader", sync(v, member, member.generation));
            call(SYNC_GROUP, v, "again", sync(v, member, member.generation).setAssignments(List.of()));
            call(SYNC_GROUP, v, "unknown group", sync(v, new Member("absent", "nobody", null, 1), 1));
            call(SYNC_GROUP, v, "empty group id", sync(v, new Member("", "nobody", null, 1), 1));
        }
    }

    private void heartbeats() throws Exception {
        Member member = stable("beat", null, " to beat");
        each(HEARTBEAT, 0, 4, "ok", v -> beat(member, member.generation));
        each(HEARTBEAT, 0, 4, "illegal generation", v -> beat(member, member.generation + 1));
        each(HEARTBEAT, 0, 4, "unknown member", v -> beat(new Member(member.group, "nobody", null, 1), 1));
        each(HEARTBEAT, 0, 4, "unknown group", v -> beat(new Member("absent", "nobody", null, 1), 1));
        each(HEARTBEAT, 0, 4, "empty group id", v -> beat(new Member("", "nobody", null, 1), 1));
    }

    private void commitsOfMembers() throws Exception {
        Member member = stable("commits", null, " to commit");
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "member", v -> commit(member.group, member.generation, member.id, TOPIC, 0, v, ""));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "illegal generation", v -> commit(member.group, 9, member.id, TOPIC, 0, v, ""));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "unknown member of a group", v -> commit(member.group, 1, "nobody", TOPIC, 0, v, ""));
        each(OFFSET_COMMIT, 2, COMMIT_MAX, "not a member, although there are", v -> commit(member.group, -1, "", TOPIC, 0, v, ""));
        each(OFFSET_FETCH, 1, FETCH_MAX, "of a group with members", v -> fetch(v, member.group, true, TOPIC));
    }

    private void staticMembers() throws Exception {
        for (int v = 5; v <= JOIN_MAX; v++) {
            Member member = stable("static-" + v, "instance", " of static " + v);
            JoinGroupResponseData again = call(JOIN_GROUP, v, "static member comes back", join(v, member.group, "", "instance"));
            Member back = new Member(member.group, again.memberId(), "instance", again.generationId());
            call(HEARTBEAT, 4, "fenced instance " + v, beat(member, member.generation));
            call(HEARTBEAT, 4, "instance came back " + v, beat(back, back.generation));
            call(HEARTBEAT, 4, "unknown instance " + v, beat(new Member(member.group, back.id, "another", back.generation), back.generation));
            call(JOIN_GROUP, v, "fenced instance", join(v, member.group, member.id, "instance"));
            call(SYNC_GROUP, 5, "fenced instance " + v, sync(5, member, member.generation));
            call(SYNC_GROUP, 5, "instance came back " + v, sync(5, back, back.generation).setAssignments(List.of()));
            call(OFFSET_COMMIT, 8, "fenced instance " + v, commit(member.group, member.generation, member.id, TOPIC, 0, 1, "")
                .setGroupInstanceId("instance"));
        }
    }

    private void consumerGroups() throws Exception {
        for (int v = 0; v <= 1; v++) {
            String group = "consumer-" + v;
            // The id is the client's own from version 1 on.
            ConsumerGroupHeartbeatResponseData joined = call(CONSUMER_GROUP_HEARTBEAT, v, "joins", joins(group, v == 0 ? "" : "member-of-version-1"));
            String id = joined.memberId();
            int epoch = joined.memberEpoch();
            if (v == 1) call(CONSUMER_GROUP_HEARTBEAT, v, "joins without an id", joins("other-" + v, ""));
            call(CONSUMER_GROUP_HEARTBEAT, v, "owns", beats(group, id, epoch).setTopicPartitions(owned()));
            call(CONSUMER_GROUP_HEARTBEAT, v, "nothing new", beats(group, id, epoch));
            call(CONSUMER_GROUP_HEARTBEAT, v, "tells all", joins(group, id).setMemberEpoch(epoch).setTopicPartitions(owned()));
            call(CONSUMER_GROUP_HEARTBEAT, v, "unknown group", beats("absent", id, 3));
            call(CONSUMER_GROUP_HEARTBEAT, v, "unknown member", beats(group, "nobody", epoch));
            call(CONSUMER_GROUP_HEARTBEAT, v, "fenced epoch", beats(group, id, epoch + 7));
            call(CONSUMER_GROUP_HEARTBEAT, v, "empty group id", joins("", "somebody"));
            call(CONSUMER_GROUP_HEARTBEAT, v, "no subscription", joins(group, "somebody").setSubscribedTopicNames(null));
            call(CONSUMER_GROUP_HEARTBEAT, v, "no timeout", joins(group, "somebody").setRebalanceTimeoutMs(-1));
            call(CONSUMER_GROUP_HEARTBEAT, v, "owns before it joins", joins(group, "somebody").setTopicPartitions(owned()));
            call(CONSUMER_GROUP_HEARTBEAT, v, "unsupported assignor", joins(group, "somebody").setServerAssignor("sticky"));
            if (v == 1) call(CONSUMER_GROUP_HEARTBEAT, v, "bad expression", joins(group, "somebody").setSubscribedTopicNames(null).setSubscribedTopicRegex("(["));
            migrated(v);
            staticConsumers(v);
            commitsOfConsumers(v, group, id, epoch);
            call(DESCRIBE_GROUPS, 6, "consumer group " + v, new DescribeGroupsRequestData().setGroups(List.of(group)));
            call(JOIN_GROUP, JOIN_MAX, "consumer group " + v, join(JOIN_MAX, group, "", null).setProtocolType("connect"));
            call(HEARTBEAT, 4, "consumer group " + v, beat(new Member(group, id, null, epoch), epoch));
        }
        each(CONSUMER_GROUP_DESCRIBE, 0, 1, "stable", v -> new ConsumerGroupDescribeRequestData().setGroupIds(List.of("consumer-0")));
        each(CONSUMER_GROUP_DESCRIBE, 0, 1, "several", v -> new ConsumerGroupDescribeRequestData()
            .setGroupIds(List.of("consumer-1", "absent", "beat", "")).setIncludeAuthorizedOperations(true));
    }

    /** A classic group of consumers becomes one of KIP-848 when a member of the other kind joins; no other group does. */
    private void migrated(int v) throws Exception {
        Member member = stable("migrated-" + v, null, " to migrate " + v);
        call(CONSUMER_GROUP_HEARTBEAT, v, "joins a classic group", joins(member.group, "somebody"));
        call(HEARTBEAT, 4, "in a migrated group " + v, beat(member, member.generation));
        call(OFFSET_COMMIT, 9, "in a migrated group " + v, commit(member.group, member.generation, member.id, TOPIC, 0, 1, ""));
        call(CONSUMER_GROUP_DESCRIBE, 1, "migrated " + v, new ConsumerGroupDescribeRequestData().setGroupIds(List.of(member.group)));
        call(JOIN_GROUP, JOIN_MAX, "connect " + v, join(JOIN_MAX, "connect-" + v, "", "worker").setProtocolType("connect"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "joins a group that cannot migrate", joins("connect-" + v, "somebody"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "joins an empty classic group", joins("simple-" + (7 + v), "somebody"));
    }

    private void staticConsumers(int v) throws Exception {
        String group = "static-consumer-" + v;
        call(CONSUMER_GROUP_HEARTBEAT, v, "static joins", joins(group, "first").setInstanceId("instance"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "instance is taken", joins(group, "second").setInstanceId("instance"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "fenced instance", beats(group, "second", 1).setInstanceId("instance"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "unknown instance", beats(group, "first", 1).setInstanceId("another"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "static leaves", beats(group, "first", -2).setInstanceId("instance"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "static comes back", joins(group, "second").setInstanceId("instance"));
        call(CONSUMER_GROUP_HEARTBEAT, v, "static leaves for good", beats(group, "second", -1).setInstanceId("instance"));
    }

    private void commitsOfConsumers(int v, String group, String id, int epoch) throws Exception {
        call(OFFSET_COMMIT, 9, "consumer group: member " + v, commit(group, epoch, id, TOPIC, 0, 5, ""));
        call(OFFSET_COMMIT, 9, "consumer group: fenced epoch " + v, commit(group, epoch + 7, id, TOPIC, 0, 5, ""));
        call(OFFSET_COMMIT, 9, "consumer group: old epoch " + v, commit(group, 0, id, TOPIC, 0, 5, ""));
        call(OFFSET_COMMIT, 9, "consumer group: unknown member " + v, commit(group, epoch, "nobody", TOPIC, 0, 5, ""));
        call(OFFSET_COMMIT, 8, "consumer group: older version " + v, commit(group, epoch, id, TOPIC, 0, 5, ""));
        call(OFFSET_COMMIT, 9, "consumer group: not a member " + v, commit(group, -1, "", TOPIC, 0, 5, ""));
        for (int wrong : new int[] {0, 7}) {
            OffsetFetchRequestData data = fetch(9, group, true, TOPIC);
            data.groups().get(0).setMemberId(id).setMemberEpoch(epoch + wrong);
            call(OFFSET_FETCH, 9, "consumer group: epoch and " + wrong + ", " + v, data);
        }
    }

    private void described() throws Exception {
        each(DESCRIBE_GROUPS, 0, 6, "stable", v -> new DescribeGroupsRequestData().setGroups(List.of("beat")));
        each(DESCRIBE_GROUPS, 0, 6, "several", v -> new DescribeGroupsRequestData().setGroups(List.of("simple", "join-9", "absent", "static-9")));
        each(DESCRIBE_GROUPS, 3, 6, "authorized operations", v -> new DescribeGroupsRequestData().setGroups(List.of("simple"))
            .setIncludeAuthorizedOperations(true));
        each(LIST_GROUPS, 0, 5, "all", v -> new ListGroupsRequestData());
        each(LIST_GROUPS, 4, 5, "by state", v -> new ListGroupsRequestData().setStatesFilter(List.of("Stable", "What")));
        each(LIST_GROUPS, 5, 5, "by type", v -> new ListGroupsRequestData().setTypesFilter(List.of("consumer")));
        each(LIST_GROUPS, 5, 5, "by type and state", v -> new ListGroupsRequestData().setTypesFilter(List.of("classic")).setStatesFilter(List.of("Empty")));
        each(LIST_GROUPS, 5, 5, "by an unknown type", v -> new ListGroupsRequestData().setTypesFilter(List.of("what")));
    }

    private void deletedOffsets() throws Exception {
        call(OFFSET_DELETE, 0, "ok", deleteOffsets("simple-2", TOPIC, 1));
        call(OFFSET_DELETE, 0, "not committed", deleteOffsets("simple-2", TOPIC, 0));
        call(OFFSET_DELETE, 0, "unknown topic", deleteOffsets("simple-3", "absent", 0));
        call(OFFSET_DELETE, 0, "unknown group", deleteOffsets("absent", TOPIC, 0));
        call(OFFSET_DELETE, 0, "subscribed", deleteOffsets("commits", TOPIC, 0));
        call(OFFSET_DELETE, 0, "subscribed by a consumer group", deleteOffsets("consumer-0", TOPIC, 0));
        call(OFFSET_FETCH, 9, "after it was deleted", fetch(9, "simple-2", true, TOPIC));
    }

    private void leaving() throws Exception {
        for (int v = 0; v <= 5; v++) {
            Member member = stable("leave-" + v, v >= 3 ? "instance" : null, " to leave " + v);
            call(LEAVE_GROUP, v, "unknown member", leave(v, member.group, "nobody", null));
            call(LEAVE_GROUP, v, "unknown group", leave(v, "absent", "nobody", null));
            call(LEAVE_GROUP, v, "empty group id", leave(v, "", "nobody", null));
            if (v >= 3) {
                call(LEAVE_GROUP, v, "unknown instance", leave(v, member.group, "", "another"));
                call(LEAVE_GROUP, v, "fenced instance", leave(v, member.group, "nobody", "instance"));
                LeaveGroupRequestData several = leave(v, member.group, "", "instance");
                several.members().addAll(leave(v, member.group, "nobody", null).members());
                call(LEAVE_GROUP, v, "several", several);
            } else {
                call(LEAVE_GROUP, v, "ok", leave(v, member.group, member.id, null));
            }
            call(DESCRIBE_GROUPS, 5, "after leave " + v, new DescribeGroupsRequestData().setGroups(List.of(member.group)));
        }
        each(LEAVE_GROUP, 3, 5, "by its id", v -> {
            Member member = stable("left-" + v, null, " to leave by its id " + v);
            return leave(v, member.group, member.id, null);
        });
    }

    private void deleted() throws Exception {
        each(DELETE_GROUPS, 0, 2, "ok", v -> new DeleteGroupsRequestData().setGroupsNames(List.of("simple-" + (4 + v))));
        each(DELETE_GROUPS, 0, 2, "several", v -> new DeleteGroupsRequestData().setGroupsNames(List.of("beat", "absent", "leave-" + v, "consumer-0", "")));
        call(OFFSET_FETCH, 7, "of a deleted group", fetch(7, "simple-4", false));
    }

    /** JoinGroup until it is in; with KIP-394 the first one only brings an id. */
    private Member joined(int v, String group, String instance, String why) throws Exception {
        JoinGroupResponseData first = call(JOIN_GROUP, v, "new member" + why, join(v, group, "", instance));
        JoinGroupResponseData last = v >= 4 && instance == null ? call(JOIN_GROUP, v, "with its id" + why, join(v, group, first.memberId(), instance)) : first;
        return new Member(group, last.memberId(), instance, last.generationId());
    }

    private Member stable(String group, String instance, String why) throws Exception {
        Member member = joined(JOIN_MAX, group, instance, why);
        call(SYNC_GROUP, SYNC_MAX, "new member" + why, sync(SYNC_MAX, member, member.generation));
        return member;
    }

    private static FindCoordinatorRequestData find(int v, int type, String key) {
        FindCoordinatorRequestData data = v < 4 ? new FindCoordinatorRequestData().setKey(key)
            : new FindCoordinatorRequestData().setCoordinatorKeys(List.of(key));
        return data.setKeyType((byte) type);
    }

    private static OffsetCommitRequestData commit(String group, int generation, String member, String topic, int partition, long offset, String metadata) {
        return new OffsetCommitRequestData().setGroupId(group).setGenerationIdOrMemberEpoch(generation).setMemberId(member).setTopics(List.of(
            new OffsetCommitRequestData.OffsetCommitRequestTopic().setName(topic).setPartitions(List.of(
                new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(partition).setCommittedOffset(offset)
                    .setCommittedLeaderEpoch(0).setCommittedMetadata(metadata)))));
    }

    /** Partitions 0 and 1 of the topics that are named, or all that are committed. */
    private static OffsetFetchRequestData fetch(int v, String group, boolean named, String... topics) {
        List<Integer> partitions = List.of(0, 1);
        if (v < 8) {
            List<OffsetFetchRequestData.OffsetFetchRequestTopic> asked = new ArrayList<>();
            for (String topic : topics) asked.add(new OffsetFetchRequestData.OffsetFetchRequestTopic().setName(topic).setPartitionIndexes(partitions));
            return new OffsetFetchRequestData().setGroupId(group).setTopics(named ? asked : null);
        }
        List<OffsetFetchRequestData.OffsetFetchRequestTopics> asked = new ArrayList<>();
        for (String topic : topics) asked.add(new OffsetFetchRequestData.OffsetFetchRequestTopics().setName(topic).setPartitionIndexes(partitions));
        return new OffsetFetchRequestData().setGroups(new ArrayList<>(List.of(
            new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId(group).setTopics(named ? asked : null))));
    }

    /** A subscription to the topic, in each version of the embedded protocol in turn. */
    private static JoinGroupRequestData join(int v, String group, String member, String instance) {
        JoinGroupRequestData.JoinGroupRequestProtocolCollection protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
        ConsumerProtocolSubscription subscription = new ConsumerProtocolSubscription().setTopics(List.of(TOPIC)).setUserData(ByteBuffer.wrap(new byte[] {1, 2}));
        int version = v % 4;
        if (version >= 1) {
            subscription.ownedPartitions().add(new ConsumerProtocolSubscription.TopicPartition().setTopic(TOPIC).setPartitions(List.of(0, 1)));
        }
        if (version >= 2) subscription.setGenerationId(4);
        if (version >= 3) subscription.setRackId("rack");
        protocols.add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName("range").setMetadata(blob(version, subscription)));
        return new JoinGroupRequestData().setGroupId(group).setSessionTimeoutMs(600_000).setRebalanceTimeoutMs(60_000).setMemberId(member)
            .setGroupInstanceId(instance).setProtocolType("consumer").setProtocols(protocols).setReason("golden");
    }

    private static SyncGroupRequestData sync(int v, Member member, int generation) {
        ConsumerProtocolAssignment assignment = new ConsumerProtocolAssignment();
        assignment.assignedPartitions().add(new ConsumerProtocolAssignment.TopicPartition().setTopic(TOPIC).setPartitions(List.of(0, 1)));
        SyncGroupRequestData data = new SyncGroupRequestData().setGroupId(member.group).setGenerationId(generation).setMemberId(member.id)
            .setGroupInstanceId(v >= 3 ? member.instance : null).setAssignments(List.of(new SyncGroupRequestData.SyncGroupRequestAssignment()
                .setMemberId(member.id).setAssignment(blob(v % 4, assignment))));
        return v >= 5 ? data.setProtocolType("consumer").setProtocolName("range") : data;
    }

    private static byte[] blob(int version, Message message) {
        return MessageUtil.toVersionPrefixedBytes((short) version, message);
    }

    private static HeartbeatRequestData beat(Member member, int generation) {
        return new HeartbeatRequestData().setGroupId(member.group).setGenerationId(generation).setMemberId(member.id).setGroupInstanceId(member.instance);
    }

    private static LeaveGroupRequestData leave(int v, String group, String member, String instance) {
        LeaveGroupRequestData data = new LeaveGroupRequestData().setGroupId(group);
        return v < 3 ? data.setMemberId(member) : data.setMembers(new ArrayList<>(List.of(
            new LeaveGroupRequestData.MemberIdentity().setMemberId(member).setGroupInstanceId(instance).setReason("golden"))));
    }

    private static ConsumerGroupHeartbeatRequestData joins(String group, String member) {
        return beats(group, member, 0).setRebalanceTimeoutMs(60_000).setSubscribedTopicNames(List.of(TOPIC)).setServerAssignor("uniform")
            .setRackId("rack").setTopicPartitions(List.of());
    }

    private static ConsumerGroupHeartbeatRequestData beats(String group, String member, int epoch) {
        return new ConsumerGroupHeartbeatRequestData().setGroupId(group).setMemberId(member).setMemberEpoch(epoch);
    }

    private List<ConsumerGroupHeartbeatRequestData.TopicPartitions> owned() {
        return List.of(new ConsumerGroupHeartbeatRequestData.TopicPartitions().setTopicId(topicId).setPartitions(List.of(0, 1)));
    }

    private static OffsetDeleteRequestData deleteOffsets(String group, String topic, int partition) {
        OffsetDeleteRequestData.OffsetDeleteRequestTopicCollection topics = new OffsetDeleteRequestData.OffsetDeleteRequestTopicCollection();
        topics.add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic().setName(topic).setPartitions(List.of(
            new OffsetDeleteRequestData.OffsetDeleteRequestPartition().setPartitionIndex(partition))));
        return new OffsetDeleteRequestData().setGroupId(group).setTopics(topics);
    }
}
