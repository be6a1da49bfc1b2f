//! Reads yesterday's bytes of groups: an entry of each kind, and the section of a checkpoint. These texts are not to be
//! changed.

use chronik_state::{
    Change, CommitOffsets, CommittedOffset, Committer, DeleteOffsets, Entry, ExpireOffsets, State,
};
use chronik_types::{GroupId, GroupInstanceId, MemberId, TimestampMs};

use crate::golden_bytes::{hex, unhex};
use crate::groups::{by_anyone, committed, group, group_id, member, store};
use crate::support::{Life, at};

fn goldens() -> Vec<(Change, &'static str)> {
    let member_id = MemberId::new("m1");
    let instance_id = Some(GroupInstanceId::new("i"));
    let by_member = CommitOffsets {
        group_id: group_id(),
        committer: Committer::Member { member_id, instance_id, generation: 4 },
        offsets: vec![(at(0), CommittedOffset { expires_at: Some(TimestampMs::new(8)), ..committed(17) })],
    };
    let members = vec![("m1", member(Some("i"), &["t"])), ("m2", member(None, &[]))];
    let expire = ExpireOffsets { retention_ms: 60_000, group_ids: vec![group_id(), GroupId::new("h")] };
    let delete = DeleteOffsets { group_id: group_id(), partitions: vec![at(0), at(1)] };
    vec![
        (by_anyone(vec![(at(1), committed(9))]), COMMIT_BY_ANYONE),
        (Change::CommitOffsets(by_member), COMMIT_BY_MEMBER),
        (store(3, group(members)), STORE_CLASSIC_GROUP),
        (Change::DeleteOffsets(delete), DELETE_OFFSETS),
        (Change::DeleteGroup { group_id: group_id() }, DELETE_GROUP),
        (Change::ExpireOffsets(expire), EXPIRE_OFFSETS),
    ]
}

#[test]
fn entries_of_groups_are_read_and_written() {
    for (change, golden) in goldens() {
        let entry = Entry::new(TimestampMs::new(0x0102_0304_0506), change);
        assert_eq!(hex(&entry.encode()), hex(&unhex(golden)), "{}", entry.change.name());
        assert_eq!(Entry::decode(&unhex(golden)).as_ref(), Ok(&entry));
    }
}

#[test]
fn a_checkpoint_with_groups_is_read() {
    let mut life = Life::with_topic(2);
    life.apply(by_anyone(vec![(at(1), committed(9))]));
    life.apply(store(0, group(vec![("m1", member(Some("i"), &["t"]))])));
    assert_eq!(hex(&life.state.encode()), hex(&unhex(CHECKPOINT)));
    assert_eq!(State::decode(&unhex(CHECKPOINT)).unwrap(), life.state);
}

const COMMIT_BY_ANYONE: &str = "
    010b060504030201000001000000670001000000010101010101010101010101
    0101010101000000090000000000000003000000040000006d657461ffffffff
    ffffffff00
";
const COMMIT_BY_MEMBER: &str = "
    010b0605040302010000010000006701020000006d3101010000006904000000
    0100000001010101010101010101010101010101000000001100000000000000
    03000000040000006d657461ffffffffffffffff010800000000000000
";
const STORE_CLASSIC_GROUP: &str = "
    010c0605040302010000010000006703000000000000000108000000636f6e73
    756d6572010500000072616e67650400000001020000006d31f4010000000000
    0002000000020000006d3101010000006906000000636c69656e740a0000002f
    3132372e302e302e31e0930400c8af0000010000000500000072616e67650900
    000000010000000100017403000000010203020000006d320006000000636c69
    656e740a0000002f3132372e302e302e31e0930400c8af000001000000050000
    0072616e67650600000000010000000003000000010203
";
const DELETE_OFFSETS: &str = "
    010d060504030201000001000000670200000001010101010101010101010101
    010101000000000101010101010101010101010101010101000000
";
const DELETE_GROUP: &str = "010e06050403020100000100000067";
const EXPIRE_OFFSETS: &str = "010f060504030201000060ea0000000000000200000001000000670100000068";
const CHECKPOINT: &str = "
    43484b5354415445020039010000000000000180000000000000000000000000
    0000000000000000000000000001000000010101010101010101010101010101
    0101000000740100000000000000000002000000000000000000000000000000
    0000000000000000000000000000000000000000000000000000000000000000
    0000000001010000000100000067000108000000636f6e73756d657201050000
    0072616e67650400000001020000006d31f40100000000000001000000020000
    006d3101010000006906000000636c69656e740a0000002f3132372e302e302e
    31e0930400c8af0000010000000500000072616e676509000000000100000001
    0001740300000001020301000000010101010101010101010101010101010100
    0000090000000000000003000000040000006d657461e8030000000000000000
    00000001000000000000003d4a3a0e395c8216
";
