//! What belongs to whom, from lines as the kernel writes them.

use super::*;

/// Processes from `pid (name) parent own waited`; those whose parent is 2 are the kernel's.
fn machine(lines: &[(u32, &str, u32, u64, u64)]) -> BTreeMap<u32, Process> {
    lines
        .iter()
        .map(|&(pid, name, parent, own, waited)| {
            let flags = if parent == 2 { 69_238_880 } else { 4_194_304 };
            let stat = format!(
                "{pid} ({name}) S {parent} 0 0 0 -1 {flags} 1 2 3 4 {own} 0 {waited} 0 20 0 1 0 9 0 0"
            );
            (pid, Process::parse(&stat).unwrap())
        })
        .collect()
}

/// The difference between two moments in ticks: kernel, foreign, all. The server is process 50.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few ticks")]
fn between(then: &[(u32, &str, u32, u64, u64)], now: &[(u32, &str, u32, u64, u64)]) -> [Option<u64>; 3] {
    let at = |lines| CpuTimes { server_pid: Some(50), processes: machine(lines), ..CpuTimes::default() };
    let used = at(now) - at(then);
    [used.kernel, used.foreign, used.busy].map(|seconds| {
        let ticks = seconds? * rustix::param::clock_ticks_per_second() as f64;
        Some(ticks.round() as u64)
    })
}

fn client(own: u64) -> (u32, &'static str, u32, u64, u64) {
    (std::process::id(), "chronik", 40, own, 0)
}

#[test]
fn a_process_may_have_any_name() {
    let stat = "12 (a) b (c)) S 1 2 3 4 5 69238880 7 8 9 10 250 50 7 8 20 0 1 0 99 0 0";
    let expected =
        Process { name: "a) b (c)".to_owned(), parent: 1, kernel: true, own: 300, waited: 15, started: 99 };
    assert_eq!(Process::parse(stat), Some(expected));
    assert_eq!(Process::parse("12 (a"), None);
    assert_eq!(Process::parse("12 (a) S 1 2 3"), None);
}

#[test]
fn the_machine_tells_what_was_stolen() {
    assert_eq!(Machine::parse("cpu  10 0 20 60 0 0 5 5 9 9\ncpu0 1 1"), Some(Machine { steal: 5, all: 100 }));
    assert_eq!(Machine::parse("cpu  1 2 3"), None);
    assert_eq!(Machine::parse("intr 1 2 3"), None);
}

#[test]
fn what_is_neither_server_nor_load_nor_kernel_is_foreign() {
    let then = [client(10), (41, "kworker", 2, 100, 0), (50, "java", 1, 500, 0), (60, "cron", 1, 7, 0)];
    let now = [client(90), (41, "kworker", 2, 130, 0), (50, "java", 1, 700, 0), (60, "cron", 1, 12, 0)];
    assert_eq!(between(&then, &now), [Some(30), Some(5), Some(80 + 30 + 200 + 5)]);
}

#[test]
fn loads_beside_this_one_and_who_started_them_are_not_foreign() {
    let others = |own| [(40, "chronik", 1, own, 0), (42, "chronik", 40, own, 0), (50, "java", 1, 0, 0)];
    let then: Vec<_> = others(0).into_iter().chain([client(0), (43, "sh", 40, 0, 0)]).collect();
    let now: Vec<_> = others(20).into_iter().chain([client(0), (43, "sh", 40, 3, 0)]).collect();
    assert_eq!(between(&then, &now)[1], Some(3));
}

#[test]
fn a_process_that_began_counts_from_its_start() {
    let now = [client(0), (50, "java", 1, 0, 0), (70, "rustc", 1, 25, 0)];
    assert_eq!(between(&[client(0), (50, "java", 1, 0, 0)], &now)[1], Some(25));
}

#[test]
fn the_parent_tells_of_a_process_that_ended() {
    let then = [client(0), (50, "java", 1, 0, 0), (60, "make", 1, 1, 40), (70, "cc", 60, 100, 0)];
    let now = [client(0), (50, "java", 1, 0, 0), (60, "make", 1, 2, 170)];
    // 130 were waited for, 100 of them belong to the time before.
    assert_eq!(between(&then, &now)[1], Some(31));
}

#[test]
fn processes_that_end_untold_take_nothing_away() {
    let then = [
        client(0),
        (41, "kworker", 2, 900, 0),
        (44, "kworker", 2, 5, 0),
        (50, "java", 1, 0, 0),
        (70, "x", 1, 800, 0),
    ];
    let now = [client(0), (44, "kworker", 2, 8, 0), (50, "java", 1, 0, 0), (60, "cron", 1, 4, 0)];
    assert_eq!(between(&then, &now), [Some(3), Some(4), Some(7)]);
}

#[test]
fn without_the_server_nobody_is_called_foreign() {
    let [kernel, foreign, busy] = between(&[client(1)], &[client(3)]);
    assert_eq!((kernel, foreign, busy), (None, None, Some(2)));
}

#[test]
fn this_process_is_seen_from_both_sides() {
    let pid = std::process::id();
    let before = CpuTimes::now(Some(pid));
    assert!(before.processes.contains_key(&pid));
    let used = CpuTimes::now(Some(pid)) - before;
    assert!(used.client > 0.0, "{used:?}");
    assert!(used.server.is_some() && used.foreign.is_some() && used.steal.is_some(), "{used:?}");
    assert!(check_server(pid).is_ok() && check_server(u32::MAX).is_err());
    assert!(resident_bytes(pid).is_some_and(|bytes| bytes > 0));
}
