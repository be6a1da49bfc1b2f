//! Consume: the topic from its start, several fetches at once, each for other partitions. Of records that are not verified
//! only the headers of their batches are looked at.

use std::collections::BTreeMap;

use chronik_types::ErrorCode;
use chronik_wire::batch::BatchHeader;

use super::{Load, drive, poller, share, spread_readers};
use crate::args::BenchArgs;
use crate::cluster::{Bounds, Leader};
use crate::control::Control;
use crate::engine::{Connection, Slot, Used};
use crate::error::BenchError;
use crate::fetcher::{Fetcher, Flaw};
use crate::frames::Malformed;
use crate::frames::fetch::{self, FetchLimits, checksum_is_right};
use crate::frames::skim::Skimmer;
use crate::meter::{Meter, Phase};
use crate::report::Verified;

/// A request on its way.
#[derive(Debug, Default)]
struct Asked {
    fetcher: usize,
    sent_ns: u64,
    skimmer: Skimmer,
    /// What has been read of the answer.
    read: Read,
}

/// What an answer held.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    /// Of the answer itself.
    size: usize,
    records: u64,
    /// Of the batches.
    bytes: u64,
}

/// A connection and those that share it.
#[derive(Debug)]
struct Lane {
    connection: Connection<Asked>,
    fetchers: Vec<Fetcher>,
    /// Fetchers that have no request in flight.
    idle: Vec<usize>,
}

#[derive(Debug)]
struct Run<'a> {
    topic: &'a str,
    limits: FetchLimits,
    meter: &'a mut Meter,
    verified: Option<Verified>,
}

/// The buffer that answers are read into grows to the greatest answer; it starts with this.
const INPUT: usize = 1024 * 1024;

/// Runs until the meter says that it is over or all has been read. With `--validate`, says what was found.
pub(crate) fn run(
    args: &BenchArgs,
    control: &Control,
    leaders: &[Leader],
    bounds: &BTreeMap<i32, Bounds>,
    meter: &mut Meter,
) -> Result<Option<Verified>, BenchError> {
    control.require("Fetch", fetch::API_KEY, fetch::VERSIONS)?;
    let mut poller = poller()?;
    let lanes = open_lanes(args, leaders, bounds)?;
    for (token, lane) in lanes.iter().enumerate() {
        lane.connection.watch(&poller, token)?;
    }
    let verified = args.validate.then(Verified::default);
    let run = Run { topic: &args.topic, limits: FetchLimits::new(args), meter, verified };
    let mut load = ConsumeLoad { lanes, run };
    drive(&mut load, &mut poller)?;
    Ok(load.run.verified)
}

/// The load on all connections.
#[derive(Debug)]
struct ConsumeLoad<'a> {
    lanes: Vec<Lane>,
    run: Run<'a>,
}

impl Load for ConsumeLoad<'_> {
    fn connections(&self) -> usize {
        self.lanes.len()
    }

    fn meter(&mut self) -> &mut Meter {
        self.run.meter
    }

    fn serve(&mut self, connection: usize) -> Result<(), BenchError> {
        self.lanes.get_mut(connection).map_or(Ok(()), |lane| self.run.serve(lane))
    }

    fn outstanding(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.connection.in_flight()).sum()
    }

    fn is_finite(&self) -> bool {
        true
    }
}

fn open_lanes(
    args: &BenchArgs,
    leaders: &[Leader],
    bounds: &BTreeMap<i32, Bounds>,
) -> Result<Vec<Lane>, BenchError> {
    let lanes = spread_readers(leaders, args.connections.min(args.concurrency));
    let connections = lanes.len();
    let open = |(position, lane): (usize, super::Lane)| {
        let count = share(args.concurrency, connections, position).min(lane.partitions.len());
        let own =
            |at: usize| -> Vec<i32> { lane.partitions.iter().skip(at).step_by(count).copied().collect() };
        let fetchers: Vec<_> = (0..count).map(|at| Fetcher::new(&own(at), bounds, args.repeat)).collect();
        let idle = (0..fetchers.len()).collect();
        let connection = Connection::open(&lane.address, count, INPUT)?.discarding(args.discard);
        Ok(Lane { connection, fetchers, idle })
    };
    lanes.into_iter().enumerate().map(open).collect()
}

impl Run<'_> {
    /// Reads the answers of a connection and asks again.
    fn serve(&mut self, lane: &mut Lane) -> Result<(), BenchError> {
        let Lane { connection, fetchers, idle } = lane;
        let mut refused = None;
        if self.verified.is_some() {
            connection.receive("Fetch", |slot, answer| {
                let Some(fetcher) = fetchers.get_mut(slot.tag.fetcher) else { return Ok(()) };
                idle.push(slot.tag.fetcher);
                self.answer(fetcher, slot, answer, &mut refused)
            })?;
        } else {
            connection.skim("Fetch", |slot, arrived, left| {
                let Some(fetcher) = fetchers.get_mut(slot.tag.fetcher) else { return Err(Malformed) };
                let used = skim(fetcher, slot, arrived, &mut refused)?;
                if used.bytes + used.skip == left {
                    idle.push(slot.tag.fetcher);
                    self.skimmed(fetcher, slot, refused)?;
                }
                Ok(used)
            })?;
        }
        if let Some(code) = refused {
            return Err(self.refused(code));
        }
        while self.meter.phase() != Phase::Drain
            && !self.meter.is_spent()
            && let Some(number) = idle.pop()
        {
            let Some(fetcher) = fetchers.get_mut(number).filter(|fetcher| !fetcher.is_done()) else {
                continue;
            };
            let Some((slot, correlation_id)) = connection.free_slot() else { break };
            fetcher.put_request(&mut slot.head, correlation_id, self.topic, &self.limits);
            slot.finish();
            slot.tag = Asked { fetcher: number, sent_ns: self.meter.now_ns(), ..Asked::default() };
            connection.filled();
        }
        connection.flush(&[])
    }

    fn answer(
        &mut self,
        fetcher: &mut Fetcher,
        slot: &Slot<Asked>,
        answer: &[u8],
        refused: &mut Option<i16>,
    ) -> Result<(), Malformed> {
        let verified = &mut self.verified;
        let (mut found, mut gaps) = (Read { size: answer.len(), ..Read::default() }, 0);
        let read = |_partition, header: &BatchHeader, batch: &[u8]| {
            found.add(header);
            if let Some(verified) = verified {
                verified.records += records_of(header);
                if !checksum_is_right(header, batch) {
                    verified.corrupt += records_of(header);
                }
            }
        };
        fetcher.answer(answer, read, |flaw| match flaw {
            Flaw::Error(code) => *refused = Some(code),
            Flaw::Gap(offsets) => gaps += offsets,
        })?;
        if let Some(verified) = &mut self.verified {
            verified.missing += gaps;
        }
        self.count(slot, found, *refused);
        Ok(())
    }

    /// Ends an answer that was skimmed.
    fn skimmed(
        &mut self,
        fetcher: &mut Fetcher,
        slot: &Slot<Asked>,
        refused: Option<i16>,
    ) -> Result<(), Malformed> {
        if !slot.tag.skimmer.is_at_end() {
            return Err(Malformed);
        }
        fetcher.turn_back();
        self.count(slot, slot.tag.read, refused);
        Ok(())
    }

    fn count(&mut self, slot: &Slot<Asked>, read: Read, refused: Option<i16>) {
        let now_ns = self.meter.now_ns();
        if let Some(code) = refused {
            self.meter.error(code);
        }
        // Only to end a run of a given number of records: they were not asked for one by one.
        self.meter.allow(read.records);
        self.meter.records(read.records, read.bytes);
        self.meter.answered(slot.size + read.size + 8);
        self.meter.latency(slot.tag.sent_ns, now_ns);
    }

    fn refused(&self, code: i16) -> BenchError {
        let detail = match ErrorCode::from_code(code) {
            Some(ErrorCode::OffsetOutOfRange) => "the start of the topic was deleted while it was read",
            Some(ErrorCode::NotLeaderOrFollower | ErrorCode::UnknownTopicOrPartition) => {
                "a partition has moved or is gone: run again when the cluster is settled"
            }
            _ => "see the log of the broker",
        };
        BenchError::Refused {
            what: format!("give batches of {}", self.topic),
            code,
            detail: detail.to_owned(),
        }
    }
}

impl Read {
    /// Counts a batch.
    fn add(&mut self, header: &BatchHeader) {
        self.records += records_of(header);
        self.bytes += header.size_in_bytes() as u64;
    }
}

fn records_of(header: &BatchHeader) -> u64 {
    u64::try_from(header.record_count).unwrap_or_default()
}

/// Goes on in an answer with what has arrived.
fn skim(
    fetcher: &mut Fetcher,
    slot: &mut Slot<Asked>,
    arrived: &[u8],
    refused: &mut Option<i16>,
) -> Result<Used, Malformed> {
    let Asked { skimmer, read, .. } = &mut slot.tag;
    let used = skimmer.read(arrived, |seen| {
        let flaw = |flaw| {
            if let Flaw::Error(code) = flaw {
                *refused = Some(code);
            }
        };
        fetcher.see(seen, |header| read.add(header), flaw)
    })?;
    read.size += used.bytes + used.skip;
    Ok(used)
}
