//! Checks of the objects beside the journal: S10 to S12.

use bytes::Bytes;

use super::{Session, Subject, block_on, pattern};
use crate::{ObjectError, ObjectName};

fn name(kind: &str, name: &str) -> ObjectName {
    ObjectName::new(kind, name).expect("a valid name")
}

/// S10: the same bytes again are fine, other bytes are refused and change nothing.
pub fn s10_an_object_is_created_once(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let (object, bytes) = (name("checkpoint", "0001"), pattern(1, 10_000));
    block_on(session.backend.put(object.clone(), bytes.clone())).expect("put");
    block_on(session.backend.put(object.clone(), bytes.clone())).expect("put the same again");
    let refused = block_on(session.backend.put(object.clone(), pattern(2, 10_000)));
    assert!(matches!(refused, Err(ObjectError::Exists { .. })), "{refused:?}");
    assert_eq!(block_on(session.backend.get(object)).expect("get"), bytes);
    session.close();
}

/// S10: an object that was put is there after a kill, an empty one too.
pub fn s10_an_object_outlives_a_kill(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    block_on(session.backend.put(name("checkpoint", "a"), pattern(1, 5))).expect("put");
    block_on(session.backend.put(name("checkpoint", "empty"), Bytes::new())).expect("put");
    session.kill(subject);

    let session = Session::open(subject);
    assert_eq!(block_on(session.backend.get(name("checkpoint", "a"))).expect("get"), pattern(1, 5));
    assert_eq!(block_on(session.backend.get(name("checkpoint", "empty"))).expect("get"), Bytes::new());
    session.close();
}

/// S11: a list has one kind, in ascending order; a name that is not there is not found.
pub fn s11_objects_are_listed_by_kind_in_order(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    for (kind, object) in [("checkpoint", "b"), ("index", "a"), ("checkpoint", "a"), ("checkpoint", "a.b-9")]
    {
        block_on(session.backend.put(name(kind, object), pattern(1, 10))).expect("put");
    }
    let listed = block_on(session.backend.list("checkpoint")).expect("list");
    assert_eq!(listed, [name("checkpoint", "a"), name("checkpoint", "a.b-9"), name("checkpoint", "b")]);
    assert_eq!(block_on(session.backend.list("segment")).expect("list"), []);
    let missing = block_on(session.backend.get(name("segment", "a")));
    assert!(matches!(missing, Err(ObjectError::NotFound { .. })), "{missing:?}");
    session.close();
}

/// S12: what was deleted is gone, also after a kill; deleting it again is fine, and the name is free.
pub fn s12_deleting_is_idempotent(subject: &mut dyn Subject) {
    let session = Session::open(subject);
    let object = name("checkpoint", "a");
    block_on(session.backend.put(object.clone(), pattern(1, 10))).expect("put");
    block_on(session.backend.delete(object.clone())).expect("delete");
    block_on(session.backend.delete(object.clone())).expect("delete again");
    session.kill(subject);

    let session = Session::open(subject);
    let missing = block_on(session.backend.get(object.clone()));
    assert!(matches!(missing, Err(ObjectError::NotFound { .. })), "{missing:?}");
    block_on(session.backend.put(object, pattern(2, 10))).expect("the name is free");
    session.close();
}
