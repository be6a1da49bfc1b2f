//! DeleteTopics (20), versions 1 to 6 (KIP-4, KIP-516, KIP-525).
//!
//! By name, and from version 6 also by id. A topic is gone with all that it holds at one place in the journal. Codes:
//! UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INVALID_REQUEST for a topic that is named twice or in two ways,
//! TOPIC_DELETION_DISABLED (INVALID_REQUEST before version 3).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chronik_broker::Topic;
use chronik_types::ErrorCode;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use uuid::Uuid;

use super::refused::{Refused, error_fields};
use super::together::together;
use super::topic_ids::{topic_id_of, uuid_of};
use super::{Context, Request, Response, wire_topic_name};

/// A topic as a request names it: one of the two, where the request is right.
type Asked = (Option<TopicName>, Uuid);

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DeleteTopicsRequest>,
) -> Response<DeleteTopicsResponse> {
    let DeleteTopicsRequest { topics, topic_names, .. } = request.message;
    let names = topic_names.into_iter().map(|name| (Some(name), Uuid::nil()));
    let asked: Vec<Asked> =
        topics.into_iter().map(|topic| (topic.name, topic.topic_id)).chain(names).collect();
    let responses: Vec<_> = if context.broker.settings().topics.delete_enable {
        let context = &*context;
        let delete = async |(asked, found)| match found {
            Ok(topic) => result(asked, delete(context, topic).await),
            Err(refused) => result(asked, Err(refused)),
        };
        together(find_all(context, asked).into_iter().map(delete)).await
    } else {
        let refused = deletion_disabled(request.version);
        asked.into_iter().map(|asked| result(asked, Err(refused.clone()))).collect()
    };
    let errors: Vec<i16> = responses.iter().map(|response| response.error_code).collect();
    Response::with_errors(DeleteTopicsResponse::default().with_responses(responses), errors)
}

fn deletion_disabled(version: i16) -> Refused {
    if version < 3 {
        Refused::request("Deleting topics is switched off here.")
    } else {
        ErrorCode::TopicDeletionDisabled.into()
    }
}

/// The topics asked for, in the order of the request; what is asked for twice is there once, refused.
fn find_all(context: &Context, asked: Vec<Asked>) -> Vec<(Asked, Result<Arc<Topic>, Refused>)> {
    let mut times: HashMap<Asked, usize> = HashMap::with_capacity(asked.len());
    asked.iter().for_each(|asked| *times.entry(asked.clone()).or_default() += 1);
    let by_id: HashSet<Uuid> = asked.iter().filter(|(name, _)| name.is_none()).map(|(_, id)| *id).collect();
    let once = asked.into_iter().filter_map(|asked| Some((times.remove(&asked)?, asked)));
    once.map(|(times, asked)| {
        let found = find(context, &asked, times, &by_id);
        (asked, found)
    })
    .collect()
}

fn find(
    context: &Context,
    asked: &Asked,
    times: usize,
    by_id: &HashSet<Uuid>,
) -> Result<Arc<Topic>, Refused> {
    match asked {
        (None, id) if id.is_nil() => Err(Refused::request("A topic is named by neither name nor id.")),
        (Some(_), id) if !id.is_nil() => Err(Refused::request("A topic is named by both name and id.")),
        (Some(_), _) if times > 1 => Err(Refused::request("Duplicate topic name.")),
        (None, _) if times > 1 => Err(Refused::request("Duplicate topic id.")),
        (Some(name), _) => {
            let topic = context.broker.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
            if by_id.contains(&uuid_of(topic.id())) {
                return Err(Refused::request("The topic is named by its id, too."));
            }
            Ok(topic)
        }
        (None, id) => Ok(context.broker.topic_by_id(topic_id_of(*id)).ok_or(ErrorCode::UnknownTopicId)?),
    }
}

async fn delete(context: &Context, topic: Arc<Topic>) -> Result<Arc<Topic>, Refused> {
    context.broker.delete_topic(topic.id()).await?;
    Ok(topic)
}

fn result((name, id): Asked, deleted: Result<Arc<Topic>, Refused>) -> DeletableTopicResult {
    let (code, message) = error_fields(deleted.as_ref().err());
    let response = DeletableTopicResult::default().with_error_code(code).with_error_message(message);
    match deleted {
        Ok(topic) => {
            response.with_name(Some(wire_topic_name(topic.name()))).with_topic_id(uuid_of(topic.id()))
        }
        Err(_) => response.with_name(name).with_topic_id(id),
    }
}
