//! Metadata: the same question again and again, over several connections.

use super::{Load, drive, poller, share};
use crate::args::BenchArgs;
use crate::control::Control;
use crate::engine::Connection;
use crate::error::BenchError;
use crate::frames::metadata;
use crate::meter::{Meter, Phase};

/// The load on all connections.
#[derive(Debug)]
struct MetadataLoad<'a> {
    /// Each request knows when it was sent.
    connections: Vec<Connection<u64>>,
    version: i16,
    topic: &'a str,
    meter: &'a mut Meter,
}

const INPUT: usize = 256 * 1024;

/// Asks the first broker about the topic until the meter says that it is over.
pub(crate) fn run(args: &BenchArgs, control: &Control, meter: &mut Meter) -> Result<(), BenchError> {
    let version = control.require("Metadata", metadata::API_KEY, metadata::VERSIONS)?;
    let mut poller = poller()?;
    let count = args.connections.min(args.concurrency);
    let open =
        |position| Connection::open(control.address(), share(args.concurrency, count, position), INPUT);
    let connections = (0..count).map(open).collect::<Result<Vec<_>, _>>()?;
    for (token, connection) in connections.iter().enumerate() {
        connection.watch(&poller, token)?;
    }
    drive(&mut MetadataLoad { connections, version, topic: &args.topic, meter }, &mut poller)
}

impl Load for MetadataLoad<'_> {
    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn serve(&mut self, connection: usize) -> Result<(), BenchError> {
        let Self { connections, version, topic, meter } = self;
        let Some(connection) = connections.get_mut(connection) else { return Ok(()) };
        connection.receive("Metadata", |slot, answer| {
            metadata::read_answer(*version, answer, |code| {
                if code != 0 {
                    meter.error(code);
                }
            })?;
            meter.answered(slot.size + answer.len() + 8);
            meter.latency(slot.tag, meter.now_ns());
            Ok(())
        })?;
        while meter.phase() != Phase::Drain
            && let Some((slot, correlation_id)) = connection.free_slot()
        {
            if meter.allow(1) == 0 {
                break;
            }
            metadata::put_request(&mut slot.head, correlation_id, *version, topic);
            slot.finish();
            slot.tag = meter.now_ns();
            connection.filled();
        }
        connection.flush(&[])
    }

    fn outstanding(&self) -> u64 {
        self.connections.iter().map(Connection::in_flight).sum()
    }
}
