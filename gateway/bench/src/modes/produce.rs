//! Produce: batches on several connections, as fast as acknowledgements come, or at a rate.

use std::collections::HashMap;
use std::time::Duration;

use chronik_types::{CompressionType, ErrorCode, Sequence, TimestampMs};

use super::open_loop::OpenLoop;
use super::{Load, drive, keep_pace, poller, share, spread};
use crate::args::{Acks, BenchArgs, Compression, KeyPattern};
use crate::cluster::{self, Leader};
use crate::control::Control;
use crate::engine::{Connection, Slot};
use crate::error::{BenchError, name_of};
use crate::frames::Malformed;
use crate::frames::fitting::records_that_fit;
use crate::frames::produce::{self, Acknowledgement, Batches, ProduceLayout, Producer};
use crate::ledger::Ledger;
use crate::meter::{Meter, Phase};
use crate::payload::{KEY_BYTES, Payloads};
use crate::schedule::Schedule;

/// A request on its way.
#[derive(Debug, Default)]
struct Sent {
    /// Partition and body of each batch.
    batches: Vec<(i32, usize)>,
    /// Number of its first record in the schedule.
    first: u64,
    records: u64,
    sent_ns: u64,
}

/// A connection and what it writes to.
#[derive(Debug)]
struct Lane {
    connection: Connection<Sent>,
    partitions: Vec<i32>,
    next_partition: usize,
    next_variant: usize,
    producer: Option<Producer>,
    sequences: HashMap<i32, Sequence>,
}

/// What the batches of a run are like.
#[derive(Debug)]
struct Shape {
    version: i16,
    layout: ProduceLayout,
    records_per_batch: u64,
    batches_per_request: usize,
    answered: bool,
}

/// Everything but the connections.
#[derive(Debug)]
struct Run<'a> {
    shape: Shape,
    batches: Batches,
    open_loop: Option<OpenLoop>,
    meter: &'a mut Meter,
    ledger: Option<&'a mut Ledger>,
    succeeded: bool,
    topic: &'a str,
}

/// Different batches of a run: as many as fit into this, so that they stay in the processor's cache.
const VARIANT_BYTES: usize = 1024 * 1024;
const MAX_VARIANTS: usize = 16;
/// Answers are short; many are read at once.
const INPUT: usize = 64 * 1024;
/// How long the broker may take for the replicas.
pub(crate) const TIMEOUT_MS: i32 = 30_000;
/// Errors at the start without one success, after which there is no point in going on.
const HOPELESS: u64 = 100;

/// Runs the load; what is acknowledged goes into the ledger, if there is one.
pub(crate) fn run(
    args: &BenchArgs,
    control: &mut Control,
    leaders: &[Leader],
    meter: &mut Meter,
    ledger: Option<&mut Ledger>,
) -> Result<(), BenchError> {
    let mut poller = poller()?;
    let lanes = open_lanes(args, leaders, control)?;
    for (token, lane) in lanes.iter().enumerate() {
        lane.connection.watch(&poller, token)?;
    }
    let run = Run::new(args, control, meter, ledger)?;
    if let Some(open_loop) = &run.open_loop {
        keep_pace(&mut poller, open_loop.period())?;
    }
    drive(&mut ProduceLoad { lanes, run }, &mut poller)
}

/// The load on all connections.
#[derive(Debug)]
struct ProduceLoad<'a> {
    lanes: Vec<Lane>,
    run: Run<'a>,
}

impl Load for ProduceLoad<'_> {
    fn connections(&self) -> usize {
        self.lanes.len()
    }

    fn meter(&mut self) -> &mut Meter {
        self.run.meter
    }

    fn serve(&mut self, connection: usize) -> Result<(), BenchError> {
        self.lanes.get_mut(connection).map_or(Ok(()), |lane| self.run.serve(lane))
    }

    fn send_due(&mut self, now_ns: u64) -> Result<(), BenchError> {
        self.run.send_due(&mut self.lanes, now_ns)
    }

    fn idle(&self) -> Duration {
        self.run.idle()
    }

    fn outstanding(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.connection.in_flight()).sum()
    }

    fn unsent(&self) -> u64 {
        self.run.open_loop.as_ref().map_or(0, |open_loop| open_loop.unsent(self.run.meter))
    }

    fn give_up(&mut self, now_ns: u64) {
        if let Some(open_loop) = &mut self.run.open_loop {
            open_loop.give_up(self.run.meter, now_ns);
        }
    }
}

fn open_lanes(args: &BenchArgs, leaders: &[Leader], control: &mut Control) -> Result<Vec<Lane>, BenchError> {
    let lanes = spread(leaders, args.connections.min(args.concurrency));
    let count = lanes.len();
    let open = |(position, lane): (usize, super::Lane)| {
        let producer = if args.idempotent { Some(cluster::new_producer(control)?) } else { None };
        let capacity = share(args.concurrency, count, position);
        Ok(Lane {
            connection: Connection::open(&lane.address, capacity, INPUT)?,
            partitions: lane.partitions,
            next_partition: 0,
            next_variant: position,
            producer,
            sequences: HashMap::new(),
        })
    };
    lanes.into_iter().enumerate().map(open).collect()
}

/// Records in a full batch.
pub(crate) fn records_per_batch(args: &BenchArgs) -> usize {
    let key = (args.key_pattern != KeyPattern::None).then_some(KEY_BYTES);
    let value = args.record_size.saturating_sub(key.unwrap_or_default());
    args.records_per_batch.unwrap_or_else(|| records_that_fit(args.batch_size, key, value))
}

pub(crate) const fn codec(compression: Compression) -> CompressionType {
    match compression {
        Compression::None => CompressionType::None,
        Compression::Gzip => CompressionType::Gzip,
        Compression::Snappy => CompressionType::Snappy,
        Compression::Lz4 => CompressionType::Lz4,
        Compression::Zstd => CompressionType::Zstd,
    }
}

pub(crate) const fn acks(acks: Acks) -> i16 {
    match acks {
        Acks::All => -1,
        Acks::Leader => 1,
        Acks::None => 0,
    }
}

impl<'a> Run<'a> {
    fn new(
        args: &'a BenchArgs,
        control: &Control,
        meter: &'a mut Meter,
        ledger: Option<&'a mut Ledger>,
    ) -> Result<Self, BenchError> {
        let version = control.require("Produce", produce::API_KEY, produce::VERSIONS)?;
        let records = records_per_batch(args);
        let varied = Payloads::vary(args.key_pattern, args.payload_pattern);
        let fitting = (VARIANT_BYTES / (records * args.record_size).max(1)).clamp(2, MAX_VARIANTS);
        let variants = if varied { fitting } else { 1 };
        let mut payloads = Payloads::new(args.key_pattern, args.payload_pattern, args.record_size);
        let now = chronik_types::Clock::now(&chronik_types::SystemClock::new());
        let timestamp = TimestampMs::new(now.get());
        let batches = Batches::new(&mut payloads, codec(args.compression), timestamp, (variants, records));
        let linger_ns = args.linger_ms.saturating_mul(1_000_000);
        let most = (records as u64).saturating_mul(args.partitions_per_request as u64);
        let open_loop =
            args.rate_limit.map(|rate| OpenLoop::new(Schedule::new(meter.begin_ns(), rate, linger_ns), most));
        let shape = Shape {
            version,
            layout: ProduceLayout::new(version, &args.topic, acks(args.acks), TIMEOUT_MS),
            records_per_batch: records as u64,
            batches_per_request: args.partitions_per_request,
            answered: args.acks != Acks::None,
        };
        Ok(Self { shape, batches, open_loop, meter, ledger, succeeded: false, topic: &args.topic })
    }

    /// Reads the answers of a connection, and without a rate sends as many requests again.
    fn serve(&mut self, lane: &mut Lane) -> Result<(), BenchError> {
        let mut refused = None;
        lane.connection.receive("Produce", |slot, answer| self.answer(slot, answer, &mut refused))?;
        if let Some(code) = refused {
            self.check_hope(code, lane)?;
        }
        if self.open_loop.is_none() {
            while self.fill(lane, None)? {}
        }
        self.flush(lane)
    }

    /// Sends what is due, over all connections that have room.
    fn send_due(&mut self, lanes: &mut [Lane], now_ns: u64) -> Result<(), BenchError> {
        // The least busy first, so that the connections take turns.
        while let Some(open_loop) = &mut self.open_loop
            && let Some(lane) = lanes.iter_mut().min_by_key(|lane| lane.connection.in_flight())
        {
            let free = lane.connection.free_slot().is_some();
            open_loop.room(self.meter, free);
            if !free || !self.fill(lane, Some(now_ns))? {
                break;
            }
            self.flush(lane)?;
        }
        Ok(())
    }

    fn flush(&mut self, lane: &mut Lane) -> Result<(), BenchError> {
        lane.connection.flush(self.batches.bytes())?;
        if !self.shape.answered {
            let (meter, batches) = (&mut *self.meter, &self.batches);
            lane.connection.forget_written(|slot| {
                meter.answered(slot.size);
                for (_, body) in &slot.tag.batches {
                    if let Some(info) = batches.info(*body) {
                        meter.records(info.records, info.payload_bytes);
                    }
                }
            });
        }
        Ok(())
    }

    /// How long there is nothing to do but to read.
    fn idle(&self) -> Duration {
        match &self.open_loop {
            Some(open_loop) => open_loop.idle(self.meter),
            None if self.shape.answered || self.meter.phase() == Phase::Drain || self.meter.is_spent() => {
                Duration::MAX
            }
            // Nobody says when the socket has taken the last request: look again.
            None => Duration::ZERO,
        }
    }

    /// Encodes the next request of a connection: a full one, or what is due. False when there is no room or nothing
    /// to send.
    fn fill(&mut self, lane: &mut Lane, due_at_ns: Option<u64>) -> Result<bool, BenchError> {
        let Some((slot, correlation_id)) = lane.connection.free_slot() else { return Ok(false) };
        let batches = self.shape.batches_per_request.min(lane.partitions.len());
        let most = self.shape.records_per_batch * batches as u64;
        let taken = match (&mut self.open_loop, due_at_ns) {
            (Some(open_loop), Some(now_ns)) => open_loop.take(self.meter, now_ns, most),
            _ => Some((0, self.meter.allow(most))).filter(|(_, records)| *records > 0),
        };
        let Some((first, records)) = taken else { return Ok(false) };
        slot.tag.batches.clear();
        let full = self.shape.records_per_batch;
        self.shape.layout.start(
            slot,
            correlation_id,
            usize::try_from(records.div_ceil(full)).unwrap_or_default(),
        );
        let mut left = records;
        while left > 0 {
            let count = left.min(full);
            left -= count;
            let variant = lane.next_variant % self.batches.variants();
            lane.next_variant = lane.next_variant.wrapping_add(1);
            let body = self.batches.body(variant, usize::try_from(count).unwrap_or_default())?;
            let partition = lane.partitions.get(lane.next_partition).copied().unwrap_or_default();
            lane.next_partition = (lane.next_partition + 1) % lane.partitions.len();
            let producer = lane.producer.map(|producer| {
                let sequence = lane.sequences.entry(partition).or_insert(producer.sequence);
                let this = Producer { sequence: *sequence, ..producer };
                *sequence = sequence.plus(i32::try_from(count).unwrap_or_default());
                this
            });
            ProduceLayout::put_batch(slot, &self.batches, (partition, body), producer);
            slot.tag.batches.push((partition, body));
        }
        slot.finish();
        (slot.tag.first, slot.tag.records, slot.tag.sent_ns) = (first, records, self.meter.now_ns());
        lane.connection.filled();
        Ok(true)
    }

    /// Counts an answer; leaves the last error code in `refused`.
    fn answer(
        &mut self,
        slot: &mut Slot<Sent>,
        answer: &[u8],
        refused: &mut Option<i16>,
    ) -> Result<(), Malformed> {
        let now_ns = self.meter.now_ns();
        let Sent { batches, first, records, sent_ns } = &slot.tag;
        let mut due = batches.as_slice();
        let mut strange = false;
        produce::read_answer(self.shape.version, answer, |acknowledged: Acknowledgement| {
            // Answers keep the order of the request, at least all brokers seen do; any other is found too.
            let Some(at) = due.iter().position(|(partition, _)| *partition == acknowledged.partition) else {
                strange = true;
                return;
            };
            let body = due.get(at).and_then(|(_, body)| self.batches.info(*body));
            if at == 0 {
                due = due.get(1..).unwrap_or_default();
            }
            match (acknowledged.error, body) {
                (0, Some(info)) => {
                    self.succeeded = true;
                    self.meter.records(info.records, info.payload_bytes);
                    if let Some(ledger) = self.ledger.as_deref_mut() {
                        ledger.acknowledged(
                            acknowledged.partition,
                            acknowledged.base_offset,
                            info.records,
                            info.hash,
                        );
                    }
                }
                (code, _) => {
                    self.meter.error(code);
                    *refused = Some(code);
                }
            }
        })?;
        if strange || !due.is_empty() {
            return Err(Malformed);
        }
        self.meter.answered(slot.size + answer.len() + 8);
        match &self.open_loop {
            None => self.meter.latency(*sent_ns, now_ns),
            Some(open_loop) => {
                for record in *first..first + records {
                    self.meter.latency(open_loop.due_ns(record), now_ns);
                }
            }
        }
        Ok(())
    }

    /// Gives up when an error will not go away.
    fn check_hope(&self, code: i16, lane: &Lane) -> Result<(), BenchError> {
        let detail = match ErrorCode::from_code(code) {
            Some(ErrorCode::NotLeaderOrFollower | ErrorCode::UnknownTopicOrPartition) => {
                "a partition has moved or is gone: run again when the cluster is settled"
            }
            _ if lane.producer.is_some() => "the sequence of an idempotent producer is broken by any error",
            _ if !self.succeeded && self.meter.counts().errors >= HOPELESS => "no request has succeeded",
            _ => return Ok(()),
        };
        let what = format!(
            "take batches for {} ({} so far: {})",
            self.topic,
            self.meter.counts().errors,
            name_of(code)
        );
        Err(BenchError::Refused { what, code, detail: detail.to_owned() })
    }
}
