//! Damage to files: detected, named, never wrong bytes, never a panic, nothing deleted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::conformance::Recorder;
use chronik_backend::{Append, AppendClass, AppendError, Damage, Position, ReadError, StorageBackend};
use chronik_types::Entropy;

use super::{block_on, options, pattern};
use crate::disk::Disk;
use crate::disk::sim::SimDisk;
use crate::dump::{Item, LogDump};
use crate::format::{BLOCK_HEADER, BlockHeader, PAGE, SegmentHeader, crc32c, segment_start};
use crate::{OpenError, WalBackend};

type Files = BTreeMap<String, Vec<u8>>;

const SEGMENT_BYTES: u64 = 64 << 10;
const ENTRIES: u64 = 60;

fn open(disk: &SimDisk) -> Result<WalBackend, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    WalBackend::open_on(disk, options("sim".as_ref(), SEGMENT_BYTES))
}

fn entry(n: u64) -> Bytes {
    [&n.to_be_bytes()[..], &pattern(n, 40)].concat().into()
}

fn data(n: u64) -> Bytes {
    pattern(n + 1000, 2_000 + usize::try_from(n).expect("small") * 37)
}

/// The files of a log of several segments; every entry was acknowledged, and something tells so.
fn healthy(seed: u64) -> Files {
    let disk = SimDisk::new();
    let mut with_id = options("sim".as_ref(), SEGMENT_BYTES);
    with_id.entropy = Entropy::seeded(seed);
    let backend = WalBackend::open_on(Arc::new(disk.clone()), with_id).expect("open");
    write(&backend);
    disk.files()
}

fn write(backend: &WalBackend) {
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    for token in 0..ENTRIES {
        let append = Append { token, entry: entry(token), data: vec![data(token)], class: AppendClass::Data };
        backend.append(append).expect("append");
        recorder.wait_for(token);
    }
    block_on(backend.close());
}

fn segment_names(files: &Files) -> Vec<String> {
    files.keys().filter(|name| name.starts_with("wal-")).cloned().collect()
}

/// What a reader of a log with one fault may find: all of it, or less with an error that says so, and no wrong byte
/// that is not reported.
fn check(backend: Result<WalBackend, OpenError>, fault: &str) {
    let backend = match backend {
        Ok(backend) => backend,
        Err(OpenError::Damaged { .. } | OpenError::Newer { .. }) => return,
        Err(error) => panic!("{fault}: {error}"),
    };
    let recorder = Recorder::default();
    let followed = backend.follow(backend.start(), Box::new(recorder.clone()));
    let found = recorder.committed();
    for (n, committed) in (0..).zip(&found) {
        assert_eq!(committed.entry, entry(n), "{fault}: a wrong entry");
    }
    let all = found.len() as u64 == ENTRIES;
    if let Err(error) = followed {
        panic!("{fault}: {error}");
    }
    let status = backend.status();
    match &status.read_only {
        None => assert!(all, "{fault}: {} entries without an error", found.len()),
        Some(damage) => assert!(damage.file.contains("wal-"), "{fault}: {damage}"),
    }
    let reported = !status.damage.is_empty() || status.read_only.is_some();
    for (n, committed) in (0..).zip(&found) {
        match block_on(backend.read(committed.data)) {
            Ok(bytes) => assert!(bytes == data(n) || reported, "{fault}: wrong data without a report"),
            Err(ReadError::NotFound { .. }) => assert!(!all, "{fault}: data is not found"),
            Err(error) => assert!(reported, "{fault}: {error}"),
        }
    }
}

/// Damages one file somewhere, and says how.
fn damage(files: &mut Files, entropy: &Entropy) -> String {
    let names: Vec<String> = files.keys().cloned().collect();
    let any =
        |names: &[String]| names[usize::try_from(entropy.below(names.len() as u64)).expect("small")].clone();
    let kind = entropy.below(6);
    if kind == 0 {
        let segments = segment_names(files);
        let (a, b) = (any(&segments), any(&segments));
        let swapped = files[&a].clone();
        let other = files.insert(b.clone(), swapped).expect("there");
        files.insert(a.clone(), other);
        return format!("swapped {a} and {b}");
    }
    let name = any(&names);
    let content = files.get_mut(&name).expect("there");
    let len = content.len().max(1) as u64;
    // Half of the faults where they matter most: in the first bytes of a page.
    let at = match entropy.below(2) {
        0 => entropy.below(len),
        _ => (entropy.below(len) / PAGE * PAGE + entropy.below(80)).min(len - 1),
    };
    let place = usize::try_from(at).expect("small");
    let page = place / 4096 * 4096;
    let page_end = (page + 4096).min(content.len());
    let what = match kind {
        1 | 2 => {
            if let Some(byte) = content.get_mut(place) {
                *byte ^= 1 << entropy.below(8);
            }
            "bit flip"
        }
        3 => {
            content[page..page_end].fill(0);
            "zeroed page"
        }
        4 => {
            content.truncate(place);
            "truncation"
        }
        _ => {
            entropy.fill(&mut content[page..page_end]);
            "random page"
        }
    };
    format!("{what} in {name} at {at}")
}

#[test]
fn no_single_fault_goes_unnoticed() {
    let healthy = healthy(1);
    assert!(segment_names(&healthy).len() >= 3);
    let entropy = Entropy::seeded(5);
    for _ in 0..300 {
        let mut files = healthy.clone();
        let fault = damage(&mut files, &entropy);
        let disk = SimDisk::holding(&files);
        if let Ok(dump) = LogDump::open_on(Arc::new(disk.clone())) {
            for segment in dump.segments() {
                assert!(dump.items(segment.start).expect("open").all(|item| item.is_ok()), "{fault}");
            }
        }
        check(open(&disk), &fault);
        let left = disk.files();
        if let Ok(backend) = open(&disk)
            && backend.follow(backend.start(), Box::new(Recorder::default())).is_ok()
            && backend.status().read_only.is_some()
        {
            assert!(left == files && disk.files() == files, "{fault}: a damaged log was changed");
        }
        // One that was made in advance and holds nothing may go.
        let written =
            |name: &&String| files[*name].get(4096..).is_some_and(|rest| rest.starts_with(b"CHRNKBLK"));
        for name in segment_names(&files).iter().filter(written) {
            assert!(left.contains_key(name), "{fault}: {name} was deleted");
        }
    }
}

#[test]
fn no_single_fault_in_real_files_goes_unnoticed() {
    let dir = tempfile::tempdir().expect("a directory");
    write(&WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open"));
    let healthy = read_dir(dir.path());
    let entropy = Entropy::seeded(6);
    for _ in 0..40 {
        let mut files = healthy.clone();
        let fault = damage(&mut files, &entropy);
        let dir = tempfile::tempdir().expect("a directory");
        for (name, content) in &files {
            std::fs::write(dir.path().join(name), content).expect("write");
        }
        check(WalBackend::open(options(dir.path(), SEGMENT_BYTES)), &fault);
    }
}

fn read_dir(dir: &Path) -> Files {
    let files = std::fs::read_dir(dir).expect("list").map(|entry| entry.expect("entry").path());
    let files = files.filter(|path| path.is_file() && !path.ends_with("lock"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(&path).expect("read"))
    };
    files.map(read).collect()
}

/// What is left of a damaged log.
struct Left {
    backend: WalBackend,
    recorder: Recorder,
    end: Position,
    damage: Damage,
}

/// Follows a damaged log, and looks whether it is left as it was.
fn left_of(files: &Files) -> Left {
    let disk = SimDisk::holding(files);
    let backend = open(&disk).expect("open");
    let recorder = Recorder::default();
    let end = backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    let damage = backend.status().read_only.expect("damaged");
    let append = Append { token: 1, entry: entry(1), data: Vec::new(), class: AppendClass::Control };
    assert_eq!(backend.append(append), Err(AppendError::ReadOnly { damage: damage.clone() }));
    block_on(backend.close());
    assert!(disk.files() == *files, "a damaged log was changed");
    Left { backend, recorder, end, damage }
}

/// The entries and data that are left are the first `count`, and no more.
fn check_left(left: &Left, count: usize) {
    let found = left.recorder.committed();
    assert_eq!(found.len(), count);
    for (n, committed) in (0..).zip(&found) {
        assert_eq!(committed.entry, entry(n));
        assert_eq!(block_on(left.backend.read(committed.data)).expect("readable"), data(n));
        assert!(committed.position < left.end);
    }
}

/// How many entries of a log lie before a position.
fn entries_before(files: &Files, position: u64) -> usize {
    let backend = open(&SimDisk::holding(files)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    recorder.committed().iter().filter(|committed| committed.position.get() < position).count()
}

fn start_of(name: &str) -> u64 {
    segment_start(name).expect("a segment")
}

#[test]
fn damage_is_named_by_file_and_offset() {
    let mut files = healthy(1);
    let name = segment_names(&files)[1].clone();
    files.get_mut(&name).expect("there")[3 * 4096 + 20] ^= 1;
    let block = first_block_at_or_before(&files[&name], 3 * 4096);
    let Damage { file, offset, .. } = left_of(&files).damage;
    assert_eq!((file, offset), (format!("sim/{name}"), block));
}

#[test]
fn everything_before_a_damaged_block_is_read_and_nothing_is_written() {
    let healthy = healthy(1);
    let name = segment_names(&healthy)[1].clone();
    let block = first_block_at_or_before(&healthy[&name], 8 * 4096);
    let position = start_of(&name) + block;
    let before = entries_before(&healthy, position);
    assert!(before > 0 && before < usize::try_from(ENTRIES).expect("small"));
    // In the header, and in the entries behind it.
    for at in [20, BLOCK_HEADER + 10] {
        let mut files = healthy.clone();
        files.get_mut(&name).expect("there")[usize::try_from(block).expect("small") + at] ^= 1;
        let left = left_of(&files);
        check_left(&left, before);
        assert_eq!((left.end.get(), left.damage.offset), (position, block));
        assert_eq!(left.damage.file, format!("sim/{name}"));
    }
}

#[test]
fn a_segment_that_was_cut_in_the_middle_is_read_up_to_there() {
    let mut files = healthy(1);
    let name = segment_names(&files)[1].clone();
    let cut = 8 * 4096 + 100;
    let block = first_block_at_or_before(&files[&name], cut);
    let before = entries_before(&files, start_of(&name) + block);
    files.get_mut(&name).expect("there").truncate(cut);
    let left = left_of(&files);
    check_left(&left, before);
    assert_eq!((left.end.get(), left.damage.offset), (start_of(&name) + block, cut as u64));
    assert_eq!(left.damage.reason, format!("the file has {cut} bytes of {SEGMENT_BYTES}"));
}

#[test]
fn a_segment_that_was_cut_behind_its_last_block_has_lost_nothing() {
    let mut files = healthy(1);
    let name = segment_names(&files)[0].clone();
    let content = files.get_mut(&name).expect("there");
    let end = content.iter().rposition(|byte| *byte != 0).expect("a block");
    content.truncate(end + 1);
    assert!((content.len() as u64) < SEGMENT_BYTES);
    let backend = open(&SimDisk::holding(&files)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    assert_eq!(recorder.committed().len() as u64, ENTRIES);
    let status = backend.status();
    assert_eq!(status.read_only, None);
    assert!(status.damage.len() == 1 && status.damage[0].contains(&name), "{:?}", status.damage);
}

fn first_block_at_or_before(content: &[u8], offset: usize) -> u64 {
    let pages = (0..=offset / 4096).rev().map(|page| page * 4096);
    let is_block = |at: &usize| content[*at..].starts_with(b"CHRNKBLK");
    pages.filter(is_block).map(|at| at as u64).next().expect("a block")
}

#[test]
fn damaged_data_is_reported_and_everything_else_is_read() {
    let mut files = healthy(1);
    let name = segment_names(&files)[0].clone();
    // Deep inside the data of one block.
    let content = files.get_mut(&name).expect("there");
    content[5 * 4096 + 1500] ^= 1;
    let backend = open(&SimDisk::holding(&files)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("the order is intact");
    assert_eq!(recorder.committed().len() as u64, ENTRIES);
    let damage = backend.status().damage;
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert!(damage[0].contains(&name), "{damage:?}");
    let wrong = (0..)
        .zip(recorder.committed())
        .filter(|(n, committed)| block_on(backend.read(committed.data)).expect("readable") != data(*n));
    assert_eq!(wrong.count(), 1);
}

/// A block that is valid in itself, in the right place and epoch, but not the one that was there: a write that the
/// disk lost. Only the chain tells.
#[test]
fn a_replaced_block_breaks_the_chain() {
    let mut files = healthy(1);
    let name = segment_names(&files)[0].clone();
    let log_id = SegmentHeader::decode(&files[&name]).expect("a header").log_id;
    let content = files.get_mut(&name).expect("there");
    let at = 2 * 4096;
    let position = at as u64;
    let mut header = BlockHeader::decode(log_id, position, &content[at..]).expect("a block");
    let meta = at + BLOCK_HEADER..at + BLOCK_HEADER + usize::try_from(header.meta_len).expect("small");
    content[meta.end - 1] ^= 1;
    header.meta_crc = crc32c(&content[meta]);
    header.encode(log_id, &mut content[at..]);
    let damage = left_of(&files).damage;
    assert!(damage.reason.contains("does not follow"), "{damage}");
}

/// A file that was recycled under the same name: only the epoch of its header tells the blocks of before apart.
#[test]
fn blocks_older_than_their_segment_are_not_read() {
    let mut files = healthy(1);
    let name = segment_names(&files)[1].clone();
    files.retain(|other, _| *other == name || other == "format");
    let all = files.clone();
    let content = files.get_mut(&name).expect("there");
    let mut header = SegmentHeader::decode(content).expect("a header");
    header.epoch += 1;
    header.encode(&mut content[..4096]);
    let entries = |files: &Files| {
        let backend = open(&SimDisk::holding(files)).expect("open");
        let recorder = Recorder::default();
        // Without what follows, its seal leads nowhere; what comes before that was delivered.
        let _ = backend.follow(backend.start(), Box::new(recorder.clone()));
        recorder.entries().len()
    };
    assert!(entries(&all) > 0);
    assert_eq!(entries(&files), 0);
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let mut files = healthy(1);
    let other = healthy(2);
    let name = segment_names(&files)[1].clone();
    files.insert(name.clone(), other[&name].clone());
    let left = left_of(&files);
    assert!(
        left.damage.file.contains(&name) && left.damage.reason.contains("another log"),
        "{}",
        left.damage
    );
    assert_eq!(left.end.get(), start_of(&name));
}

#[test]
fn a_missing_segment_is_named() {
    let mut files = healthy(1);
    let name = segment_names(&files)[1].clone();
    let before = entries_before(&files, start_of(&name));
    files.remove(&name);
    let left = left_of(&files);
    check_left(&left, before);
    assert!(left.damage.file.contains(&name) && left.damage.reason.contains("missing"), "{}", left.damage);
    assert!(left.recorder.boundaries().is_empty(), "nothing starts there");
}

#[test]
fn a_missing_segment_is_named_when_the_log_is_followed_from_it() {
    let mut files = healthy(1);
    let name = segment_names(&files)[1].clone();
    files.remove(&name);
    let disk = SimDisk::holding(&files);
    let backend = open(&disk).expect("open");
    let start = Position::new(start_of(&name));
    let end = backend.follow(start, Box::new(Recorder::default())).expect("follow");
    let damage = backend.status().read_only.expect("damaged");
    assert!(damage.file.contains(&name) && end == start, "{damage}");
    assert!(disk.files() == files, "a damaged log was changed");
}

#[test]
fn a_truncated_last_segment_is_damage_not_a_tail() {
    let mut files = healthy(1);
    // The last one may be there in advance, without a block.
    let written = |name: &String| files[name][4096..].starts_with(b"CHRNKBLK");
    let name = segment_names(&files).into_iter().rfind(written).expect("a segment");
    files.get_mut(&name).expect("there").truncate(2 * 4096);
    assert_eq!(left_of(&files).damage.offset, 8192);
}

#[test]
fn newer_versions_are_refused_by_name() {
    let mut files = healthy(1);
    let name = segment_names(&files)[0].clone();
    files.get_mut(&name).expect("there")[8] = 2;
    let error = open(&SimDisk::holding(&files)).expect_err("newer").to_string();
    assert!(error.contains(&name) && error.contains("version 2"), "{error}");

    let mut files = healthy(1);
    let text = "chronik-wal 2\nsomething new\n";
    let slot = format!("{text}crc {:08x}\n", crc32c(text.as_bytes()));
    files.get_mut("format").expect("there")[..slot.len()].copy_from_slice(slot.as_bytes());
    files.get_mut("format").expect("there")[slot.len()..4096].fill(b'\n');
    let error = open(&SimDisk::holding(&files)).expect_err("newer").to_string();
    assert!(error.contains("sim/format") && error.contains("version 2"), "{error}");
}

#[test]
fn a_lost_format_file_is_made_again_and_said() {
    let mut files = healthy(1);
    files.remove("format");
    let disk = SimDisk::holding(&files);
    let backend = open(&disk).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    assert_eq!(recorder.committed().len() as u64, ENTRIES);
    assert!(backend.status().damage[0].contains("sim/format"));
    assert!(disk.files().contains_key("format"));
}

#[test]
fn dump_goes_on_behind_damage() {
    let mut files = healthy(1);
    let name = segment_names(&files)[1].clone();
    let content = files.get_mut(&name).expect("there");
    let at = usize::try_from(first_block_at_or_before(content, 5 * 4096)).expect("small");
    content[at + 30] ^= 1;
    let dump = LogDump::open_on(Arc::new(SimDisk::holding(&files))).expect("open");
    let segment = dump.segments()[1].clone();
    let items: Vec<Item> = dump.items(segment.start).expect("open").collect::<Result<_, _>>().expect("read");
    let damaged = items.iter().position(|item| matches!(item, Item::Damage { .. })).expect("reported");
    assert_eq!(
        items[damaged],
        Item::Damage { offset: at as u64, reason: "the checksum of the header does not match".into() }
    );
    assert!(items[damaged + 1..].iter().any(|item| matches!(item, Item::Block(_))), "{items:?}");
    let Some(Item::Block(last)) = items.last() else { panic!("{:?}", items.last()) };
    assert_eq!(last.marks, ["seal"]);
}
