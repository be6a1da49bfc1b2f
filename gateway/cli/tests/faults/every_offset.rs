//! A fetch at every offset of every batch gets the records from there on: in the middle of compressed batches, at markers,
//! among aborted records, in both isolation levels. A broker that answers with the next batch loses records, and one that
//! answers with nothing lets consumers wait for ever.

use chronik_harness::Connection;
use chronik_harness::client::{Flow, PlainProducer, delete_records, fetch};
use chronik_types::{CompressionType, ErrorCode, IsolationLevel};

use crate::ledger::View;
use crate::stage::{Stage, done, end, write};

const TOPIC: &str = "every";
const CODECS: [CompressionType; 5] = [
    CompressionType::None,
    CompressionType::Gzip,
    CompressionType::Snappy,
    CompressionType::Lz4,
    CompressionType::Zstd,
];
const ISOLATION: [IsolationLevel; 2] = [IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted];

/// Batches of all kinds; with `open`, the last transaction stays so.
fn fill(stage: &Stage, open: bool) {
    let mut client = stage.client();
    let mut transactional = stage.producer("every", Flow::V2);
    let values: Vec<String> = (0..6).map(|n| format!("value {n} {}", "ab".repeat(20))).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for (codec, size) in CODECS.into_iter().zip([1, 5, 2, 6, 3]) {
        let mut plain = PlainProducer::new(TOPIC, 0, codec);
        transactional.codec = codec;
        done(|| plain.produce(&mut client, &values[..size]));
        write(&mut client, &mut transactional, TOPIC, 0, &values[..size]);
        done(|| plain.produce(&mut client, &values[..2]));
        end(&mut client, &mut transactional, true);
        write(&mut client, &mut transactional, TOPIC, 0, &values[..size]);
        write(&mut client, &mut transactional, TOPIC, 0, &values[1..4]);
        done(|| plain.init(&mut client));
        done(|| plain.produce(&mut client, &values[..size]));
        end(&mut client, &mut transactional, false);
    }
    if open {
        write(&mut client, &mut transactional, TOPIC, 0, &values[..4]);
        done(|| PlainProducer::new(TOPIC, 0, CompressionType::Zstd).produce(&mut client, &values[..4]));
    }
}

/// Reads at all offsets from the start of the log to beyond its end.
fn check(client: &mut Connection, start: i64) {
    let view = View::from(client, TOPIC, 0, start);
    for isolation in ISOLATION {
        let (records, end) = match isolation {
            IsolationLevel::ReadUncommitted => (&view.uncommitted, view.high_watermark),
            IsolationLevel::ReadCommitted => (&view.committed, view.last_stable_offset),
        };
        for offset in start..end {
            // The whole rest at once.
            let whole = done(|| fetch(client, TOPIC, 0, offset, isolation, 1 << 24));
            let rest: Vec<(i64, String)> =
                records.iter().filter(|(found, _)| *found >= offset).cloned().collect();
            assert_eq!(whole.visible(), rest, "{isolation:?} from {offset}");
            assert_eq!(whole.next_offset(), end, "{isolation:?} from {offset}");
            let follows = whole.batches.windows(2).all(|two| two[1].base_offset == two[0].last_offset + 1);
            assert!(follows, "{isolation:?} from {offset}: a gap");
            // As little as possible: still the batch that holds the offset.
            let least = done(|| fetch(client, TOPIC, 0, offset, isolation, 1));
            assert_eq!(least.batches.len(), 1, "{isolation:?} at {offset}");
            assert_eq!(least.batches[0], whole.batches[0]);
            let batch = &least.batches[0];
            assert!((batch.base_offset..=batch.last_offset).contains(&offset), "{isolation:?} at {offset}");
            assert_eq!(least.log_start_offset, start);
        }
        for offset in end..=view.high_watermark {
            let nothing = done(|| fetch(client, TOPIC, 0, offset, isolation, 1 << 24));
            assert_eq!(nothing.batches, [], "{isolation:?} at {offset}");
        }
        for outside in [start - 1, view.high_watermark + 1] {
            let refused = fetch(client, TOPIC, 0, outside, isolation, 1 << 24).unwrap();
            assert_eq!(refused.error, ErrorCode::OffsetOutOfRange, "{isolation:?} at {outside}");
        }
    }
}

/// Checks now, after a kill, and with records deleted up to the middle of a batch.
fn everywhere(open: bool) {
    let mut stage = Stage::with_topic(TOPIC, 1);
    fill(&stage, open);
    check(&mut stage.client(), 0);
    stage.kill_and_start();
    let mut client = stage.client();
    check(&mut client, 0);
    let whole = done(|| fetch(&mut client, TOPIC, 0, 0, IsolationLevel::ReadUncommitted, 1 << 24));
    let middle = whole.batches.iter().find(|batch| batch.records.len() >= 5).unwrap().base_offset + 3;
    done(|| delete_records(&mut client, TOPIC, 0, middle));
    check(&mut client, middle);
    stage.kill_and_start();
    check(&mut stage.client(), middle);
}

#[test]
fn every_offset_of_every_batch_can_be_fetched() {
    everywhere(false);
}

#[test]
fn every_offset_can_be_fetched_while_a_transaction_is_open() {
    everywhere(true);
}

#[test]
fn what_is_deleted_in_the_middle_of_an_aborted_transaction_keeps_the_rest_hidden() {
    let mut stage = Stage::with_topic(TOPIC, 1);
    let mut client = stage.client();
    let mut producer = stage.producer("cut", Flow::V2);
    write(&mut client, &mut producer, TOPIC, 0, &["a", "b", "c"]);
    write(&mut client, &mut producer, TOPIC, 0, &["d", "e", "f"]);
    end(&mut client, &mut producer, false);
    write(&mut client, &mut producer, TOPIC, 0, &["seen"]);
    end(&mut client, &mut producer, true);
    for start in 1..=6 {
        done(|| delete_records(&mut client, TOPIC, 0, start));
        check(&mut client, start);
        assert_eq!(View::from(&mut client, TOPIC, 0, start).values(), ["seen"]);
        stage.kill_and_start();
        client = stage.client();
        assert_eq!(View::from(&mut client, TOPIC, 0, start).values(), ["seen"]);
    }
}
