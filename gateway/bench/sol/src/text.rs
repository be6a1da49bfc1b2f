//! The figures as a table for people.

use std::fmt::Write;

use crate::{Latency, SpeedOfLight};

/// Columns of a line before its figures.
pub const NAME_WIDTH: usize = 56;

/// One line for each program.
#[must_use]
pub fn render(found: &SpeedOfLight) -> String {
    let mut lines = Lines::default();
    for stream in &found.receive {
        lines.add(
            &format!("null broker, requests of {}", size(stream.request_bytes)),
            &format!(
                "{:6.2} GB/s  {:>9.0} req/s  {:.3} CPU-s/GiB",
                stream.gigabytes_per_second, stream.requests_per_second, stream.server_cpu_seconds_per_gib
            ),
        );
    }
    let small = &found.small_requests;
    lines.add(
        &format!(
            "null broker, {} connections, one of {} in flight",
            small.connections,
            size(small.request_bytes)
        ),
        &format!("{:6.2} GB/s  {:>9.0} req/s", small.gigabytes_per_second, small.requests_per_second),
    );
    lines.add(
        &format!("null broker, answers of {}", size(found.send.answer_bytes)),
        &format!(
            "{:6.2} GB/s  {:.3} CPU-s/GiB",
            found.send.gigabytes_per_second, found.send.server_cpu_seconds_per_gib
        ),
    );
    for durable in &found.durable {
        lines.add(
            &format!("durable broker, frames of {}", size(durable.frame_bytes)),
            &format!(
                "{:6.2} GB/s  {:>9.0} ack/s  {:.3} CPU-s/GiB  {:.0} KiB a write",
                durable.gigabytes_per_second,
                durable.frames_per_second,
                durable.server_cpu_seconds_per_gib,
                durable.bytes_per_write / 1024.0
            ),
        );
    }
    lines.add("durable broker, 4 KiB there and back", &latency(found.durable_round_trip));
    for sync in &found.syncs {
        lines.add(&format!("overwrite and fdatasync, {}", size(sync.bytes)), &latency(sync.latency));
    }
    lines.add("ping-pong on one core", &latency(found.ping_same_core));
    lines.add("ping-pong across cores", &latency(found.ping_cross_core));
    if !found.direct {
        lines.add("note", "the file system refuses direct writes: figures include the page cache");
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, what: &str, figures: &str) {
        // Writing to a string cannot fail.
        let _always = writeln!(self.0, "{what:<NAME_WIDTH$}{figures}");
    }
}

fn latency(latency: Latency) -> String {
    format!("p50 {:.1} us  p99 {:.1} us  ({} times)", latency.p50_us, latency.p99_us, latency.count)
}

fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1024) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}
