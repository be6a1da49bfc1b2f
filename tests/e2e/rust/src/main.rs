//! The e2e scenario with rskafka: a second codec in Rust, without groups and without idempotence.

mod records;

use std::error::Error;
use std::time::Instant;

use chrono::DateTime;
use records::{PARTITIONS, at, count, count_of, setting, t0};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let client = ClientBuilder::new(vec![setting("E2E_BOOTSTRAP", "127.0.0.1:9092")]).build().await?;
    for codec in setting("E2E_CODECS", "none,gzip,snappy,lz4,zstd").split(',') {
        let started = Instant::now();
        let topic = format!("{}-{codec}", setting("E2E_PREFIX", "e2e"));
        scenario(&client, &topic, codec).await?;
        println!("rskafka: full {codec}: {} records, {:.1} s", count(), started.elapsed().as_secs_f32());
    }
    Ok(())
}

async fn scenario(client: &Client, topic: &str, codec: &str) -> Outcome {
    let controller = client.controller_client()?;
    controller.create_topic(topic, PARTITIONS as i32, 1, 20_000).await?;
    for p in 0..PARTITIONS {
        let partition = client.partition_client(topic, p as i32, UnknownTopicHandling::Retry).await?;
        write(&partition, p, codec).await?;
        read(&partition, p, 0, count_of(p)).await?;
        equal("first offset", partition.get_offset(OffsetAt::Earliest).await?, 0)?;
        equal("last offset", partition.get_offset(OffsetAt::Latest).await?, count_of(p))?;
        let middle = count_of(p) / 2;
        let time = DateTime::from_timestamp_millis(t0() + 3 * middle as i64).ok_or("time")?;
        equal("offset by time", partition.get_offset(OffsetAt::Timestamp(time)).await?, middle)?;
    }
    let start = count_of(0) / 3;
    let partition = client.partition_client(topic, 0, UnknownTopicHandling::Retry).await?;
    partition.delete_records(start as i64, 20_000).await?;
    equal("first offset after delete", partition.get_offset(OffsetAt::Earliest).await?, start)?;
    read(&partition, 0, start, 1).await?;
    controller.delete_topic(topic, 20_000).await?;
    while client.list_topics().await?.iter().any(|t| t.name == topic) {}
    Ok(())
}

async fn write(partition: &PartitionClient, p: usize, codec: &str) -> Outcome {
    let compression = match codec {
        "none" => Compression::NoCompression,
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        other => return Err(format!("no codec {other}").into()),
    };
    for from in (0..count_of(p)).step_by(500) {
        let batch = (from..count_of(p).min(from + 500)).map(|i| at(p, i)).collect();
        let offsets = partition.produce(batch, compression).await?;
        equal("acknowledged offset", offsets[0], from)?;
    }
    Ok(())
}

async fn read(partition: &PartitionClient, p: usize, from: usize, count: usize) -> Outcome {
    let mut next = from;
    while next < from + count {
        let (fetched, _) = partition.fetch_records(next as i64, 1..1_000_000, 30_000).await?;
        if fetched.is_empty() {
            return Err(format!("partition {p}: nothing more at offset {next}").into());
        }
        // The batch that holds the offset may begin before it.
        for got in fetched.into_iter().skip_while(|r| r.offset < from as i64) {
            equal("next offset", got.offset, next)?;
            if got.record != at(p, next) {
                return Err(format!("partition {p} offset {next}:\n  want {:?}\n  got  {:?}", at(p, next), got.record).into());
            }
            next += 1;
        }
    }
    Ok(())
}

fn equal(what: &str, got: i64, want: usize) -> Outcome {
    if got == want as i64 { Ok(()) } else { Err(format!("{what}: got {got}, want {want}").into()) }
}
