//! The standard `process_*` metrics, read from `/proc/self` at each scrape.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Resident memory, CPU time, open files and threads of this process.
#[derive(Debug, Default)]
pub struct ProcessCollector;

/// Linux counts CPU time of `/proc/PID/stat` in ticks of 10 ms on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: i64 = 4096;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        if let Some(bytes) = resident_bytes() {
            let metric = ConstGauge::new(bytes);
            let descriptor = encoder.encode_descriptor(
                "process_resident_memory_bytes",
                "Resident memory",
                None,
                metric.metric_type(),
            )?;
            metric.encode(descriptor)?;
        }
        if let Some((cpu_seconds, threads)) = cpu_and_threads() {
            let metric = ConstCounter::new(cpu_seconds);
            let descriptor = encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system CPU time",
                None,
                metric.metric_type(),
            )?;
            metric.encode(descriptor)?;
            let metric = ConstGauge::new(threads);
            let descriptor =
                encoder.encode_descriptor("process_threads", "Threads", None, metric.metric_type())?;
            metric.encode(descriptor)?;
        }
        if let Some(files) = open_files() {
            let metric = ConstGauge::new(files);
            let descriptor =
                encoder.encode_descriptor("process_open_fds", "Open files", None, metric.metric_type())?;
            metric.encode(descriptor)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(PAGE_BYTES)
}

fn cpu_and_threads() -> Option<(f64, i64)> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command name may hold spaces and parentheses; the numbered fields start after the last one.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let user: f64 = fields.nth(11)?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    let threads: i64 = fields.nth(4)?.parse().ok()?;
    Some(((user + system) / TICKS_PER_SECOND, threads))
}

fn open_files() -> Option<i64> {
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // The directory handle that counts is itself among them.
    i64::try_from(count.saturating_sub(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_process() {
        assert!(resident_bytes().unwrap() > 1024 * 1024);
        let (_, threads) = cpu_and_threads().unwrap();
        assert!(threads >= 1);
        assert!(open_files().unwrap() >= 3);
    }
}
