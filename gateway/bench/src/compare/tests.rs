//! What arguments mean, and that a comparison without a peer can be listed.

use clap::Parser;

use super::args::{Class, CompareArgs};
use super::compare;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: CompareArgs,
}

fn parse(line: &str) -> CompareArgs {
    Line::try_parse_from(std::iter::once("compare").chain(line.split_whitespace())).unwrap().args
}

#[test]
fn rows_of_a_table_have_different_names() {
    let args = parse("--peer h:1 --list --table t0,t1,t2,t3,t4,t5,t7,t10");
    let listed = compare(&args, &mut Vec::new()).unwrap().text;
    let mut names: Vec<&str> = listed.lines().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), count > 40), (count, true), "{listed}");
    assert!(listed.contains("T1  D1 vs D0 1KiB 16p\n"), "{listed}");
}

#[test]
fn ours_meets_the_peer_in_the_same_class_and_a_stronger_one() {
    assert_eq!(parse("--peer h:1").classes(), [Class::D0, Class::D1]);
    assert_eq!(parse("--peer h:1 --peer-durability d1").classes(), [Class::D1]);
    assert_eq!(parse("--peer h:1 --classes D0").classes(), [Class::D0]);
    assert_eq!(parse("-b h:2 --durability D0 --peer h:1").classes(), [Class::D0]);
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
