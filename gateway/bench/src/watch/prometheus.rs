//! The counters for a scraper, on 127.0.0.1 while the run lasts, renewed at each interval.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Interval;
use crate::error::BenchError;

/// Names, types and meanings, in the order of [`Shared::values`].
const METRICS: [(&str, &str, &str); 10] = [
    ("chronik_bench_records_total", "counter", "Records acknowledged or read."),
    ("chronik_bench_payload_bytes_total", "counter", "Keys and values, or batches when consuming."),
    ("chronik_bench_wire_bytes_total", "counter", "Bytes of requests and answers."),
    ("chronik_bench_requests_total", "counter", "Requests answered."),
    ("chronik_bench_errors_total", "counter", "Error codes in answers."),
    ("chronik_bench_latency_p50_microseconds", "gauge", "Half of the last interval's latencies."),
    ("chronik_bench_latency_p90_microseconds", "gauge", "90 % of the last interval's latencies."),
    ("chronik_bench_latency_p99_microseconds", "gauge", "99 % of the last interval's latencies."),
    ("chronik_bench_latency_p99_9_microseconds", "gauge", "99.9 % of the last interval's latencies."),
    ("chronik_bench_latency_max_microseconds", "gauge", "The greatest of the last interval's latencies."),
];
/// A scraper that says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is shared with the thread that answers.
#[derive(Debug, Default)]
struct Shared {
    /// Floating-point numbers as bits, so that they need no lock.
    values: [AtomicU64; METRICS.len()],
    stopped: AtomicBool,
}

/// The listener and its thread.
#[derive(Debug)]
pub(crate) struct Exporter {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: JoinHandle<()>,
}

impl Exporter {
    /// Listens on a port.
    pub(crate) fn start(port: u16) -> Result<Self, BenchError> {
        let failed = |source| BenchError::System {
            what: format!("cannot serve metrics on 127.0.0.1:{port}: choose another --prometheus-port"),
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        let serve = move || {
            for scraper in listener.incoming() {
                if served.stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A scraper that went away takes its trouble with it.
                let _ = scraper.and_then(|scraper| answer(scraper, &served));
            }
        };
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { shared, address, thread })
    }

    pub(super) fn interval(&self, interval: &Interval) {
        let (totals, latency) = (&interval.totals, &interval.latency);
        let counters =
            [totals.records, totals.payload_bytes, totals.wire_bytes, totals.requests, totals.errors];
        let quantiles = [latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max];
        let values = counters.into_iter().map(|count| count as f64).chain(quantiles);
        for (place, value) in self.shared.values.iter().zip(values) {
            place.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    pub(super) fn stop(self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread; if even that fails it ends with the process.
        if TcpStream::connect_timeout(&self.address, PATIENCE).is_ok() {
            let _ = self.thread.join();
        }
    }
}

/// Answers whatever is asked with all metrics.
fn answer(mut scraper: TcpStream, shared: &Shared) -> io::Result<()> {
    scraper.set_read_timeout(Some(PATIENCE))?;
    scraper.set_write_timeout(Some(PATIENCE))?;
    let mut request = [0; 4096];
    let _ = scraper.read(&mut request)?;
    let text = exposition(shared);
    write!(
        scraper,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

fn exposition(shared: &Shared) -> String {
    let mut text = String::new();
    for ((name, kind, help), value) in METRICS.iter().zip(&shared.values) {
        let value = f64::from_bits(value.load(Ordering::Relaxed));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Counts, Phase};
    use crate::report::Latency;

    #[test]
    fn a_scraper_sees_the_last_interval() {
        let exporter = Exporter::start(0).unwrap();
        exporter.interval(&Interval {
            phase: Phase::Window,
            at: Duration::ZERO,
            seconds: 1.0,
            counts: Counts::default(),
            totals: Counts { records: 12_345, ..Counts::default() },
            latency: Latency { p99: 7.5, ..Latency::default() },
        });
        let mut socket = TcpStream::connect(exporter.address).unwrap();
        socket.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        assert!(text.contains("\nchronik_bench_records_total 12345\n"), "{text}");
        assert!(text.contains("\nchronik_bench_latency_p99_microseconds 7.5\n"), "{text}");
        exporter.stop();
    }
}
