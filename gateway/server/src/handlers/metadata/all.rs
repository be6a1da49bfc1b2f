//! Metadata of all topics, encoded once for as long as nothing about topics changes.
//!
//! With 100,000 partitions an answer takes 10 ms and several megabytes. Clients that ask for everything tend to do it at the
//! same time, after a restart of theirs or of this gateway; all of them are sent the same bytes.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use chronik_policy::{Listener, Reply};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// Answers that are kept at most: clients of different versions ask in different ways.
const ANSWERS_KEPT: usize = 8;

/// What decides, beside the topics, how an answer looks.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) version: i16,
    pub(super) listener: Arc<Listener>,
    pub(super) with_topic_operations: bool,
    pub(super) with_cluster_operations: bool,
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
            && Arc::ptr_eq(&self.listener, &other.listener)
            && self.with_topic_operations == other.with_topic_operations
            && self.with_cluster_operations == other.with_cluster_operations
    }
}

/// The message of an answer, without its header.
type Encoded = Arc<OnceCell<Bytes>>;

/// The answers that are kept.
#[derive(Debug, Default)]
pub(crate) struct MetadataOfAll(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The topics that they describe.
    generation: u64,
    answers: Vec<(Question, Encoded)>,
}

impl MetadataOfAll {
    /// The answer to a question about the topics of a generation; who asks first encodes it, the others wait for him.
    ///
    /// # Errors
    /// The reply instead, when it cannot be encoded.
    pub(super) async fn answer<F>(
        &self,
        generation: u64,
        question: Question,
        encode: impl FnOnce() -> F,
    ) -> Result<Bytes, Reply>
    where
        F: Future<Output = Result<Bytes, Reply>>,
    {
        let answer = self.kept(generation, question);
        answer.get_or_try_init(encode).await.cloned()
    }

    fn kept(&self, generation: u64, question: Question) -> Encoded {
        let mut kept = self.0.lock();
        if generation < kept.generation {
            // Topics have changed since it looked at them. Nobody else will want that.
            return Encoded::default();
        }
        if generation > kept.generation {
            *kept = Kept { generation, answers: Vec::new() };
        }
        if let Some((_, answer)) = kept.answers.iter().find(|(known, _)| *known == question) {
            return Arc::clone(answer);
        }
        if kept.answers.len() >= ANSWERS_KEPT {
            kept.answers.remove(0);
        }
        let answer = Encoded::default();
        kept.answers.push((question, Arc::clone(&answer)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn listener() -> Arc<Listener> {
        let name = "PLAINTEXT".to_owned();
        Arc::new(Listener { name, advertised_host: "localhost".to_owned(), advertised_port: 9092 })
    }

    #[tokio::test]
    async fn an_answer_is_encoded_once_until_topics_change() {
        let (here, there) = (listener(), listener());
        let question = |version, listener: &Arc<Listener>, with_topic_operations| Question {
            version,
            listener: Arc::clone(listener),
            with_topic_operations,
            with_cluster_operations: false,
        };
        let (kept, encoded) = (MetadataOfAll::default(), Cell::new(0_u32));
        let ask = async |generation, question| {
            let encode = || async {
                encoded.set(encoded.get() + 1);
                Ok(Bytes::copy_from_slice(&encoded.get().to_be_bytes()))
            };
            u32::from_be_bytes(
                kept.answer(generation, question, encode).await.unwrap()[..].try_into().unwrap(),
            )
        };
        assert_eq!(ask(1, question(12, &here, false)).await, 1);
        assert_eq!(ask(1, question(12, &here, false)).await, 1);
        assert_eq!(ask(1, question(11, &here, false)).await, 2);
        assert_eq!(ask(1, question(12, &there, false)).await, 3);
        assert_eq!(ask(1, question(12, &here, true)).await, 4);
        assert_eq!(ask(1, question(12, &here, false)).await, 1);
        assert_eq!(ask(2, question(12, &here, false)).await, 5, "topics have changed");
        assert_eq!(ask(1, question(12, &here, false)).await, 6, "and what is old is not kept");
        assert_eq!(ask(2, question(12, &here, false)).await, 5);
        for version in 0..20 {
            ask(2, question(version, &there, false)).await;
        }
        assert_eq!(kept.0.lock().answers.len(), ANSWERS_KEPT);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let kept = MetadataOfAll::default();
        let question = Question {
            version: 1,
            listener: listener(),
            with_topic_operations: false,
            with_cluster_operations: false,
        };
        let failed = kept.answer(1, question.clone(), || async { Err(Reply::Nothing) }).await;
        assert!(matches!(failed, Err(Reply::Nothing)));
        let answered = kept.answer(1, question, || async { Ok(Bytes::from_static(b"x")) }).await;
        assert_eq!(answered.unwrap(), "x");
    }
}
