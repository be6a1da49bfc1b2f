//! Checks of what is left of a damaged journal: S13.

use bytes::Bytes;

use super::{Event, Session, Subject, append, block_on, pattern};
use crate::{AppendClass, AppendError, Committed, ObjectError, ObjectName, Position};

const COUNT: u64 = 40;
/// The entry that is damaged, in the second segment.
const DAMAGED: usize = 25;

/// Commits entries to two segments, and an object; then damages one of them. What was committed.
fn damaged(subject: &mut dyn Subject) -> Vec<Committed> {
    let session = Session::open(subject);
    for token in 0..COUNT {
        if token == 20 {
            session.backend.seal();
        }
        session.commit(token, &token.to_be_bytes(), &[pattern(token, 500)]);
    }
    block_on(session.backend.put(name("there"), Bytes::from_static(b"before"))).expect("put");
    let committed = session.recorder.committed();
    session.kill(subject);
    subject.damage(committed[DAMAGED].position);
    committed
}

fn name(name: &str) -> ObjectName {
    ObjectName::new("kind", name).expect("a name")
}

/// S13: everything before the damage is delivered and read, start after start, and the damage is named.
pub fn s13_history_ends_before_damage(subject: &mut dyn Subject) {
    let committed = damaged(subject);
    for _ in 0..2 {
        let session = Session::open(subject);
        let damage = session.backend.status().read_only.expect("read-only");
        assert!(!damage.file.is_empty() && !damage.reason.is_empty(), "{damage}");
        let history = session.recorder.committed();
        assert_eq!(history.len(), DAMAGED);
        assert!(history[DAMAGED - 1].position < session.end && session.end <= committed[DAMAGED].position);
        assert_eq!(session.recorder.boundaries().len(), 1);
        for (token, (before, found)) in (0..).zip(committed.iter().zip(&history)) {
            assert_eq!((before.position, &before.entry), (found.position, &found.entry));
            let read = block_on(session.backend.read(found.data)).expect("readable");
            assert_eq!(read, pattern(token, 500));
        }
        session.kill(subject);
    }
}

/// S13: appends, trims and changes of objects are refused, sealing and closing do nothing, the medium stays as it is.
pub fn s13_nothing_changes_behind_damage(subject: &mut dyn Subject) {
    damaged(subject);
    let before = subject.content();
    let session = Session::open(subject);
    let backend = &session.backend;
    let damage = backend.status().read_only.expect("read-only");
    for class in [AppendClass::Data, AppendClass::Control] {
        let refused = backend.append(crate::Append { class, ..append(1, b"more", &[]) });
        assert_eq!(refused, Err(AppendError::ReadOnly { damage: damage.clone() }));
    }
    let boundary: Position = session.recorder.boundaries()[0];
    let is_refused = |result: Result<(), ObjectError>| {
        assert!(
            matches!(&result, Err(ObjectError::ReadOnly { damage: found }) if *found == damage),
            "{result:?}"
        );
    };
    is_refused(block_on(backend.trim(boundary)).map(drop));
    is_refused(block_on(backend.put(name("more"), Bytes::from_static(b"more"))));
    is_refused(block_on(backend.delete(name("there"))));
    assert_eq!(block_on(backend.get(name("there"))).expect("readable"), "before");
    assert_eq!(block_on(backend.list("kind")).expect("readable"), [name("there")]);
    backend.seal();
    let heard = session.recorder.events();
    assert!(heard.iter().all(|event| !matches!(event, Event::Refused(..))), "{heard:?}");
    block_on(backend.close());
    assert_eq!(backend.append(append(2, b"late", &[])), Err(AppendError::Closed));
    session.kill(subject);
    assert_eq!(subject.content(), before);
}
