//! The conversation about groups that was captured with Apache Kafka 4.3.1, led again with the gateway.
//!
//! Member ids and the topic id are put in the place of Kafka's, on the way there and back; then answers are the same field
//! by field, but for what is told apart here with its reason.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::captured::{Exchange, Ids, alike, exchanges, same};
use crate::support::Gateway;

/// Whether a group was a consumer group from the beginning. Kafka counts its epochs from 1, so that its first member is in
/// epoch 2; here they are counted from 0. To clients an epoch is only the next one or not.
fn counts_from_one(group: &str) -> bool {
    group.starts_with("consumer-")
        || group.starts_with("static-consumer-")
        || ["simple-7", "simple-8"].contains(&group)
}

/// The epoch here that Kafka's is.
fn our_epoch(group: &str, theirs: i32) -> i32 {
    if theirs > 1 && counts_from_one(group) { theirs - 1 } else { theirs }
}

impl Exchange {
    /// The request with the epoch that its member has here.
    fn with_our_epoch(&self) -> Vec<u8> {
        match self.api.name {
            "ConsumerGroupHeartbeat" => self.changed(|request: &mut ConsumerGroupHeartbeatRequest| {
                request.member_epoch = our_epoch(&request.group_id, request.member_epoch);
            }),
            "OffsetCommit" => self.changed(|request: &mut OffsetCommitRequest| {
                let epoch = &mut request.generation_id_or_member_epoch;
                *epoch = our_epoch(&request.group_id, *epoch);
            }),
            "OffsetFetch" => self.changed(|request: &mut OffsetFetchRequest| {
                for group in &mut request.groups {
                    group.member_epoch = our_epoch(&group.group_id, group.member_epoch);
                }
            }),
            _ => self.request.clone(),
        }
    }

    fn changed<R: Request>(&self, change: impl Fn(&mut R)) -> Vec<u8> {
        let mut body = Bytes::copy_from_slice(&self.request[4..]);
        let header_version = R::header_version(self.version);
        let header = RequestHeader::decode(&mut body, header_version).unwrap();
        let mut request = R::decode(&mut body, self.version).unwrap();
        change(&mut request);
        let mut encoded = BytesMut::new();
        header.encode(&mut encoded, header_version).unwrap();
        request.encode(&mut encoded, self.version).unwrap();
        let mut frame = BytesMut::new();
        frame.put_u32(u32::try_from(encoded.len()).unwrap());
        frame.put(encoded);
        frame.to_vec()
    }

    /// Learns what both have chosen.
    fn learn(&self, ours: &Bytes, ids: &mut Ids) {
        let both = |frame: &Bytes| match self.api.name {
            "CreateTopics" => {
                self.decoded::<CreateTopicsResponse>(frame).topics[0].topic_id.as_bytes().to_vec()
            }
            "JoinGroup" => self.decoded::<JoinGroupResponse>(frame).member_id.as_bytes().to_vec(),
            "ConsumerGroupHeartbeat" => {
                let id = self.decoded::<ConsumerGroupHeartbeatResponse>(frame).member_id;
                id.map(|id| id.as_bytes().to_vec()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        ids.learn(&both(&self.response), &both(ours));
    }
}

fn compare(exchange: &Exchange, ours: &Bytes) -> Result<(), String> {
    match exchange.api.name {
        "FindCoordinator" => alike(exchange, ours, |response: &mut FindCoordinatorResponse| {
            // The port of each broker, and the wording of messages that there are.
            response.port = response.port.min(1);
            neutral_message(&mut response.error_message);
            for one in &mut response.coordinators {
                one.port = one.port.min(1);
                neutral_message(&mut one.error_message);
            }
        }),
        // Kafka answers in the order of a hash map. In its memory stays a group that nobody could join, for want of a
        // protocol; here there is none.
        "ListGroups" => alike(exchange, ours, |response: &mut ListGroupsResponse| {
            response.groups.retain(|group| !group.group_id.starts_with("new-"));
            response.groups.sort_by_key(|group| group.group_id.to_string());
        }),
        "DeleteGroups" => alike(exchange, ours, |response: &mut DeleteGroupsResponse| {
            response.results.sort_by_key(|result| result.group_id.to_string());
        }),
        "JoinGroup" => alike(exchange, ours, |_: &mut JoinGroupResponse| {}),
        "SyncGroup" => alike(exchange, ours, |_: &mut SyncGroupResponse| {}),
        "Heartbeat" => alike(exchange, ours, |_: &mut HeartbeatResponse| {}),
        "LeaveGroup" => alike(exchange, ours, |_: &mut LeaveGroupResponse| {}),
        "OffsetCommit" => alike(exchange, ours, |_: &mut OffsetCommitResponse| {}),
        "OffsetFetch" => alike(exchange, ours, |_: &mut OffsetFetchResponse| {}),
        "OffsetDelete" => alike(exchange, ours, |_: &mut OffsetDeleteResponse| {}),
        "DescribeGroups" => alike(exchange, ours, |response: &mut DescribeGroupsResponse| {
            response.groups.sort_by_key(|group| group.group_id.to_string());
        }),
        "ConsumerGroupHeartbeat" => consumer_heartbeat(exchange, ours),
        "ConsumerGroupDescribe" => consumer_describe(exchange, ours),
        other => Err(format!("{other} is not compared")),
    }
}

/// Of a message counts whether there is one.
fn neutral_message(message: &mut Option<StrBytes>) {
    let has_one = |text: StrBytes| if text.is_empty() { "" } else { "a message" };
    *message = message.take().map(|text| StrBytes::from_static_str(has_one(text)));
}

fn consumer_heartbeat(exchange: &Exchange, ours: &Bytes) -> Result<(), String> {
    let mut body = Bytes::copy_from_slice(&exchange.request[4..]);
    RequestHeader::decode(&mut body, ConsumerGroupHeartbeatRequest::header_version(exchange.version))
        .unwrap();
    let group = ConsumerGroupHeartbeatRequest::decode(&mut body, exchange.version).unwrap().group_id;
    let read = |frame: &Bytes| {
        let mut response: ConsumerGroupHeartbeatResponse = exchange.decoded(frame);
        neutral_message(&mut response.error_message);
        response
    };
    let mut theirs = read(&exchange.response);
    theirs.member_epoch = our_epoch(&group, theirs.member_epoch);
    same(theirs, read(ours))
}

fn consumer_describe(exchange: &Exchange, ours: &Bytes) -> Result<(), String> {
    let read = |frame: &Bytes| {
        let mut response: ConsumerGroupDescribeResponse = exchange.decoded(frame);
        // Kafka answers in the order of hash maps.
        response.groups.sort_by_key(|group| group.group_id.to_string());
        for group in &mut response.groups {
            group.members.sort_by_key(|member| member.member_id.to_string());
        }
        response
    };
    let mut theirs = read(&exchange.response);
    for group in &mut theirs.groups {
        let ours = |epoch: i32| our_epoch(&group.group_id, epoch);
        (group.group_epoch, group.assignment_epoch) = (ours(group.group_epoch), ours(group.assignment_epoch));
        group.members.iter_mut().for_each(|member| member.member_epoch = ours(member.member_epoch));
    }
    same(theirs, read(ours))
}

#[tokio::test]
async fn the_captured_conversation_about_groups_goes_the_same_way() {
    let gateway =
        Gateway::start_with(|settings| settings.groups.initial_rebalance_delay = Duration::ZERO).await;
    let mut client = gateway.client().await;
    let mut ids = Ids::default();
    let mut failures = Vec::new();
    let mut compared = 0;
    for mut exchange in exchanges("groups") {
        exchange.request = exchange.with_our_epoch();
        let ours = exchange.lead(&mut client, &ids).await;
        exchange.learn(&ours, &mut ids);
        if exchange.api.name == "CreateTopics" {
            continue;
        }
        let mut ours = ours.to_vec();
        ids.to_theirs(&mut ours);
        compared += 1;
        if let Err(difference) = compare(&exchange, &Bytes::from(ours)) {
            failures.push(format!("{}: {difference}", exchange.name()));
        }
    }
    assert!(compared > 600, "only {compared} answers were compared");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}
