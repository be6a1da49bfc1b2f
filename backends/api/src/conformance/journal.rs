//! Checks of order, durability and boundaries: S1 to S6 and `close`.

use std::sync::Arc;

use bytes::Bytes;

use super::{Event, Recorder, SEGMENT_BYTES, Session, Subject, append, block_on, pattern};
use crate::{AppendError, FollowError, Position};

/// S1: what a restart delivers equals what was committed, without tokens, and then live entries follow.
pub fn s1_history_comes_first_and_is_what_was_committed(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    for token in 0..50 {
        session.commit(token, &pattern(token, 20), &[pattern(token, 100)]);
    }
    let before = session.recorder.committed();
    session.kill(subject);

    let session = Session::open(subject);
    let history = session.recorder.committed();
    assert_eq!(history.len(), before.len());
    for (live, again) in before.iter().zip(&history) {
        assert_eq!((live.position, &live.entry, live.data), (again.position, &again.entry, again.data));
        assert_eq!(again.token, None);
        assert!(again.position < session.end);
    }
    session.commit(7, b"live", &[]);
    let live = session.recorder.committed().pop().expect("an entry");
    assert_eq!((live.token, &live.entry[..]), (Some(7), &b"live"[..]));
    assert!(live.position >= session.end);
    session.close();
}

/// S1: only the start and boundaries can be followed from.
pub fn s1_refuses_to_start_anywhere_but_at_a_boundary(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    session.commit(1, b"entry", &[]);
    session.commit(2, b"entry", &[]);
    let inside = session.recorder.committed().pop().expect("an entry").position;
    session.kill(subject);

    let backend = subject.open();
    let refused = backend.follow(inside, Box::new(Recorder::default()));
    assert!(matches!(refused, Err(FollowError::NotABoundary { asked }) if asked == inside), "{refused:?}");
}

/// S1: a second follower is refused.
pub fn s1_has_one_follower(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let refused = session.backend.follow(session.backend.start(), Box::new(Recorder::default()));
    assert!(matches!(refused, Err(FollowError::AlreadyFollowed)), "{refused:?}");
    session.commit(1, b"still works", &[]);
    session.close();
}

/// S2: each of several threads finds its own entries in the order in which it appended them.
pub fn s2_appends_of_one_thread_commit_in_order(subject: &mut dyn Subject) {
    const THREADS: u64 = 4;
    const EACH: u64 = 100;
    let session = Session::open(subject);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let backend = Arc::clone(&session.backend);
            scope.spawn(move || {
                for n in 0..EACH {
                    let token = thread * EACH + n;
                    backend
                        .append(append(token, &token.to_be_bytes(), &[pattern(token, 64)]))
                        .expect("append");
                }
            });
        }
    });
    for token in 0..THREADS * EACH {
        session.recorder.wait_for(token);
    }
    let tokens: Vec<u64> = session.recorder.committed().iter().filter_map(|c| c.token).collect();
    for thread in 0..THREADS {
        let own: Vec<u64> = tokens.iter().copied().filter(|token| token / EACH == thread).collect();
        assert_eq!(own, (thread * EACH..(thread + 1) * EACH).collect::<Vec<_>>());
    }
    session.close();
}

/// S3: after a failed write nothing is acknowledged, and what was acknowledged before is still there.
pub fn s3_acknowledges_nothing_after_a_failed_write(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    session.commit(1, b"before", &[]);
    if !subject.fail_next_write() {
        return;
    }
    session.backend.append(append(2, b"fails", &[])).expect("accepted");
    let mut token = 3;
    // The failure is noticed by the first append after it; until then they are accepted and hear nothing.
    while session.backend.append(append(token, b"after", &[])).is_ok() {
        token += 1;
        std::thread::yield_now();
    }
    let refused = session.backend.append(append(token, b"after", &[]));
    assert_eq!(refused, Err(AppendError::Closed));
    assert_eq!(session.recorder.entries(), [Bytes::from_static(b"before")]);
    session.kill(subject);

    let session = Session::open(subject);
    assert_eq!(session.recorder.entries().first(), Some(&Bytes::from_static(b"before")));
    session.close();
}

/// S4: positions rise, data spans do not overlap, and nothing is missing or there twice, across segments.
pub fn s4_every_entry_comes_once_in_order(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let count = 200;
    for token in 0..count {
        session.backend.append(append(token, &token.to_be_bytes(), &[pattern(token, 4000)])).expect("append");
    }
    session.recorder.wait_for(count - 1);
    let committed = session.recorder.committed();
    let expected: Vec<Bytes> = (0..count).map(|n| Bytes::copy_from_slice(&n.to_be_bytes())).collect();
    assert_eq!(session.recorder.entries(), expected);
    assert!(committed.is_sorted_by(|a, b| a.position < b.position));
    assert!(committed.is_sorted_by(|a, b| a.data.at.get() + u64::from(a.data.len) <= b.data.at.get()));
    session.close();
}

/// S5: a boundary lies after all entries delivered before it, and following from it gives exactly the rest.
pub fn s5_a_sealed_boundary_is_where_following_can_start(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    session.commit(1, b"below", &[pattern(1, 100)]);
    session.backend.seal();
    session.recorder.wait_until(|events| events.iter().any(|event| matches!(event, Event::Sealed(_))));
    let boundary = session.recorder.boundaries()[0];
    session.commit(2, b"above", &[]);
    let positions: Vec<Position> = session.recorder.committed().iter().map(|c| c.position).collect();
    assert!(positions[0] < boundary && boundary <= positions[1], "{positions:?} {boundary}");
    session.kill(subject);

    let backend = subject.open();
    let recorder = Recorder::default();
    backend.follow(boundary, Box::new(recorder.clone())).expect("follow from a boundary");
    assert_eq!(recorder.entries(), [Bytes::from_static(b"above")]);
    assert_eq!(recorder.committed()[0].position, positions[1]);
}

/// S6: an append that is refused leaves no trace, now or after a restart.
pub fn s6_an_entry_that_is_refused_never_happens(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let segment = usize::try_from(SEGMENT_BYTES).expect("fits");
    let refused = session.backend.append(append(1, b"large", &[pattern(1, 4 * segment)]));
    assert!(matches!(refused, Err(AppendError::TooLarge { .. })), "{refused:?}");
    session.commit(2, b"small", &[]);
    session.kill(subject);

    let session = Session::open(subject);
    assert_eq!(session.recorder.entries(), [Bytes::from_static(b"small")]);
    session.close();
}

/// Closing commits what was accepted; later appends are refused.
pub fn close_commits_what_was_accepted(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    for token in 0..20 {
        session.backend.append(append(token, &token.to_be_bytes(), &[])).expect("append");
    }
    block_on(session.backend.close());
    assert_eq!(session.recorder.committed().len(), 20);
    assert_eq!(session.backend.append(append(99, b"late", &[])), Err(AppendError::Closed));
    session.kill(subject);

    let session = Session::open(subject);
    assert_eq!(session.recorder.committed().len(), 20);
    session.close();
}
