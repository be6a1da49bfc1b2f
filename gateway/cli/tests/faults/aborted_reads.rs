//! Readers of committed records never see an aborted one: in the middle of a transaction, over restarts, from old segments,
//! and with the index of aborted transactions read back from checkpoints or made anew from the journal.

use std::path::Path;

use chronik_harness::client::{Fetched, Flow, TransactionalProducer, fetch};
use chronik_harness::{Connection, wait_until};
use chronik_types::{ErrorCode, IsolationLevel};

use crate::ledger::View;
use crate::stage::{FLOWS, LIMIT, Stage, done, end, write};

const TOPIC: &str = "aborted";
const PARTITIONS: i32 = 2;
const ROUNDS: usize = 60;
/// Makes a round fill a twentieth of a segment, so that the whole spans several.
const PADDING: usize = 12_000;

/// Several producers at a time and what their records must look like.
struct Scene {
    stage: Stage,
    producers: Vec<TransactionalProducer>,
    client: Connection,
    /// Offset, value, and whether it was committed, of each partition.
    expected: Vec<Vec<(i64, String, bool)>>,
}

impl Scene {
    fn new() -> Self {
        let settings = [
            "storage.wal.segment_bytes=1MiB",
            "storage.wal.cache_bytes=1MiB",
            "topics.max_message_bytes=256KiB",
        ];
        let stage = Stage::start(&settings);
        stage.create_topic(TOPIC, PARTITIONS);
        let names = ["a", "b", "c"];
        let producers = names.iter().map(|name| stage.producer(name, Flow::V2)).collect();
        let client = stage.client();
        Self { stage, producers, client, expected: vec![Vec::new(); 2] }
    }

    fn write(&mut self, who: usize, text: &str, commits: bool) {
        for (partition, expected) in (0..PARTITIONS).zip(&mut self.expected) {
            let value = format!("{text} {}", "x".repeat(PADDING));
            let producer = &mut self.producers[who];
            let offset = write(&mut self.client, producer, TOPIC, partition, &[&value]);
            expected.push((offset, value, commits));
        }
    }

    /// Two producers whose transactions overlap; every third commits.
    fn rounds(&mut self, rounds: usize) {
        for round in 0..rounds {
            let fates = [round % 3 == 0, (round + 1) % 3 == 0];
            for (who, commits) in fates.into_iter().enumerate() {
                self.write(who, &format!("{round} of {who}"), commits);
            }
            for (who, commits) in fates.into_iter().enumerate() {
                end(&mut self.client, &mut self.producers[who], commits);
            }
        }
    }

    /// What readers see, judged, with everything that answers to readers of committed records say about aborted ones.
    fn judge(&mut self, what: &str) -> (Vec<View>, Vec<Fetched>) {
        self.client = self.stage.client();
        let mut views = Vec::new();
        let mut answers = Vec::new();
        for (partition, expected) in (0..PARTITIONS).zip(&self.expected) {
            let view = View::of(&mut self.client, TOPIC, partition);
            let all: Vec<(i64, String)> =
                expected.iter().map(|(offset, value, _)| (*offset, value.clone())).collect();
            assert!(view.uncommitted == all, "{what}: all records of partition {partition}");
            let visible =
                |(offset, _, commits): &&(i64, String, bool)| *commits && *offset < view.last_stable_offset;
            let committed: Vec<(i64, String)> =
                expected.iter().filter(visible).map(|(offset, value, _)| (*offset, value.clone())).collect();
            assert!(view.committed == committed, "{what}: committed records of partition {partition}");
            for offset in (0..view.last_stable_offset).step_by(7) {
                let read = IsolationLevel::ReadCommitted;
                let fetched = done(|| fetch(&mut self.client, TOPIC, partition, offset, read, 50_000));
                let upto = fetched.next_offset();
                let within = committed.iter().filter(|(found, _)| (offset..upto).contains(found));
                let within: Vec<(i64, String)> = within.cloned().collect();
                assert!(fetched.visible() == within, "{what}: {partition} from {offset} to {upto}");
                answers.push(fetched);
            }
            views.push(view);
        }
        (views, answers)
    }

    fn objects(&self, kind: &str) -> usize {
        let directory = self.stage.options.data.join("objects").join(kind);
        std::fs::read_dir(directory).map_or(0, Iterator::count)
    }
}

fn remove(directory: &Path) {
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn aborted_records_stay_hidden_over_restarts_in_old_segments_and_with_the_index_made_anew() {
    let mut scene = Scene::new();
    scene.rounds(ROUNDS);
    // Several segments are sealed, indexed and covered by a checkpoint.
    let covered =
        wait_until(LIMIT, || (scene.objects("index") > 2 && scene.objects("checkpoint") > 0).then_some(()));
    assert!(covered.is_some(), "no checkpoint");
    let before = scene.judge("at first");
    scene.stage.kill_and_start();
    assert!(scene.judge("after a kill: checkpoint and the rest of the journal") == before);
    scene.stage.stop();
    scene.stage.start_again();
    assert!(scene.judge("after a stop") == before);
    scene.stage.kill();
    remove(&scene.stage.options.data.join("objects").join("checkpoint"));
    scene.stage.start_again();
    assert!(scene.judge("from the start of the journal") == before);
    scene.stage.kill();
    remove(&scene.stage.options.data.join("objects"));
    scene.stage.start_again();
    assert!(scene.judge("from the journal alone") == before);
}

#[test]
fn a_transaction_that_spans_segments_and_kills_hides_what_follows_until_it_aborts() {
    let mut scene = Scene::new();
    scene.write(2, "begins early", false);
    let start = scene.expected[0][0].0;
    scene.rounds(ROUNDS / 2);
    scene.stage.kill_and_start();
    let (views, _) = scene.judge("while it is open");
    assert!(views.iter().all(|view| view.last_stable_offset == start && view.committed.is_empty()));
    scene.write(2, "ends late", false);
    scene.rounds(3);
    end(&mut scene.client, &mut scene.producers[2], false);
    let ended = scene.judge("when it has been aborted");
    assert!(ended.0.iter().all(View::is_stable));
    scene.stage.kill_and_start();
    assert!(scene.judge("after a kill") == ended);
    scene.stage.kill();
    remove(&scene.stage.options.data.join("objects"));
    scene.stage.start_again();
    assert!(scene.judge("from the journal alone") == ended);
}

#[test]
fn readers_of_committed_records_stop_where_the_first_open_transaction_begins() {
    for flow in FLOWS {
        for commit in [true, false] {
            let mut stage = Stage::with_topic(TOPIC, 1);
            let mut early = stage.producer("early", flow);
            let mut late = stage.producer("late", flow);
            let mut client = stage.client();
            let start = write(&mut client, &mut early, TOPIC, 0, &["early"]);
            write(&mut client, &mut late, TOPIC, 0, &["late"]);
            end(&mut client, &mut late, true);
            stage.kill_and_start();
            let mut client = stage.client();
            let view = View::of(&mut client, TOPIC, 0);
            assert_eq!((view.last_stable_offset, view.values()), (start, vec![]));
            assert_eq!(view.all_values(), ["early", "late"]);
            for offset in start..view.high_watermark {
                let read = IsolationLevel::ReadCommitted;
                let beyond = fetch(&mut client, TOPIC, 0, offset, read, 1 << 20).unwrap();
                assert_eq!((beyond.error, beyond.batches.len()), (ErrorCode::None, 0));
                assert_eq!(beyond.last_stable_offset, start);
            }
            end(&mut client, &mut early, commit);
            let view = View::of(&mut client, TOPIC, 0);
            assert_eq!(view.values(), if commit { vec!["early", "late"] } else { vec!["late"] });
            assert!(view.is_stable());
        }
    }
}
