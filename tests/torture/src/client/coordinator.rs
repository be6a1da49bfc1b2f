//! FindCoordinator: there is one broker, so it can only name itself; Kafka makes its internal topics when it is asked.

use chronik_types::ErrorCode;
use kafka_protocol::messages::FindCoordinatorRequest;
use kafka_protocol::protocol::StrBytes;

use super::{Link, code};
use crate::stage::Over;

const FIND_COORDINATOR_VERSION: i16 = 4;

/// What is coordinated; the ordinal is the key type of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coordinated {
    Group = 0,
    Transaction = 1,
}

/// Waits until there is a coordinator for this group or transactional id.
pub(crate) fn find_coordinator(link: &mut Link<'_>, kind: Coordinated, key: &str) -> Result<(), Over> {
    let request = FindCoordinatorRequest::default()
        .with_key_type(kind as i8)
        .with_coordinator_keys(vec![StrBytes::from_string(key.to_owned())]);
    let stage = link.stage;
    stage.patiently("FindCoordinator", || {
        let (answer, _) = link.insist(FIND_COORDINATOR_VERSION, &request)?;
        let Some(found) = answer.coordinators.first() else {
            stage.problem(format!("{}: FindCoordinator names nobody", link.who));
            return Ok(Some(()));
        };
        match code(found.error_code) {
            ErrorCode::None if found.port == i32::from(stage.address.port()) => Ok(Some(())),
            later if later.is_retriable() => Ok(None),
            other => {
                stage.problem(format!("{}: FindCoordinator: {other:?}, port {}", link.who, found.port));
                Ok(Some(()))
            }
        }
    })
}
