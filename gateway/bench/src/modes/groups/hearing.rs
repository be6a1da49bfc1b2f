//! The answers to members, in both protocols.

use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerProtocolAssignment,
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
    SyncGroupRequest,
};

use super::asking::Plan;
use super::member::{Ask, Member, Standing, Verdict};
use super::message::{take, unblob};
use crate::args::GroupProtocol;
use crate::frames::Malformed;

/// What became of a request: which one, since when, its size with its answer's, and the code of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) what: Ask,
    pub(super) at_ns: u64,
    pub(super) wire_bytes: usize,
    pub(super) code: i16,
}

/// What an answer says, apart from its code.
enum Answer {
    Nothing,
    Joined(JoinGroupResponse),
    Assigned(Vec<i32>),
    Epoch(ConsumerGroupHeartbeatResponse),
}

impl Plan {
    /// Takes in what has arrived for a member.
    pub(super) fn hear(&self, member: &mut Member) -> Result<Vec<Heard>, crate::BenchError> {
        let mut answers = Vec::new();
        member.connection.receive("a group request", |slot, bytes| {
            let (code, answer) = self.read(slot.tag.what, bytes)?;
            let heard = Heard {
                what: slot.tag.what,
                at_ns: slot.tag.at_ns,
                wire_bytes: slot.size + bytes.len() + 8,
                code,
            };
            answers.push((heard, answer));
            Ok(())
        })?;
        Ok(answers.into_iter().map(|(heard, answer)| take_in(member, heard, answer)).collect())
    }

    fn read(&self, what: Ask, bytes: &[u8]) -> Result<(i16, Answer), Malformed> {
        let versions = self.versions;
        Ok(match (self.protocol, what) {
            (_, Ask::Commit) => {
                let answer = take::<OffsetCommitRequest>(versions.commit, bytes)?;
                let codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
                (
                    codes.map(|partition| partition.error_code).find(|code| *code != 0).unwrap_or(0),
                    Answer::Nothing,
                )
            }
            (GroupProtocol::Consumer, _) => {
                let answer = take::<ConsumerGroupHeartbeatRequest>(versions.consumer_heartbeat, bytes)?;
                (answer.error_code, Answer::Epoch(answer))
            }
            (GroupProtocol::Classic, Ask::Join) => {
                let answer = take::<JoinGroupRequest>(versions.join, bytes)?;
                (answer.error_code, Answer::Joined(answer))
            }
            (GroupProtocol::Classic, Ask::Sync) => {
                let answer = take::<SyncGroupRequest>(versions.sync, bytes)?;
                let partitions = if answer.error_code == 0 && !answer.assignment.is_empty() {
                    let assignment: ConsumerProtocolAssignment = unblob(&answer.assignment)?;
                    assignment.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect()
                } else {
                    Vec::new()
                };
                (answer.error_code, Answer::Assigned(partitions))
            }
            (GroupProtocol::Classic, Ask::Heartbeat) => {
                (take::<HeartbeatRequest>(versions.heartbeat, bytes)?.error_code, Answer::Nothing)
            }
            (GroupProtocol::Classic, Ask::Leave) => {
                (take::<LeaveGroupRequest>(versions.leave, bytes)?.error_code, Answer::Nothing)
            }
        })
    }
}

fn take_in(member: &mut Member, heard: Heard, answer: Answer) -> Heard {
    // The id that a first JoinGroup is given comes with an error.
    if let Answer::Joined(joined) = &answer
        && !joined.member_id.is_empty()
    {
        member.id = joined.member_id.to_string();
    }
    match Verdict::of(heard.code) {
        Verdict::Fine => progress(member, heard.what, answer),
        Verdict::Rejoin if heard.what != Ask::Commit => member.rejoin(),
        Verdict::Forgotten => {
            // A member of the consumer protocol keeps the id that it chose.
            if !matches!(answer, Answer::Epoch(_)) {
                member.id.clear();
            }
            member.rejoin();
        }
        Verdict::Rejoin | Verdict::Later | Verdict::Refused => {}
    }
    heard
}

fn progress(member: &mut Member, what: Ask, answer: Answer) {
    match answer {
        Answer::Nothing if what == Ask::Leave => member.standing = Standing::Gone,
        Answer::Nothing => {}
        Answer::Joined(joined) => {
            member.generation = joined.generation_id;
            let members = joined.members.iter().map(|other| other.member_id.to_string()).collect();
            member.standing = Standing::Joined { members };
        }
        Answer::Assigned(partitions) => {
            member.partitions = partitions;
            member.standing = Standing::Assigned;
        }
        Answer::Epoch(_) if what == Ask::Leave => member.standing = Standing::Gone,
        Answer::Epoch(answer) => {
            if let Some(id) = answer.member_id.filter(|id| !id.is_empty()) {
                member.id = id.to_string();
            }
            member.generation = answer.member_epoch;
            member.standing = Standing::Assigned;
            if let Some(assignment) = answer.assignment {
                let partitions = assignment.topic_partitions.into_iter().flat_map(|topic| topic.partitions);
                member.partitions = partitions.collect();
                // What it gave up and took over is told at once.
                member.standing = Standing::Joined { members: Vec::new() };
            }
        }
    }
}
