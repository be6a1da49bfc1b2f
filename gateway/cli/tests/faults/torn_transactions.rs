//! `kill -9` between every two requests of a transaction, and between a request and its answer: afterwards the producer
//! goes on where it was, and its commit covers everything or is refused. A broker that keeps in memory what has been added
//! to a transaction forgets the first half and commits the second.

use chronik_harness::client::{Coded, Flow, Standing, TransactionalProducer, fetch_offset};
use chronik_harness::{ClientError, Connection, Fault};
use chronik_types::ErrorCode;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, ProduceRequest, TxnOffsetCommitRequest,
};

use crate::ledger::{View, markers};
use crate::stage::{FLOWS, Stage, done};

const TOPIC: &str = "torn";
const GROUP: &str = "torn-group";

/// A request of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    AddPartition(i32),
    Produce(i32),
    AddOffsets,
    CommitOffsets,
    Commit,
}

/// The requests of a whole transaction.
fn steps(flow: Flow) -> Vec<Step> {
    let all = [
        Step::AddPartition(0),
        Step::Produce(0),
        Step::AddPartition(1),
        Step::Produce(1),
        Step::AddOffsets,
        Step::CommitOffsets,
        Step::Commit,
    ];
    let implicit = |step: &Step| matches!(step, Step::AddPartition(_) | Step::AddOffsets);
    all.into_iter().filter(|step| flow == Flow::V1 || !implicit(step)).collect()
}

/// Sends one request; its code.
fn send(
    client: &mut Connection,
    producer: &mut TransactionalProducer,
    step: Step,
    round: i64,
) -> Result<ErrorCode, ClientError> {
    match step {
        Step::AddPartition(partition) => producer.add_partitions(client, TOPIC, &[partition]),
        Step::Produce(partition) => {
            let value = format!("{round} in {partition}");
            Ok(producer.produce(client, TOPIC, partition, &[&value])?.error_code())
        }
        Step::AddOffsets => producer.add_offsets(client, GROUP),
        Step::CommitOffsets => {
            producer.commit_offsets(client, GROUP, &Standing::nobody(), "input", &[(0, round)])
        }
        Step::Commit => Ok(producer.end(client, true)?.error_code()),
    }
}

/// Lets the broker carry a request out and its client not know.
fn lose_answer(stage: &Stage, step: Step) {
    match step {
        Step::AddPartition(_) => drop(stage.proxy.inject::<AddPartitionsToTxnRequest>(Fault::LoseAnswer)),
        Step::Produce(_) => drop(stage.proxy.inject::<ProduceRequest>(Fault::LoseAnswer)),
        Step::AddOffsets => drop(stage.proxy.inject::<AddOffsetsToTxnRequest>(Fault::LoseAnswer)),
        Step::CommitOffsets => drop(stage.proxy.inject::<TxnOffsetCommitRequest>(Fault::LoseAnswer)),
        Step::Commit => drop(stage.proxy.inject::<EndTxnRequest>(Fault::LoseAnswer)),
    }
}

/// What was committed so far is all there, in both partitions and in the group, and nothing else is visible.
fn check(stage: &Stage, committed: &[i64]) {
    let mut client = stage.client();
    for partition in 0..2 {
        let view = View::of(&mut client, TOPIC, partition);
        let expected: Vec<String> = committed.iter().map(|round| format!("{round} in {partition}")).collect();
        assert_eq!(view.values(), expected);
        assert!(view.is_stable(), "a transaction is open: {view:?}");
        assert_eq!(markers(&mut client, TOPIC, partition), committed.len(), "one marker each");
    }
    let offset = done(|| fetch_offset(&mut client, GROUP, "input", 0, true)).1;
    assert_eq!(offset, committed.last().copied().unwrap_or(-1));
}

/// Kills the gateway after each request in turn, one transaction each.
fn kill_after_each_step(flow: Flow, lose: bool) {
    let mut stage = Stage::with_topic(TOPIC, 2);
    stage.create_topic("input", 1);
    let mut producer = stage.producer("torn", flow);
    let mut committed = Vec::new();
    let steps = steps(flow);
    for (kill_after, round) in (0..steps.len()).zip(0..) {
        let mut client = stage.client();
        for (place, step) in steps.iter().enumerate() {
            if lose && place == kill_after {
                lose_answer(&stage, *step);
                assert!(send(&mut client, &mut producer, *step, round).is_err());
                stage.kill_and_start();
                client = stage.client();
            }
            done(|| send(&mut client, &mut producer, *step, round));
            if !lose && place == kill_after {
                stage.kill_and_start();
                client = stage.client();
            }
        }
        committed.push(round);
        check(&stage, &committed);
    }
}

#[test]
fn a_transaction_with_a_kill_between_two_requests_commits_as_a_whole() {
    for flow in FLOWS {
        kill_after_each_step(flow, false);
    }
}

#[test]
fn a_transaction_whose_requests_are_repeated_after_a_kill_commits_as_a_whole() {
    for flow in FLOWS {
        kill_after_each_step(flow, true);
    }
}

#[test]
fn a_transaction_whose_owner_was_replaced_after_a_kill_is_refused_and_leaves_nothing() {
    for flow in FLOWS {
        let mut stage = Stage::with_topic(TOPIC, 2);
        stage.create_topic("input", 1);
        let steps = steps(flow);
        for begun in 1..steps.len() {
            let mut producer = stage.producer("torn", flow);
            let mut client = stage.client();
            for step in &steps[..begun] {
                done(|| send(&mut client, &mut producer, *step, 7));
            }
            stage.kill_and_start();
            let mut successor = stage.producer("torn", flow);
            let mut client = stage.client();
            for step in &steps[begun..] {
                let refused = send(&mut client, &mut producer, *step, 7).unwrap();
                let fenced = [ErrorCode::InvalidProducerEpoch, ErrorCode::ProducerFenced];
                assert!(fenced.contains(&refused), "{flow:?} {step:?} after {begun}: {refused:?}");
            }
            // Nothing is left that the successor could commit.
            assert_eq!(successor.end(&mut client, true).unwrap().error, ErrorCode::InvalidTxnState);
            for partition in 0..2 {
                let view = View::of(&mut client, TOPIC, partition);
                assert_eq!(view.values(), [""; 0], "{flow:?} after {begun}");
                assert!(view.is_stable(), "{flow:?} after {begun}: {view:?}");
            }
            assert_eq!(done(|| fetch_offset(&mut client, GROUP, "input", 0, true)).1, -1);
        }
    }
}
