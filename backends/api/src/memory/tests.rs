use std::sync::Arc;

use bytes::Bytes;

use super::{Faults, MemoryBackend, MemoryOptions, Pending};
use crate::conformance::{Recorder, SEGMENT_BYTES, Subject};
use crate::{Append, AppendClass, AppendError, ObjectName, Objects, Position, StorageBackend};

/// Memory that outlives its backend by way of its faults.
struct Memory {
    faults: Option<Faults>,
}

const LIMIT_BYTES: u64 = 8 << 20;

fn options() -> MemoryOptions {
    MemoryOptions {
        segment_bytes: SEGMENT_BYTES,
        limit_bytes: LIMIT_BYTES,
        reserve_bytes: 4096,
        ..Default::default()
    }
}

impl Subject for Memory {
    fn open(&mut self) -> Arc<dyn StorageBackend> {
        let backend = match &self.faults {
            Some(faults) => faults.restart(),
            None => MemoryBackend::new(options()),
        };
        self.faults = Some(backend.faults());
        Arc::new(backend)
    }

    fn kill(&mut self) {}

    fn fail_next_write(&mut self) -> bool {
        self.faults.as_ref().expect("open").fail_write(1);
        true
    }

    fn damage(&mut self, entry: Position) {
        self.faults.as_ref().expect("open").damage(entry);
    }

    fn content(&mut self) -> Vec<(String, Bytes)> {
        let state = self.faults.as_ref().expect("open").content();
        vec![("memory".to_owned(), state.into())]
    }

    fn leave_space(&mut self, _bytes: u64) -> bool {
        // The limit is small enough to be reached.
        true
    }
}

crate::conformance_tests!(Memory { faults: None });

fn append(token: u64) -> Append {
    Append {
        token,
        entry: Bytes::copy_from_slice(&token.to_be_bytes()),
        data: vec![Bytes::from_static(b"some data")],
        class: AppendClass::Data,
    }
}

fn followed(backend: &MemoryBackend) -> Recorder {
    let recorder = Recorder::default();
    backend.follow(Position::ZERO, Box::new(recorder.clone())).expect("follow");
    recorder
}

fn tokens(recorder: &Recorder) -> Vec<u64> {
    let token = |entry: Bytes| u64::from_be_bytes(entry[..].try_into().expect("eight bytes"));
    recorder.entries().into_iter().map(token).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

#[test]
fn refuses_the_nth_append_only() {
    let backend = MemoryBackend::new(options());
    let recorder = followed(&backend);
    backend.faults().fail_append(2, AppendError::Full { detail: "planned".into() });
    let outcomes: Vec<bool> = (0..4).map(|token| backend.append(append(token)).is_ok()).collect();
    assert_eq!(outcomes, [true, false, true, true]);
    recorder.wait_for(3);
    assert_eq!(tokens(&recorder), [0, 2, 3]);
}

#[test]
fn a_failed_put_leaves_no_object() {
    let backend = MemoryBackend::new(options());
    backend.faults().fail_put(1, std::io::ErrorKind::TimedOut);
    let name = ObjectName::new("checkpoint", "a").expect("valid");
    assert!(block_on(backend.put(name.clone(), Bytes::from_static(b"x"))).is_err());
    assert!(block_on(backend.get(name.clone())).is_err());
    assert!(block_on(backend.put(name, Bytes::from_static(b"x"))).is_ok());
}

#[test]
fn holds_commits_until_they_are_released() {
    let backend = MemoryBackend::new(options());
    let recorder = followed(&backend);
    backend.faults().hold();
    for token in 0..3 {
        backend.append(append(token)).expect("accepted");
    }
    assert!(backend.status().bytes_queued > 0);
    assert_eq!(recorder.events().len(), 0);
    backend.faults().release();
    recorder.wait_for(2);
    assert_eq!(tokens(&recorder), [0, 1, 2]);
}

#[test]
fn a_power_cut_keeps_what_was_acknowledged_and_any_prefix_of_the_rest() {
    for kept in 0..=4 {
        let backend = MemoryBackend::new(options());
        let recorder = followed(&backend);
        backend.append(append(0)).expect("accepted");
        recorder.wait_for(0);
        backend.faults().hold();
        for token in 1..=4 {
            backend.append(append(token)).expect("accepted");
        }
        let mut asked = 0;
        let after = backend.faults().cut_power(|_| {
            asked += 1;
            asked <= kept
        });
        assert_eq!(backend.append(append(9)), Err(AppendError::Closed));
        assert_eq!(tokens(&recorder), [0], "nothing is acknowledged by a power cut");
        assert_eq!(tokens(&followed(&after)), (0..=kept).collect::<Vec<_>>());
    }
}

#[test]
fn a_power_cut_keeps_any_subset_of_objects_on_their_way() {
    let names = ["a", "b", "c"].map(|name| ObjectName::new("checkpoint", name).expect("valid"));
    for subset in 0..8_usize {
        let backend = MemoryBackend::new(options());
        backend.faults().hold();
        let mut puts: Vec<_> =
            names.iter().map(|name| backend.put(name.clone(), Bytes::from_static(b"x"))).collect();
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(puts.iter_mut().all(|put| put.as_mut().poll(context).is_pending()));
        let survives = |name: &ObjectName| names.iter().position(|n| n == name).map(|n| subset >> n & 1 == 1);
        let after = backend.faults().cut_power(|pending| match pending {
            Pending::Put(name) => survives(name).expect("one of them"),
            Pending::Append(_) | Pending::Delete(_) => false,
        });
        assert!(puts.into_iter().all(|put| block_on(put).is_err()), "no put succeeds without power");
        let expected: Vec<_> = names.iter().filter(|name| survives(name) == Some(true)).cloned().collect();
        assert_eq!(block_on(after.list("checkpoint")).expect("list"), expected);
    }
}

#[test]
fn commits_by_hand_happen_where_they_are_asked_for() {
    let backend = MemoryBackend::by_hand(options());
    assert!(!backend.commit(), "nobody follows yet");
    let recorder = followed(&backend);
    backend.append(append(1)).unwrap();
    backend.append(append(2)).unwrap();
    assert!(recorder.entries().is_empty());
    assert!(backend.commit());
    assert_eq!(tokens(&recorder), [1, 2]);
    assert!(!backend.commit());
}
