//! About how long a comparison takes: rows, times pairs, times windows and what lies around them.
//!
//! What lies around was taken from runs on two cores, with Kafka as the peer. Runs that are repeated because something
//! disturbed them come on top.

use super::args::{CompareArgs, TableName};
use super::tables::{in_order, wanted_rows};

/// What a table takes besides its windows, in seconds.
struct Cost {
    /// For each run: a new topic, the start of the load, the drain, the deletion.
    run: f64,
    /// Reading back what a second of window has written, in each run.
    read_back: f64,
    /// For each row and side: the start of ours, and what comes before the pairs.
    row: f64,
    /// For each side, once.
    table: f64,
}

/// Seconds of the tables that are wanted, in the order in which they are measured.
pub(crate) fn estimate(args: &CompareArgs) -> Vec<(TableName, usize, f64)> {
    let tables = in_order(&args.table);
    let last = tables.last().copied();
    let timed = tables.into_iter().map(|table| {
        let rows = wanted_rows(table, args);
        let starts_peer = table == TableName::T10 && args.peer_restart.is_some() && last != Some(table);
        let warm_up = if starts_peer && rows > 0 { PEER_START + WARM_UP_SECONDS } else { 0.0 };
        (table, rows, seconds(table, rows, args) + warm_up)
    });
    timed.collect()
}

/// The same as lines, and their sum as the last one.
pub(crate) fn listing(args: &CompareArgs) -> String {
    let tables = estimate(args);
    let line =
        |name: &str, rows: usize, seconds: f64| format!("{name}  {rows} rows  {:.1} min\n", seconds / 60.0);
    let mut text: String =
        tables.iter().map(|(table, rows, seconds)| line(table.name(), *rows, *seconds)).collect();
    let (rows, seconds) =
        tables.iter().fold((0, 0.0), |sum, (_, rows, seconds)| (sum.0 + rows, sum.1 + seconds));
    text.push_str(&line("all", rows, seconds));
    text
}

/// `about 63 minutes: T1 23, T3 40`.
pub(crate) fn sentence(args: &CompareArgs) -> String {
    let tables = estimate(args);
    let minutes = |seconds: f64| format!("{:.0}", (seconds / 60.0).ceil());
    let all = tables.iter().map(|(_, _, seconds)| seconds).sum();
    let each: Vec<String> =
        tables.iter().map(|(table, _, seconds)| format!("{} {}", table.name(), minutes(*seconds))).collect();
    format!("about {} minutes, more where disturbed runs are repeated: {}", minutes(all), each.join(", "))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows and GiB")]
fn seconds(table: TableName, rows: usize, args: &CompareArgs) -> f64 {
    let (sides, rows) = (if args.peer.is_some() { 2.0 } else { 1.0 }, rows as f64);
    let window = args.seconds + args.warmup;
    let peer = sides - 1.0;
    let cost = match table {
        TableName::T0 => return T0_SECONDS,
        TableName::T10 => return rows * f64::from(args.pairs) * 0.2,
        // Kafka takes some hundred connections a second.
        TableName::T4 => return rows * (sides * (window + 2.0) + peer * 50.0),
        TableName::T5 => return rows * (window + 10.0) + peer * rows.min(1.0) * (window + 90.0),
        TableName::T1 => Cost { run: 0.8, read_back: 1.0, row: 0.3, table: 0.0 },
        TableName::T2 => Cost { run: 0.3, read_back: 0.0, row: 0.0, table: 3.0 * args.old_gib as f64 },
        TableName::T3 => Cost { run: 0.3, read_back: 0.0, row: 0.6, table: 0.0 },
        TableName::T6 => Cost { run: 1.2, read_back: 0.0, row: 0.3, table: 0.0 },
        TableName::T7 => Cost { run: 0.4, read_back: 1.0, row: 0.3, table: 0.0 },
    };
    let read_back = if args.unverified { 0.0 } else { cost.read_back * window };
    let pair = LIMIT_SECONDS + sides * (window + cost.run + read_back);
    rows * (f64::from(args.pairs) * pair + sides * cost.row) + rows.min(1.0) * sides * cost.table
}

/// All its programs.
const T0_SECONDS: f64 = 14.0;
/// The program that shows in each pair what the machine allows.
const LIMIT_SECONDS: f64 = 0.7;
const PEER_START: f64 = 5.0;
/// Load for a peer that a table has started anew.
pub(crate) const WARM_UP_SECONDS: f64 = 60.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::parse;

    fn all(line: &str) -> f64 {
        estimate(&parse(line)).iter().map(|(_, _, seconds)| seconds).sum()
    }

    #[test]
    fn windows_pairs_sides_and_rows_take_time() {
        let base = all("--table T1,T3 --peer h:1 --pairs 3 --seconds 2");
        for more in ["--pairs 7 --seconds 2", "--pairs 3 --seconds 5", "--pairs 3 --seconds 2 --warmup 3"] {
            assert!(all(&format!("--table T1,T3 --peer h:1 {more}")) > base * 1.2, "{more}");
        }
        for less in ["--peer h:1 --unverified", "--peer h:1 --rows 16p", ""] {
            assert!(all(&format!("--table T1,T3 --pairs 3 --seconds 2 {less}")) < base, "{less}");
        }
        // Each of the 18 rows has 7 pairs of two runs of 6 s.
        assert!(all("--table T1 --peer h:1 --unverified") > 18.0 * 7.0 * 2.0 * 6.0);
    }

    #[test]
    fn a_peer_that_is_started_anew_is_warmed_up_for_the_next_table() {
        let restarted = "--peer h:1 --peer-pid 1 --peer-restart x --table";
        let warm_up = all(&format!("{restarted} T10,T1")) - all("--peer h:1 --table T10,T1");
        assert!(warm_up >= WARM_UP_SECONDS, "{warm_up}");
        assert!(all(&format!("{restarted} T10")) < WARM_UP_SECONDS);
    }

    #[test]
    fn the_last_line_is_the_sum() {
        let listed = listing(&parse("--table T10,T1 --rows footprint,=D1"));
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines, ["T10  1 rows  0.0 min", "T1  0 rows  0.0 min", "all  1 rows  0.0 min"]);
    }
}
