//! Several changes of one request at the same time, so that they share a commit of the journal.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// How many futures run at the same time: a small request can ask for very many.
const AT_ONCE: usize = 1024;

/// A future, then what it came to.
enum Slot<F: Future> {
    Running(Pin<Box<F>>),
    Done(F::Output),
}

/// Runs all futures, some at a time, and gives their results in order. They are begun in that order too: what each does
/// before its first wait, such as queueing an entry, happens in the order of the request.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures = futures.into_iter();
    let mut outputs = Vec::with_capacity(futures.size_hint().0);
    loop {
        let some: Vec<Slot<F>> =
            futures.by_ref().take(AT_ONCE).map(|future| Slot::Running(Box::pin(future))).collect();
        if some.is_empty() {
            return outputs;
        }
        outputs.extend(run(some).await);
    }
}

async fn run<F: Future>(mut slots: Vec<Slot<F>>) -> impl Iterator<Item = F::Output> {
    poll_fn(|cx| {
        let mut running = false;
        for slot in &mut slots {
            if let Slot::Running(future) = slot {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *slot = Slot::Done(output),
                    Poll::Pending => running = true,
                }
            }
        }
        if running { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    slots.into_iter().filter_map(|slot| match slot {
        Slot::Done(output) => Some(output),
        // None is left, as the loop above has ended.
        Slot::Running(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::sync::oneshot;

    use super::together;

    #[tokio::test]
    async fn very_many_run_some_at_a_time() {
        let numbers = together((0..5_000).map(|number| async move {
            tokio::task::yield_now().await;
            number
        }))
        .await;
        assert!(numbers.into_iter().eq(0..5_000));
    }

    #[tokio::test]
    async fn futures_begin_in_order_and_wait_at_the_same_time() {
        let (send, receive): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let begun = RefCell::new(Vec::new());
        let waiting = receive.into_iter().enumerate().map(|(at, receive)| {
            let begun = &begun;
            async move {
                begun.borrow_mut().push(at);
                receive.await.unwrap()
            }
        });
        let sending = async {
            // The last first: one after the other they would wait for ever.
            for (at, send) in send.into_iter().enumerate().rev() {
                tokio::task::yield_now().await;
                send.send(at * 10).unwrap();
            }
        };
        let (results, ()) = tokio::join!(together(waiting), sending);
        assert_eq!((results, begun.into_inner()), (vec![0, 10, 20], vec![0, 1, 2]));
    }
}
