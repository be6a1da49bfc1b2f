//! Round trip: records at a rate, each timed from the moment it was due until it was read back.
//!
//! Producers and long-polling consumers share the one thread and clock. A value starts with a number that tells this
//! run from others and the number of the record, from which its due time follows.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use chronik_types::{Clock, CompressionType, Sequence, SystemClock, TimestampMs};
use chronik_wire::batch::{BatchBuilder, BatchHeader, NewRecord, RecordBatch};

use super::open_loop::OpenLoop;
use super::produce::{TIMEOUT_MS, acks, codec, records_per_batch};
use super::{Load, drive, keep_pace, poller, share, spread, spread_readers, unanswered_after_drain};
use crate::args::BenchArgs;
use crate::cluster::{self, Bounds, Leader};
use crate::control::Control;
use crate::engine::{Connection, Slot};
use crate::error::BenchError;
use crate::fetcher::{Fetcher, Flaw};
use crate::frames::Malformed;
use crate::frames::fetch::{self, FetchLimits};
use crate::frames::produce::{self, ProduceLayout, Producer};
use crate::ledger::Ranges;
use crate::meter::Meter;
use crate::payload::{KEY_BYTES, KeyValue, Payloads};
use crate::report::Verified;
use crate::schedule::Schedule;

/// Bytes that a record needs: a key, the number of the run, its own number.
pub(crate) const LEAST_RECORD: usize = KEY_BYTES + STAMP;
/// What a value starts with.
const STAMP: usize = 16;
/// The rate when none is given.
pub(crate) const DEFAULT_RATE: u64 = 1_000;
/// The value that all records have behind their stamps comes in so many variants.
const VARIANTS: usize = 16;
const INPUT: usize = 256 * 1024;
/// More than the fields of a record around its key and value.
const AROUND_RECORD: usize = 64;

/// A request on its way.
#[derive(Debug, Default)]
struct Sent {
    partition: i32,
    first: u64,
    records: u64,
}

/// A connection that writes.
#[derive(Debug)]
struct Writer {
    connection: Connection<Sent>,
    partitions: Vec<i32>,
    next_partition: usize,
    producer: Option<Producer>,
    sequences: HashMap<i32, Sequence>,
}

/// A connection that reads: one long poll after the other, for all of its partitions.
#[derive(Debug)]
struct ReaderLane {
    connection: Connection<()>,
    fetcher: Fetcher,
}

/// What records are like.
#[derive(Debug)]
struct Content {
    run: [u8; 8],
    codec: CompressionType,
    records: Vec<KeyValue>,
    payload_bytes: u64,
    /// Bytes of the longest batch, uncompressed.
    greatest_batch: usize,
}

#[derive(Debug)]
struct RoundTripLoad<'a> {
    args: &'a BenchArgs,
    version: i16,
    layout: ProduceLayout,
    limits: FetchLimits,
    records_per_batch: u64,
    content: Content,
    open_loop: OpenLoop,
    writers: Vec<Writer>,
    readers: Vec<ReaderLane>,
    meter: &'a mut Meter,
    acknowledged: Ranges,
    received: Ranges,
    corrupt: u64,
}

/// Runs the load; says what became of the acknowledged records.
pub(crate) fn run(
    args: &BenchArgs,
    control: &mut Control,
    leaders: &[Leader],
    meter: &mut Meter,
) -> Result<Verified, BenchError> {
    let version = control.require("Produce", produce::API_KEY, produce::VERSIONS)?;
    control.require("Fetch", fetch::API_KEY, fetch::VERSIONS)?;
    let mut poller = poller()?;
    let readers = open_readers(args, leaders)?;
    let writers = open_writers(args, leaders, control)?;
    let sockets = writers.len();
    for (token, writer) in writers.iter().enumerate() {
        writer.connection.watch(&poller, token)?;
    }
    for (token, reader) in readers.iter().enumerate() {
        reader.connection.watch(&poller, sockets + token)?;
    }
    let rate = args.rate_limit.unwrap_or(DEFAULT_RATE);
    let schedule = Schedule::new(meter.begin_ns(), rate, args.linger_ms.saturating_mul(1_000_000));
    let records_per_batch = records_per_batch(args) as u64;
    let mut load = RoundTripLoad {
        args,
        version,
        layout: ProduceLayout::new(version, &args.topic, acks(args.acks), TIMEOUT_MS),
        limits: FetchLimits::new(args),
        records_per_batch,
        content: Content::new(args),
        open_loop: OpenLoop::new(schedule, records_per_batch),
        writers,
        readers,
        meter,
        acknowledged: Ranges::default(),
        received: Ranges::default(),
        corrupt: 0,
    };
    keep_pace(&mut poller, load.open_loop.period())?;
    drive(&mut load, &mut poller)?;
    Ok(Verified {
        records: load.received.count(),
        missing: load.acknowledged.count_outside(&load.received),
        corrupt: load.corrupt,
    })
}

fn open_readers(args: &BenchArgs, leaders: &[Leader]) -> Result<Vec<ReaderLane>, BenchError> {
    // From what is the end now, without an end.
    let onward =
        |(partition, bounds): (i32, Bounds)| (partition, Bounds { start: bounds.end, end: i64::MAX });
    let bounds: BTreeMap<_, _> = cluster::bounds(&args.topic, leaders)?.into_iter().map(onward).collect();
    let open = |lane: super::Lane| {
        let fetcher = Fetcher::new(&lane.partitions, &bounds, false);
        Ok(ReaderLane { connection: Connection::open(&lane.address, 1, INPUT)?, fetcher })
    };
    spread_readers(leaders, args.connections).into_iter().map(open).collect()
}

fn open_writers(
    args: &BenchArgs,
    leaders: &[Leader],
    control: &mut Control,
) -> Result<Vec<Writer>, BenchError> {
    let lanes = spread(leaders, args.connections.min(args.concurrency));
    let count = lanes.len();
    let open = |(position, lane): (usize, super::Lane)| {
        let producer = if args.idempotent { Some(cluster::new_producer(control)?) } else { None };
        let capacity = share(args.concurrency, count, position);
        Ok(Writer {
            connection: Connection::open(&lane.address, capacity, INPUT)?,
            partitions: lane.partitions,
            next_partition: 0,
            producer,
            sequences: HashMap::new(),
        })
    };
    lanes.into_iter().enumerate().map(open).collect()
}

impl Content {
    fn new(args: &BenchArgs) -> Self {
        let mut payloads = Payloads::new(args.key_pattern, args.payload_pattern, args.record_size);
        let clock = SystemClock::new();
        let run = clock.now().get() ^ (i64::from(std::process::id()) << 40);
        Self {
            run: run.to_be_bytes(),
            codec: codec(args.compression),
            records: (0..VARIANTS).map(|_| payloads.next()).collect(),
            payload_bytes: args.record_size as u64,
            greatest_batch: records_per_batch(args) * (args.record_size + AROUND_RECORD),
        }
    }

    /// What record `number` has for a key and behind its stamp.
    fn record(&self, number: u64) -> Option<&KeyValue> {
        self.records.get(usize::try_from(number % VARIANTS as u64).unwrap_or_default())
    }

    /// A batch of the records from `first` on.
    fn batch(&self, first: u64, records: u64, producer: Option<Producer>) -> Result<Bytes, BenchError> {
        let timestamp: TimestampMs = SystemClock::new().now();
        let mut builder = BatchBuilder::new().codec(self.codec);
        if let Some(Producer { id, epoch, sequence }) = producer {
            builder = builder.producer(id, epoch, sequence);
        }
        let mut value = Vec::new();
        for number in first..first + records {
            let Some((key, filler)) = self.record(number) else { continue };
            value.clear();
            value.extend_from_slice(&self.run);
            value.extend_from_slice(&number.to_be_bytes());
            value.extend_from_slice(filler.get(STAMP..).unwrap_or_default());
            builder.push(&NewRecord { timestamp, key: key.as_deref(), value: Some(&value), headers: &[] });
        }
        builder.build().map_err(|error| BenchError::Usage(format!("a batch cannot be built: {error}")))
    }

    /// The number of a record of this run, and whether it is as it was sent.
    fn recognise(&self, key: Option<&[u8]>, value: &[u8]) -> Option<(u64, bool)> {
        let (run, rest) = value.split_first_chunk::<8>()?;
        let (number, filler) = rest.split_first_chunk::<8>()?;
        if *run != self.run {
            return None;
        }
        let number = u64::from_be_bytes(*number);
        let (sent_key, sent) = self.record(number)?;
        Some((number, sent.get(STAMP..) == Some(filler) && sent_key.as_deref() == key))
    }
}

impl Load for RoundTripLoad<'_> {
    fn connections(&self) -> usize {
        self.writers.len() + self.readers.len()
    }

    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn serve(&mut self, connection: usize) -> Result<(), BenchError> {
        match connection.checked_sub(self.writers.len()) {
            None => self.serve_writer(connection),
            Some(reader) => self.serve_reader(reader),
        }
    }

    fn send_due(&mut self, now_ns: u64) -> Result<(), BenchError> {
        while let Some(writer) = self.writers.iter_mut().min_by_key(|writer| writer.connection.in_flight()) {
            let free = writer.connection.free_slot();
            self.open_loop.room(self.meter, free.is_some());
            let Some((slot, correlation_id)) = free else { break };
            let taken = self.open_loop.take(self.meter, now_ns, self.records_per_batch);
            let Some((first, records)) = taken else { break };
            let partition = writer.partitions.get(writer.next_partition).copied().unwrap_or_default();
            writer.next_partition = (writer.next_partition + 1) % writer.partitions.len();
            let producer = writer.producer.map(|producer| {
                let sequence = writer.sequences.entry(partition).or_insert(producer.sequence);
                let this = Producer { sequence: *sequence, ..producer };
                *sequence = sequence.plus(i32::try_from(records).unwrap_or_default());
                this
            });
            let batch = self.content.batch(first, records, producer)?;
            self.layout.start(slot, correlation_id, 1);
            produce::put_built(slot, partition, &batch);
            slot.finish();
            slot.tag = Sent { partition, first, records };
            writer.connection.filled();
            writer.connection.flush(&[])?;
        }
        Ok(())
    }

    fn idle(&self) -> Duration {
        self.open_loop.idle(self.meter)
    }

    fn outstanding(&self) -> u64 {
        self.unanswered() + self.acknowledged.count().saturating_sub(self.received.count())
    }

    fn unsent(&self) -> u64 {
        self.open_loop.unsent(self.meter)
    }

    fn give_up(&mut self, now_ns: u64) {
        self.open_loop.give_up(self.meter, now_ns);
    }

    fn late(&mut self) -> Result<(), BenchError> {
        match self.unanswered() {
            // What was acknowledged and has not come back counts as missing.
            0 => Ok(()),
            unanswered => Err(unanswered_after_drain(unanswered)),
        }
    }
}

impl RoundTripLoad<'_> {
    /// Produce requests without an answer.
    fn unanswered(&self) -> u64 {
        self.writers.iter().map(|writer| writer.connection.in_flight()).sum()
    }

    fn serve_writer(&mut self, writer: usize) -> Result<(), BenchError> {
        let Self { writers, meter, acknowledged, version, args, .. } = self;
        let Some(Writer { connection, producer, .. }) = writers.get_mut(writer) else { return Ok(()) };
        let mut refused = None;
        connection.receive("Produce", |slot: &mut Slot<Sent>, answer| {
            let sent = &slot.tag;
            let mut found = false;
            produce::read_answer(*version, answer, |acknowledgement| {
                found |= acknowledgement.partition == sent.partition;
                if acknowledgement.error == 0 {
                    acknowledged.insert(sent.first.cast_signed(), (sent.first + sent.records).cast_signed());
                } else {
                    meter.error(acknowledgement.error);
                    refused = Some(acknowledgement.error);
                }
            })?;
            meter.answered(slot.size + answer.len() + 8);
            if found { Ok(()) } else { Err(Malformed) }
        })?;
        if let Some(code) = refused
            && producer.is_some()
        {
            let what = format!("take batches for {}", args.topic);
            let detail = "the sequence of an idempotent producer is broken by any error".to_owned();
            return Err(BenchError::Refused { what, code, detail });
        }
        connection.flush(&[])
    }

    fn serve_reader(&mut self, reader: usize) -> Result<(), BenchError> {
        let Self { readers, meter, received, corrupt, content, open_loop, args, limits, .. } = self;
        let Some(ReaderLane { connection, fetcher }) = readers.get_mut(reader) else { return Ok(()) };
        let mut refused = None;
        connection.receive("Fetch", |slot, answer| {
            let now_ns = meter.now_ns();
            meter.answered(slot.size + answer.len() + 8);
            let batch = |_, header: &BatchHeader, bytes: &[u8]| {
                let Some(numbers) = numbers(content, bytes, args.validate) else {
                    *corrupt += u64::try_from(header.record_count).unwrap_or_default();
                    return;
                };
                for (number, right) in numbers {
                    // A second copy of a record is as wrong as a changed one.
                    let new = received.insert(number.cast_signed(), number.cast_signed() + 1);
                    if !right || !new {
                        *corrupt += 1;
                    }
                    meter.latency(open_loop.due_ns(number), now_ns);
                    meter.records(1, content.payload_bytes);
                }
            };
            let flaw = |flaw| {
                if let Flaw::Error(code) = flaw {
                    refused = Some(code);
                }
            };
            fetcher.answer(answer, batch, flaw)
        })?;
        if let Some(code) = refused {
            let what = format!("give batches of {}", args.topic);
            return Err(BenchError::Refused { what, code, detail: "see the log of the broker".to_owned() });
        }
        if let Some((slot, correlation_id)) = connection.free_slot() {
            fetcher.put_request(&mut slot.head, correlation_id, &args.topic, limits);
            slot.finish();
            connection.filled();
        }
        connection.flush(&[])
    }
}

/// The numbers of the records of this run in a batch, each with whether it is as it was sent; `None` when the batch
/// cannot be read or its checksum is wrong.
fn numbers(content: &Content, bytes: &[u8], validate: bool) -> Option<Vec<(u64, bool)>> {
    let batch = RecordBatch::parse(Bytes::copy_from_slice(bytes)).ok()?;
    if validate && batch.verify_crc().is_err() {
        return None;
    }
    let decoded = batch.decode(content.greatest_batch).ok()?;
    let mut numbers = Vec::new();
    for record in decoded.iter() {
        let record = record.ok()?;
        numbers.extend(content.recognise(record.key, record.value.unwrap_or_default()));
    }
    Some(numbers)
}
