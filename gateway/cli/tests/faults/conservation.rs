//! Consume, transform, produce: every input has exactly one output that committed readers see, wherever the gateway or the
//! application dies (K6 of the checker). A broker whose offsets and records can part ways processes inputs twice.

use std::collections::BTreeMap;

use chronik_harness::client::{
    ClassicMember, Flow, Standing, TransactionalProducer, commit_offsets, fetch, fetch_offset,
};
use chronik_harness::{Connection, Fault};
use chronik_types::{ErrorCode, IsolationLevel};
use kafka_protocol::messages::{EndTxnRequest, ProduceRequest, TxnOffsetCommitRequest};

use crate::ledger::View;
use crate::stage::{FLOWS, Stage, done, end, write};

const INPUT: &str = "input";
const OUTPUT: &str = "output";
const GROUP: &str = "transformers";
const PARTITIONS: i32 = 2;
const INPUTS: usize = 24;
/// Records that one transaction takes from a partition.
const STEP: usize = 2;

/// What happens to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It commits.
    Commits,
    /// The application changes its mind.
    Aborts,
    /// The gateway dies when the outputs are written, and the application with it.
    DiesAfterOutputs,
    /// Both die when the offsets are sent as well.
    DiesAfterOffsets,
    /// The answer to the outputs is lost with both.
    DiesInProduce,
    /// The same with the offsets.
    DiesInOffsets,
    /// The same with the commit: it counts, though nobody knows.
    DiesInCommit,
    /// The gateway dies between offsets and commit, and the application goes on.
    Survives,
}

const FATES: [Fate; 8] = [
    Fate::DiesAfterOutputs,
    Fate::Commits,
    Fate::DiesInCommit,
    Fate::DiesAfterOffsets,
    Fate::Aborts,
    Fate::DiesInProduce,
    Fate::Survives,
    Fate::DiesInOffsets,
];

/// One life of the application.
struct Application {
    client: Connection,
    producer: TransactionalProducer,
    standing: Standing,
}

impl Application {
    /// Takes the work over: what its predecessor left open is aborted.
    fn start(stage: &Stage, flow: Flow, member: Option<&ClassicMember>) -> Self {
        let producer = stage.producer("transformer", flow);
        let standing = member.map_or_else(Standing::nobody, |member| member.standing.clone());
        Self { client: stage.client(), producer, standing }
    }

    /// Takes a few records of a partition from the committed offset on; where to go on, and their outputs.
    fn take(&mut self, partition: i32) -> Option<(i64, Vec<String>)> {
        let from = done(|| fetch_offset(&mut self.client, GROUP, INPUT, partition, true)).1.max(0);
        let read = IsolationLevel::ReadCommitted;
        let fetched = done(|| fetch(&mut self.client, INPUT, partition, from, read, 1 << 20));
        let taken: Vec<(i64, String)> = fetched.visible().into_iter().take(STEP).collect();
        let next = taken.last()?.0 + 1;
        Some((next, taken.iter().map(|(_, value)| format!("made of {value}")).collect()))
    }

    /// Processes a few records; whether it lives on.
    fn step(&mut self, stage: &mut Stage, partition: i32, fate: Fate) -> bool {
        let Some((next, outputs)) = self.take(partition) else { return true };
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        match fate {
            Fate::DiesInProduce => drop(stage.proxy.inject::<ProduceRequest>(Fault::LoseAnswer)),
            Fate::DiesInOffsets => drop(stage.proxy.inject::<TxnOffsetCommitRequest>(Fault::LoseAnswer)),
            Fate::DiesInCommit => drop(stage.proxy.inject::<EndTxnRequest>(Fault::LoseAnswer)),
            _ => {}
        }
        let (client, producer) = (&mut self.client, &mut self.producer);
        if fate == Fate::DiesInProduce {
            if producer.flow == Flow::V1 {
                done(|| producer.add_partitions(client, OUTPUT, &[partition]));
            }
            assert!(producer.produce(client, OUTPUT, partition, &outputs).is_err());
            return false;
        }
        write(client, producer, OUTPUT, partition, &outputs);
        if fate == Fate::DiesAfterOutputs {
            return false;
        }
        if producer.flow == Flow::V1 {
            done(|| producer.add_offsets(client, GROUP));
        }
        let offsets = [(partition, next)];
        if fate == Fate::DiesInOffsets {
            assert!(producer.commit_offsets(client, GROUP, &self.standing, INPUT, &offsets).is_err());
            return false;
        }
        done(|| producer.commit_offsets(client, GROUP, &self.standing, INPUT, &offsets));
        match fate {
            Fate::DiesAfterOffsets => return false,
            Fate::DiesInCommit => {
                assert!(producer.end(client, true).is_err());
                return false;
            }
            Fate::Survives => {
                stage.kill_and_start();
                self.client = stage.client();
            }
            _ => {}
        }
        end(&mut self.client, &mut self.producer, fate != Fate::Aborts);
        true
    }
}

/// Fills the input, with aborted records among it.
fn fill(stage: &Stage) {
    let mut client = stage.client();
    let mut producer = stage.producer("source", Flow::V2);
    for number in 0..INPUTS {
        for partition in 0..PARTITIONS {
            write(&mut client, &mut producer, INPUT, partition, &[&format!("{number} of {partition}")]);
        }
        end(&mut client, &mut producer, true);
        write(&mut client, &mut producer, INPUT, 0, &["never"]);
        end(&mut client, &mut producer, false);
    }
}

fn exactly_once(flow: Flow, as_member: bool) {
    let mut stage = Stage::with_topic(INPUT, PARTITIONS);
    stage.create_topic(OUTPUT, PARTITIONS);
    fill(&stage);
    let mut member = ClassicMember::new(GROUP, INPUT, PARTITIONS);
    if as_member {
        let mut client = stage.client();
        let joined = member.join(&mut client).unwrap();
        assert_eq!(joined.unwrap_err(), ErrorCode::MemberIdRequired);
        let joined = member.join(&mut client).unwrap().unwrap();
        assert_eq!(member.sync(&mut client, &joined).unwrap(), ErrorCode::None);
    }
    let member = as_member.then_some(member);
    let mut application = Application::start(&stage, flow, member.as_ref());
    let mut fates = FATES.into_iter().cycle();
    while View::of(&mut application.client, OUTPUT, PARTITIONS - 1).committed.len() < INPUTS {
        let fate = fates.next().unwrap();
        for partition in 0..PARTITIONS {
            if !application.step(&mut stage, partition, fate) {
                stage.kill_and_start();
                application = Application::start(&stage, flow, member.as_ref());
            }
        }
        // The membership outlives the gateway, or the offsets would have been refused.
        if let Some(member) = &member {
            assert_eq!(member.heartbeat(&mut application.client).unwrap(), ErrorCode::None);
        }
    }
    for partition in 0..PARTITIONS {
        let view = View::of(&mut application.client, OUTPUT, partition);
        let expected: BTreeMap<String, usize> =
            (0..INPUTS).map(|number| (format!("made of {number} of {partition}"), 1)).collect();
        let mut made = BTreeMap::new();
        for value in view.values() {
            *made.entry(value.to_owned()).or_default() += 1;
        }
        assert_eq!(made, expected, "each input once");
        assert!(view.all_values().len() > INPUTS, "some attempts were aborted");
    }
}

#[test]
fn each_input_has_one_output_wherever_gateway_and_application_die() {
    for flow in FLOWS {
        exactly_once(flow, false);
    }
}

#[test]
fn the_same_holds_for_a_member_of_a_group_that_outlives_the_gateway() {
    exactly_once(Flow::V1, true);
}

#[test]
fn the_same_holds_for_a_member_that_writes_as_kip_890_has_it() {
    exactly_once(Flow::V2, true);
}

#[test]
fn offsets_of_an_open_transaction_are_not_told_as_stable_and_vanish_with_it() {
    for flow in FLOWS {
        let mut stage = Stage::with_topic(INPUT, 1);
        let mut producer = stage.producer("pending", flow);
        let mut client = stage.client();
        let nobody = Standing::nobody();
        let commit = |client: &mut Connection, offset| {
            done(|| commit_offsets(client, GROUP, &nobody, INPUT, &[(0, offset)]));
        };
        commit(&mut client, 3);
        if flow == Flow::V1 {
            done(|| producer.add_offsets(&mut client, GROUP));
        }
        done(|| producer.commit_offsets(&mut client, GROUP, &nobody, INPUT, &[(0, 9)]));
        stage.kill_and_start();
        let mut client = stage.client();
        let stable = fetch_offset(&mut client, GROUP, INPUT, 0, true).unwrap();
        assert_eq!(stable, (ErrorCode::UnstableOffsetCommit, -1));
        assert_eq!(done(|| fetch_offset(&mut client, GROUP, INPUT, 0, false)).1, 3);
        end(&mut client, &mut producer, false);
        assert_eq!(done(|| fetch_offset(&mut client, GROUP, INPUT, 0, true)).1, 3);
    }
}
