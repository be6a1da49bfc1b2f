import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Groups as the admin client of 2.8 and later sees and changes them. */
final class GroupAdmin implements Group.Admin {
    private final AdminClient admin;

    GroupAdmin(AdminClient admin) { this.admin = admin; }

    @Override
    public void stable(String group, int members, Set<TopicPartition> assigned) throws Exception {
        ConsumerGroupDescription description = describe(group);
        Calls.equal("state of " + group, description.state().toString(), "Stable");
        Calls.equal("members of " + group, description.members().size(), members);
        Set<TopicPartition> got = new HashSet<>();
        for (MemberDescription member : description.members()) {
            got.addAll(member.assignment().topicPartitions());
            if (!member.clientId().startsWith(group)) throw new AssertionError("client id " + member.clientId() + " in " + group);
        }
        Calls.equal("assignment of " + group, got, assigned);
        if (!listed(group)) throw new AssertionError(group + " is not listed");
    }

    @Override
    public void offsets(String group, Map<TopicPartition, Long> committed) throws Exception {
        Map<TopicPartition, Long> got = new HashMap<>();
        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((p, offset) -> got.put(p, offset.offset()));
        Calls.equal("committed offsets of " + group, got, committed);
    }

    @Override
    public void alter(String group, TopicPartition partition, long offset) throws Exception {
        admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(offset))).all().get();
    }

    @Override
    public void delete(String group, TopicPartition partition) throws Exception {
        admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
    }

    @Override
    public void removeMembers(String group) throws Exception {
        // Without members the list of all of them would be empty, which this call refuses.
        if (!describe(group).members().isEmpty()) admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
    }

    @Override
    public void deleteGroup(String group) throws Exception {
        Calls.equal("state of " + group, describe(group).state().toString(), "Empty");
        admin.deleteConsumerGroups(List.of(group)).all().get();
        if (listed(group)) throw new AssertionError(group + " is still listed");
        try {
            admin.deleteConsumerGroups(List.of(group)).all().get();
        } catch (ExecutionException refused) {
            Calls.equal("deleting " + group + " again", refused.getCause().getClass().getSimpleName(), "GroupIdNotFoundException");
            return;
        }
        throw new AssertionError(group + " could be deleted twice");
    }

    private ConsumerGroupDescription describe(String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    private boolean listed(String group) throws Exception {
        return admin.listConsumerGroups().all().get().stream().anyMatch(listing -> listing.groupId().equals(group));
    }
}
