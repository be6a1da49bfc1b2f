//! What `/metrics` says of groups and transactions, of a gateway that has some.
#![cfg(test)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use chronik_harness::client::{
    ClassicMember, Coded, ConsumerMember, Flow, TransactionalProducer, commit_offsets, create_topic, settled,
};
use chronik_harness::{ClientError, Connection, Gateway, GatewayOptions, free_ports};
use chronik_types::ErrorCode;

const LIMIT: Duration = Duration::from_secs(30);
const TOPIC: &str = "measured";

#[track_caller]
fn done<T: Coded>(ask: impl FnMut() -> Result<T, ClientError>) -> T {
    let answer = settled(LIMIT, ask).unwrap();
    assert_eq!(answer.error_code(), ErrorCode::None);
    answer
}

fn scrape(port: u16) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(socket, "GET /metrics HTTP/1.1\r\nhost: chronik\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// Two members of a group of each protocol, the second of which has left again.
fn form_groups(client: &mut Connection) {
    let mut classic = ClassicMember::new("classic", TOPIC, 2);
    assert_eq!(classic.join(client).unwrap().unwrap_err(), ErrorCode::MemberIdRequired);
    let joined = classic.join(client).unwrap().unwrap();
    done(|| classic.sync(client, &joined));
    done(|| commit_offsets(client, "classic", &classic.standing, TOPIC, &[(0, 1), (1, 1)]));
    let mut consumer = ConsumerMember::new("consumer", TOPIC, "a");
    done(|| consumer.join(client));
    done(|| commit_offsets(client, "consumer", &consumer.standing, TOPIC, &[(0, 1)]));
    let mut other = ConsumerMember::new("left", TOPIC, "b");
    done(|| other.join(client));
    done(|| other.leave(client));
}

/// Four transactions: committed, aborted, taken over by the next producer of the same name, and open.
fn run_transactions(client: &mut Connection) {
    let mut producer = TransactionalProducer::new("measured", Flow::V2);
    done(|| producer.init(client));
    for committed in [true, false] {
        done(|| producer.produce(client, TOPIC, 0, &["value"]));
        done(|| producer.end(client, committed));
    }
    done(|| producer.produce(client, TOPIC, 0, &["value"]));
    let mut next = TransactionalProducer::new("measured", Flow::V2);
    done(|| next.init(client));
    let refused = producer.end(client, true).unwrap().error_code();
    assert_eq!(refused, ErrorCode::ProducerFenced);
    let refused = producer.produce(client, TOPIC, 0, &["late"]).unwrap().error_code();
    assert_eq!(refused, ErrorCode::InvalidProducerEpoch);
    let group = chronik_harness::client::Standing::nobody();
    done(|| next.commit_offsets(client, "simple", &group, TOPIC, &[(0, 1)]));
}

#[test]
fn groups_and_transactions_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let [kafka_port, admin_port] = free_ports().unwrap();
    let mut gateway = Gateway::spawn(&GatewayOptions {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_chronik")),
        data: directory.path().join("data"),
        log: directory.path().join("log"),
        kafka_port,
        admin_port,
        set: ["storage.wal.segment_bytes=16MiB", "groups.initial_rebalance_delay=0ms"]
            .map(str::to_owned)
            .to_vec(),
    })
    .unwrap();
    gateway.wait_ready(LIMIT).unwrap();
    let mut client = Connection::open(gateway.address(), LIMIT).unwrap();
    done(|| create_topic(&mut client, TOPIC, 2, &[]));
    form_groups(&mut client);
    run_transactions(&mut client);
    let metrics = scrape(admin_port);
    for expected in [
        // The group that a transaction commits for has no members.
        "chronik_groups{protocol=\"classic\",state=\"Empty\"} 1",
        "chronik_groups{protocol=\"classic\",state=\"PreparingRebalance\"} 0",
        "chronik_groups{protocol=\"classic\",state=\"CompletingRebalance\"} 0",
        "chronik_groups{protocol=\"classic\",state=\"Stable\"} 1",
        "chronik_groups{protocol=\"consumer\",state=\"Empty\"} 1",
        "chronik_groups{protocol=\"consumer\",state=\"Assigning\"} 0",
        "chronik_groups{protocol=\"consumer\",state=\"Reconciling\"} 0",
        "chronik_groups{protocol=\"consumer\",state=\"Stable\"} 1",
        "chronik_group_members{protocol=\"classic\"} 1",
        "chronik_group_members{protocol=\"consumer\"} 1",
        "chronik_group_rebalances_total{protocol=\"classic\"} 1",
        // One joined, another joined and left.
        "chronik_group_rebalances_total{protocol=\"consumer\"} 3",
        "chronik_expired_group_members_total{protocol=\"classic\"} 0",
        "chronik_expired_group_members_total{protocol=\"consumer\"} 0",
        "chronik_offset_commits_total 3",
        "chronik_committed_offsets_total 4",
        "chronik_expired_offsets_total 0",
        "chronik_expired_groups_total 0",
        "chronik_begun_transactions_total 4",
        "chronik_committed_transactions_total 1",
        "chronik_aborted_transactions_total 2",
        "chronik_timed_out_transactions_total 0",
        "chronik_open_transactions 1",
        "chronik_fenced_producer_requests_total 2",
    ] {
        assert!(metrics.lines().any(|line| line == expected), "{expected} is missing in {metrics}");
    }
    assert!(!metrics.contains("\"simple\""), "groups are not named");
}
