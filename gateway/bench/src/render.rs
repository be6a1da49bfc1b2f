//! The report as people read it.

use std::fmt::Write;

use crate::report::{GroupFigures, Latency, RateFigures, Report};

/// The report as text, a few lines.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = lines(&mut text, report);
    text
}

fn lines(out: &mut String, report: &Report) -> std::fmt::Result {
    let Report { mode, bootstrap, topic, seconds, .. } = report;
    writeln!(out, "{mode} on {bootstrap}, topic {topic}, {seconds:.2} s measured")?;
    if mode != "metadata" && mode != "groups" {
        writeln!(
            out,
            "throughput   {} records/s, {:.1} MB/s, {} requests/s",
            grouped(report.records_per_second),
            report.megabytes_per_second,
            grouped(report.requests_per_second)
        )?;
        writeln!(
            out,
            "records      {}, {:.1} MB",
            grouped(report.records as f64),
            report.payload_bytes as f64 / 1e6
        )?;
    } else {
        writeln!(out, "throughput   {} requests/s", grouped(report.requests_per_second))?;
    }
    if let Some(groups) = &report.groups {
        group_lines(out, groups)?;
    }
    if let Some(figures) = report.rate.filter(|figures| !is_reached(*figures)) {
        rate(out, figures)?;
    }
    latency(out, &report.latency_us)?;
    cpu(out, report)?;
    writeln!(out, "durability   {}", report.durability)?;
    match &report.verified {
        None => writeln!(out, "verified     not verified (--validate reads back and compares)")?,
        Some(verified) if verified.is_clean() => {
            writeln!(out, "verified     {} records, all there and right", grouped(verified.records as f64))?;
        }
        Some(verified) => writeln!(
            out,
            "verified     {} records, {} MISSING, {} CORRUPT",
            grouped(verified.records as f64),
            grouped(verified.missing as f64),
            grouped(verified.corrupt as f64)
        )?,
    }
    if report.errors > 0 {
        let counts: Vec<_> = report
            .error_counts
            .iter()
            .map(|(name, count)| format!("{name} {}", grouped(*count as f64)))
            .collect();
        writeln!(out, "errors       {}: {}", grouped(report.errors as f64), counts.join(", "))?;
    }
    Ok(())
}

fn group_lines(out: &mut String, figures: &GroupFigures) -> std::fmt::Result {
    let GroupFigures { protocol, load, groups, members, join_to_stable_us, leave_to_stable_us, .. } = figures;
    writeln!(
        out,
        "groups       {groups} of {members} members in all, protocol {protocol:?}, measured: {load:?}"
    )?;
    for (what, took) in [("join", join_to_stable_us), ("leave", leave_to_stable_us)] {
        let (p50, p99, max) = (time(took.p50), time(took.p99), time(took.max));
        writeln!(out, "{what:<12} until stable: p50 {p50} p99 {p99} max {max}")?;
    }
    match figures.server_bytes_per_member {
        Some(bytes) => writeln!(out, "memory       {} bytes of the server a member", grouped(bytes as f64)),
        None => Ok(()),
    }
}

/// Whether a rate was kept up to three digits. At its end a window meets requests in flight that others wait for.
const fn is_reached(figures: RateFigures) -> bool {
    let late = figures.due.saturating_sub(figures.sent_in_time);
    late <= figures.due / 1_000
}

fn rate(out: &mut String, figures: RateFigures) -> std::fmt::Result {
    let RateFigures { due, sent_in_time, never_sent } = figures;
    let numbers = [due, sent_in_time, never_sent].map(|number| grouped(number as f64));
    let [due, in_time, never] = numbers;
    write!(out, "rate         not reached: {due} records were due, {in_time} of them were sent in time")?;
    if never_sent > 0 {
        write!(out, ", {never} NEVER")?;
    }
    writeln!(out)
}

fn latency(out: &mut String, latency: &Latency) -> std::fmt::Result {
    if latency.count == 0 {
        return writeln!(out, "latency      none: nothing was answered");
    }
    let quantiles = [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p99_9),
        ("p99.99", latency.p99_99),
        ("max", latency.max),
    ];
    write!(out, "latency     ")?;
    for (name, us) in quantiles {
        write!(out, " {name} {}", time(us))?;
    }
    writeln!(out, " of {} values", grouped(latency.count as f64))
}

fn cpu(out: &mut String, report: &Report) -> std::fmt::Result {
    let gib = report.payload_bytes as f64 / f64::from(1 << 30);
    let per_gib =
        |seconds: f64| if gib > 0.0 { format!(" ({:.3} s/GiB)", seconds / gib) } else { String::new() };
    let client = report.client_cpu_seconds;
    write!(out, "CPU          client {client:.2} s{}", per_gib(client))?;
    match report.server_cpu_seconds {
        Some(server) => write!(out, ", server {server:.2} s{}", per_gib(server))?,
        None => write!(out, ", server not known (--server-pid PID)")?,
    }
    if let (Some(busy), Some(steal)) = (report.machine_busy_seconds, report.machine_steal_seconds) {
        write!(out, ", machine {busy:.2} s, stolen {steal:.2} s")?;
    }
    writeln!(out)
}

/// Microseconds with a unit that fits them.
pub(crate) fn time(us: f64) -> String {
    match us {
        us if us < 99.95 => format!("{us:.1} us"),
        us if us < 1_000.0 => format!("{us:.0} us"),
        us if us < 1_000_000.0 => format!("{:.2} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

/// A whole number in groups of three digits.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{grouped, render, time};
    use crate::report::{Latency, RateFigures, Report, Verified};

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0.4, 999.0, 1_000.0, 1_234_567.2].map(grouped),
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned)
        );
    }

    #[test]
    fn times_have_three_digits_and_a_unit_that_fits() {
        assert_eq!(
            [27.34, 99.96, 431.4, 27_340.0, 4_313_000.0].map(time),
            ["27.3 us", "100 us", "431 us", "27.34 ms", "4.31 s"].map(str::to_owned)
        );
    }

    #[test]
    fn a_rate_is_spoken_of_when_it_was_not_reached() {
        let text = |due, sent_in_time, never_sent| {
            let rate = Some(RateFigures { due, sent_in_time, never_sent });
            render(&Report { rate, ..Report::default() })
        };
        for in_time in [2_000, 1_998] {
            assert!(!text(2_000, in_time, 0).contains("rate  "));
        }
        assert!(text(2_000, 1_997, 0).contains("rate  "));
        let late = text(2_000, 1_500, 0);
        assert!(
            late.contains("not reached: 2,000 records were due, 1,500 of them were sent in time\n"),
            "{late}"
        );
        assert!(text(2_000, 1_500, 400).contains("in time, 400 NEVER"));
    }

    #[test]
    fn what_was_not_verified_or_failed_is_said() {
        let mut report =
            Report { latency_us: Latency { count: 1, ..Latency::default() }, ..Report::default() };
        assert!(render(&report).contains("not verified"));
        report.verified = Some(Verified { records: 5, missing: 2, corrupt: 0 });
        report.errors = 1;
        report.error_counts.insert("REQUEST_TIMED_OUT".to_owned(), 1);
        let text = render(&report);
        assert!(text.contains("2 MISSING") && text.contains("REQUEST_TIMED_OUT 1"), "{text}");
    }
}
