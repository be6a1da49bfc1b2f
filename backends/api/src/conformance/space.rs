//! Checks of reading, sealing, trimming and full storage: S7 to S9.

use bytes::Bytes;

use super::{Event, SEGMENT_BYTES, Session, Subject, append, block_on, pattern};
use crate::{Append, AppendClass, AppendError, DataRef, Position, ReadError};

/// S7: several pieces of data are one span, and every part of it can be read.
pub fn s7_any_part_of_data_can_be_read(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let parts = [pattern(1, 1000), pattern(2, 1), Bytes::new(), pattern(3, 5000)];
    session.commit(1, b"before", &[pattern(9, 77)]);
    session.commit(2, b"entry", &parts);
    session.commit(3, b"after", &[pattern(8, 77)]);
    let whole: Bytes = parts.concat().into();
    let data = session.recorder.committed()[1].data;
    assert_eq!(data.len, 6001);
    for (offset, len) in [(0, 6001), (0, 1), (999, 3), (1000, 0), (6000, 1), (1001, 5000)] {
        let part = data.slice(offset, len).expect("within");
        let from = usize::try_from(offset).expect("fits");
        let expected = whole.slice(from..from + usize::try_from(len).expect("fits"));
        assert_eq!(block_on(session.backend.read(part)).expect("read"), expected);
        assert_eq!(session.backend.cached(part).expect("recent data is in memory"), expected);
    }
    session.close();
}

/// S7: data is where its entry says, also when another run wrote it.
pub fn s7_data_is_readable_after_a_restart(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    for token in 0..150 {
        session.commit(token, b"entry", &[pattern(token, 3000)]);
    }
    session.kill(subject);

    let session = Session::open(subject);
    for (seed, committed) in (0..).zip(session.recorder.committed()) {
        assert_eq!(block_on(session.backend.read(committed.data)).expect("read"), pattern(seed, 3000));
    }
    session.close();
}

/// S7: addresses beyond the end hold nothing.
pub fn s7_what_was_never_written_is_not_found(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    session.commit(1, b"entry", &[pattern(1, 10)]);
    let nowhere = DataRef { at: Position::new(u64::MAX / 2), len: 1 };
    let refused = block_on(session.backend.read(nowhere));
    assert!(matches!(refused, Err(ReadError::NotFound { .. })), "{refused:?}");
    assert_eq!(session.backend.cached(nowhere), None);
    session.close();
}

/// S8: without an entry there is nothing to end.
pub fn s8_sealing_an_empty_segment_does_nothing(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    session.backend.seal();
    session.commit(1, b"entry", &[]);
    session.backend.seal();
    session.backend.seal();
    session.commit(2, b"entry", &[]);
    assert_eq!(session.recorder.boundaries().len(), 1);
    session.close();
}

/// S8: segments end by themselves when they are full, so that they can be trimmed one by one.
pub fn s8_a_full_segment_ends_by_itself(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let entries = SEGMENT_BYTES / 16_000 * 4;
    for token in 0..entries {
        session.commit(token, b"entry", &[pattern(token, 16_000)]);
    }
    assert!(session.recorder.boundaries().len() >= 2, "{:?}", session.recorder.boundaries());
    assert!(session.recorder.boundaries().is_sorted());
    session.close();
}

/// S9: what lies before the boundary goes, the rest stays readable, an address inside a segment frees less.
pub fn s9_trim_gives_up_whole_segments_only(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    for token in 0..3 {
        session.commit(token, b"entry", &[pattern(token, 500)]);
        session.backend.seal();
        let sealed = usize::try_from(token).expect("small") + 1;
        session.recorder.wait_until(|events| {
            events.iter().filter(|event| matches!(event, Event::Sealed(_))).count() >= sealed
        });
    }
    let boundaries = session.recorder.boundaries();
    let data: Vec<DataRef> = session.recorder.committed().iter().map(|c| c.data).collect();
    let inside = Position::new(boundaries[1].get() - 1);
    assert_eq!(block_on(session.backend.trim(inside)).expect("trim"), boundaries[0]);
    assert_eq!(block_on(session.backend.trim(boundaries[1])).expect("trim"), boundaries[1]);
    assert_eq!(session.backend.start(), boundaries[1]);
    let gone = block_on(session.backend.read(data[0]));
    assert!(matches!(gone, Err(ReadError::NotFound { .. })), "{gone:?}");
    assert_eq!(session.backend.cached(data[0]), None);
    assert_eq!(block_on(session.backend.read(data[2])).expect("read"), pattern(2, 500));
    session.close();
}

/// S9: after a restart the journal starts where it was trimmed, and older places are refused.
pub fn s9_trim_outlives_a_restart(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let first = session.backend.start();
    session.commit(1, b"old", &[pattern(1, 500)]);
    session.backend.seal();
    session.commit(2, b"new", &[pattern(2, 500)]);
    let boundary = session.recorder.boundaries()[0];
    block_on(session.backend.trim(boundary)).expect("trim");
    session.kill(subject);

    let session = Session::open(subject);
    assert_eq!(session.backend.start(), boundary);
    assert!(first < boundary);
    assert_eq!(session.recorder.entries(), [Bytes::from_static(b"new")]);
    session.close();
}

/// Full storage refuses data, takes small control entries, keeps reading, and takes data again after a trim.
pub fn full_storage_refuses_data_and_takes_control(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    session.commit(0, b"first", &[pattern(0, 500)]);
    if !subject.leave_space(3 * SEGMENT_BYTES) {
        return;
    }
    let mut token = 1;
    let error = loop {
        match session.backend.append(append(token, b"entry", &[pattern(token, 16_000)])) {
            Ok(()) => session.recorder.wait_for(token),
            Err(error) => break error,
        }
        let refused = session.recorder.events().into_iter().find_map(|event| match event {
            Event::Refused(_, error) => Some(error),
            Event::Committed(_) | Event::Sealed(_) => None,
        });
        if let Some(error) = refused {
            break error;
        }
        token += 1;
        assert!(token < 1000, "never full");
    };
    assert!(matches!(error, AppendError::Full { .. }), "{error:?}");
    assert!(session.backend.status().full);
    let first = session.recorder.committed()[0].data;
    assert_eq!(block_on(session.backend.read(first)).expect("read"), pattern(0, 500));

    let control = Append { class: AppendClass::Control, ..append(2000, b"control", &[]) };
    session.backend.append(control).expect("control entries fit");
    session.recorder.wait_for(2000);
    let last = session.recorder.committed().pop().expect("an entry");
    assert_eq!(last.token, Some(2000));

    let boundary = session.recorder.boundaries().pop().expect("segments ended");
    block_on(session.backend.trim(boundary)).expect("trim");
    session.backend.append(append(2001, b"again", &[pattern(1, 16_000)])).expect("there is space again");
    session.recorder.wait_for(2001);
    assert_eq!(session.recorder.committed().pop().and_then(|last| last.token), Some(2001));
    assert!(!session.backend.status().full);
    session.close();
}
