//! T6: consumer groups. How soon they are stable when all members come and when one leaves, and what heartbeats and commits
//! cost.

use super::row::{self, classes_text, timing, words};
use crate::BenchError;
use crate::Report;
use crate::args::GroupLoad;
use crate::compare::args::{Class, CompareArgs};
use crate::compare::contest::Contest;
use crate::compare::figures::{Better, Metric, P99, REQUESTS};
use crate::compare::generator::Generator;
use crate::compare::pairs::{Limit, measure as measure_pairs};
use crate::compare::table::Table;
use crate::report::GroupFigures;

/// Groups, and members of each.
const SIZES: [(u32, u32); 5] = [(1, 4), (1, 50), (1, 500), (100, 4), (1000, 4)];
const PROTOCOLS: [&str; 2] = ["classic", "consumer"];
/// Everybody starts at once, so nobody has to be waited for; the peer is set up in the same way.
const SETTINGS: [&str; 1] = ["groups.initial_rebalance_delay=0ms"];

const JOIN_P50: Metric = Metric {
    name: "join_p50_ms",
    of: |run| figure(run, |groups| groups.join_to_stable_us.p50 / 1e3),
    better: Better::Lower,
};
const JOIN_P99: Metric = Metric {
    name: "join_p99_ms",
    of: |run| figure(run, |groups| groups.join_to_stable_us.p99 / 1e3),
    better: Better::Lower,
};
const LEAVE_P50: Metric = Metric {
    name: "leave_p50_ms",
    of: |run| figure(run, |groups| groups.leave_to_stable_us.p50 / 1e3),
    better: Better::Lower,
};
/// Requests for each CPU second of the server's process: what one core carries.
const PER_CORE: Metric = Metric { name: "requests_per_core_second", of: per_core, better: Better::Higher };
const MEMBER_BYTES: Metric =
    Metric { name: "server_bytes_per_member", of: member_bytes, better: Better::Lower };

/// One row: sizes, protocol, and what members do while it is measured.
#[derive(Clone, Copy, Debug)]
struct Row {
    class: Class,
    groups: u32,
    members: u32,
    protocol: &'static str,
    load: GroupLoad,
}

impl Row {
    fn load(self) -> &'static str {
        match self.load {
            GroupLoad::Heartbeats => "heartbeats",
            GroupLoad::Commits => "commits",
        }
    }

    fn name(self, args: &CompareArgs) -> String {
        let (class, load) = (classes_text(self.class, args), self.load());
        format!("{class} {}x{} {} {load}", self.groups, self.members, self.protocol)
    }
}

fn rows(args: &CompareArgs) -> Vec<Row> {
    let mut rows = Vec::new();
    for class in args.classes() {
        for protocol in PROTOCOLS {
            for (groups, members) in SIZES {
                for load in [GroupLoad::Heartbeats, GroupLoad::Commits] {
                    rows.push(Row { class, groups, members, protocol, load });
                }
            }
        }
    }
    rows
}

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    rows(args).into_iter().map(|row| row.name(args)).collect()
}

/// Measures the rows that are wanted.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T6",
        title: "consumer groups",
        columns: vec![
            "row",
            "join until stable p50 ms ours / peer",
            "ratio [95 %]",
            "p99 ms ours / peer",
            "ratio [95 %]",
            "leave until stable p50 ms ours / peer",
            "ratio [95 %]",
            "requests/s ours / peer",
            "ratio [95 %]",
            "requests/s per core ours / peer",
            "ratio [95 %]",
            "p99 ms ours / peer",
            "bytes/member ours / peer",
            "valid",
        ],
        notes: vec![
            "All members join at once, each over a connection of its own, 16 partitions (as many as members, where they are \
             more). Until stable: all are in one generation or epoch and own all partitions between them; until then members \
             heartbeat at most 200,000 times a second in all. Requests: heartbeats or commits, 64 members at a time. Bytes/member: \
             growth of the server's resident memory while they joined, connections included; a used heap shows less."
                .to_owned(),
        ],
        ..Table::default()
    };
    for row in rows(contest.args) {
        let name = row.name(contest.args);
        if contest.args.wants(&name) {
            row::attempt(contest, table, &name, |contest, table| add(table, contest, row, &name));
        }
    }
}

fn add(table: &mut Table, contest: &mut Contest<'_>, row: Row, name: &str) -> Result<(), BenchError> {
    let ours = contest.ours(row.class, &SETTINGS)?;
    let Row { groups, members, protocol, .. } = row;
    let heartbeat_ms = (groups * members).div_ceil(MEMBERS_PER_MS);
    let mut load = words("--mode groups --create-topic --delete-topic-after");
    load.extend(words(&format!("--heartbeat-ms {heartbeat_ms}")));
    load.extend(words(&format!("--groups {groups} --members {members} --group-protocol {protocol}")));
    load.extend(words(&format!("--group-load {} --partitions {}", row.load(), members.max(16))));
    load.extend(timing(contest));
    let found = measure_pairs(contest, name, &ours, Limit::SmallRequests, &mut |contest, side| {
        let mut load = load.clone();
        load.extend(["--topic".to_owned(), contest.topic()]);
        Generator::start(side, &load, contest.cores, &contest.dir)?.finish()
    })?;
    let counted = found.counted();
    let metrics = [JOIN_P50, JOIN_P99, LEAVE_P50, REQUESTS, PER_CORE, P99, MEMBER_BYTES];
    let mut cells = vec![name.to_owned()];
    for (place, metric) in metrics.iter().enumerate() {
        let figure = metric.over(&counted);
        cells.push(figure.both());
        if place < WITH_RATIO {
            cells.push(figure.ratio_text());
        }
    }
    cells.push(found.remark());
    table.rows.push(cells);
    table.data.push(row::data(name, &found, &metrics, REQUESTS));
    Ok(())
}

/// Members heartbeat as often as makes 200,000 requests a second: a longer interval would be what is measured. The note under
/// the table says so.
const MEMBERS_PER_MS: u32 = 200;
/// So many of the figures are shown with their ratio.
const WITH_RATIO: usize = 5;

fn figure(run: &Report, of: impl FnOnce(&GroupFigures) -> f64) -> Option<f64> {
    run.groups.as_ref().map(of)
}

#[expect(clippy::cast_precision_loss, reason = "requests of some seconds")]
fn per_core(run: &Report) -> Option<f64> {
    run.server_cpu_seconds.filter(|seconds| *seconds > 0.0).map(|seconds| run.requests as f64 / seconds)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a member")]
fn member_bytes(run: &Report) -> Option<f64> {
    run.groups.as_ref()?.server_bytes_per_member.map(|bytes| bytes as f64)
}
