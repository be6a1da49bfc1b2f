//! What arguments mean, and that a comparison without a peer can be listed.

use clap::Parser;
use clap::error::ErrorKind;

use super::args::{Class, CompareArgs, TableName};
use super::compare;
use super::tables::in_order;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: CompareArgs,
}

pub(super) fn parse(line: &str) -> CompareArgs {
    Line::try_parse_from(std::iter::once("compare").chain(line.split_whitespace())).unwrap().args
}

#[test]
fn what_a_script_gives_can_be_given_again() {
    let args =
        parse("--table T1 --pairs 3 --seconds 2 --warmup 0.5 --table T3 --pairs 9 --seconds 1 --warmup 0");
    assert_eq!((args.table, args.pairs), (vec![TableName::T3], 9));
    assert!((args.seconds - 1.0).abs() < 1e-9 && args.warmup.abs() < 1e-9);
}

#[test]
fn rows_of_a_table_have_different_names() {
    let args = parse("--peer h:1 --list --table t0,t1,t2,t3,t4,t5,t7,t10");
    let mut listed = String::new();
    assert!(compare(&args, &mut |text| listed.push_str(text), &mut Vec::new()).unwrap());
    let mut names: Vec<&str> = listed.lines().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), count > 40), (count, true), "{listed}");
    assert!(listed.contains("T1  D1 vs D0 1KiB 16p\n"), "{listed}");
}

#[test]
fn tables_that_are_named_again_take_the_place_of_those_before() {
    assert_eq!(parse("").table, [TableName::T0, TableName::T1]);
    assert_eq!(parse("--table T0,T1,T2 --unpinned --table t3,T4").table, [TableName::T3, TableName::T4]);
}

#[test]
fn the_footprint_is_measured_before_all_loads_and_many_partitions_after_them() {
    let wanted = parse("--table T10,T7,T6,T5,T4,T3,T2,T1,T0,T1").table;
    let names: Vec<&str> = in_order(&wanted).into_iter().map(TableName::name).collect();
    assert_eq!(names, ["T0", "T10", "T1", "T2", "T3", "T4", "T6", "T7", "T5"]);
}

/// What a comparison printed, what it wrote as Markdown, and whether all went well.
fn compared(dir: &str, line: &str) -> (Vec<String>, String, bool) {
    let dir = std::env::temp_dir().join(format!("chronik-compare-tests-{}-{dir}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (here, markdown) = (dir.display(), dir.join("tables.md"));
    let args = parse(&format!("{line} --text --dir {here} --markdown {}", markdown.display()));
    let mut printed = Vec::new();
    let clean = compare(&args, &mut |text| printed.push(text.to_owned()), &mut Vec::new()).unwrap();
    let written = std::fs::read_to_string(&markdown).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    (printed, written, clean)
}

/// The binary whose size T10 wants is not there; of T7 no row is wanted.
#[test]
fn a_row_that_fails_is_told_and_the_others_are_measured() {
    let line = "-b 127.0.0.1:1 --binary /none --table T10,T7 --rows footprint";
    let (printed, written, clean) = compared("row", line);
    assert!(!clean);
    let [first, second] = printed.as_slice() else { panic!("{printed:?}") };
    assert!(first.starts_with("processor: ") && first.contains("\nT10 footprint\n"), "{first}");
    assert!(first.contains("cannot look at /none"), "{first}");
    assert!(second.starts_with("\nT7 "), "{second}");
    assert!(written.contains("## T10 footprint") && written.contains("## T7 "), "{written}");
}

/// Runs until it is killed, and is collected at once, as init does it with servers.
fn peer_process() -> u32 {
    let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    std::thread::spawn(move || {
        let input = child.stdin.take();
        let status = child.wait();
        drop(input);
        status
    });
    pid
}

#[test]
fn a_peer_that_does_not_come_back_costs_its_own_figures_alone() {
    let line = format!(
        "-b 127.0.0.1:1 --binary /bin/sh --table T10,T4,T7 --rows footprint,1k --peer 127.0.0.1:1 --peer-pid {} \
         --peer-program /bin/sh --peer-restart false",
        peer_process()
    );
    let (printed, _, clean) = compared("peer", &line);
    assert!(!clean);
    let [footprint, connections, compressed] = printed.as_slice() else { panic!("{printed:?}") };
    // The size of both programs is known, and why nothing more of the peer.
    assert!(
        footprint.contains("peer: ") && footprint.contains("--peer-restart ended with exit status: 1"),
        "{footprint}"
    );
    assert!(connections.contains("peer: cannot signal process"), "{connections}");
    for table in &printed {
        assert!(!table.contains("FAILED"), "{table}");
    }
    assert!(compressed.starts_with("\nT7 "), "{compressed}");
}

#[test]
fn ours_meets_the_peer_in_the_same_class_and_a_stronger_one() {
    assert_eq!(parse("--peer h:1").classes(), [Class::D0, Class::D1]);
    assert_eq!(parse("--peer h:1 --peer-durability d1").classes(), [Class::D1]);
    assert_eq!(parse("--peer h:1 --classes D0").classes(), [Class::D0]);
    assert_eq!(parse("-b h:2 --durability D0 --peer h:1").classes(), [Class::D0]);
}

#[test]
fn what_a_running_gateway_cannot_be_given_is_refused() {
    let refused = |more: &str| {
        let line = format!("compare -b h:2 {more}");
        Line::try_parse_from(line.split(' ')).err().map(|error| error.kind())
    };
    assert_eq!(refused("--classes D0"), Some(ErrorKind::ArgumentConflict));
    assert_eq!(refused("--ours storage.wal.writes_in_flight=8"), Some(ErrorKind::ArgumentConflict));
    assert_eq!(refused("--binary /bin/chronik --durability D0"), None);
}

#[test]
fn rows_are_chosen_by_a_part_of_their_name_or_the_whole() {
    let part = parse("--rows 16p,1rec");
    assert!(part.wants("D0 1KiB 16p") && part.wants("D0 1KiB 8p 1rec/req") && !part.wants("D0 1KiB 1p"));
    let mut whole = parse("");
    whole.rows = vec!["=D0 1KiB 16p".to_owned()];
    assert!(whole.wants("D0 1KiB 16p") && !whole.wants("D0 1KiB 16p 64conn"));
    assert!(parse("").wants("anything"));
}

#[test]
fn pinning_is_on_unless_it_is_refused() {
    assert_eq!(parse("--unpinned").cores().server, None);
    let same = parse("--same-core").cores();
    assert_eq!(same.server, same.client);
}
