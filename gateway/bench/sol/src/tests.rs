//! Each program runs for a moment and counts what it did. No figure is judged.

use crate::{Cores, Programs, Settings, render};

#[test]
fn every_program_does_something() {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        Settings { seconds: 0.02, dir: dir.path().to_owned(), cores: Cores { server: None, client: None } };
    let programs = Programs::open(settings).unwrap();
    let found = programs.all().unwrap();
    assert!(found.receive.iter().all(|stream| stream.requests_per_second > 0.0), "{found:?}");
    assert!(found.small_requests.requests_per_second > 0.0, "{found:?}");
    assert!(found.send.gigabytes_per_second > 0.0, "{found:?}");
    assert!(found.durable.iter().all(|durable| durable.frames_per_second > 0.0), "{found:?}");
    assert!(found.durable_round_trip.count > 0 && found.ping_cross_core.count > 0, "{found:?}");
    assert!(found.syncs.iter().all(|sync| sync.latency.count > 0), "{found:?}");
    assert_eq!(render(&found).lines().count(), 12 + usize::from(!found.direct));
    drop(programs);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file is removed");
}
