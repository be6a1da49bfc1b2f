//! Several changes of one request at the same time, so that they share a commit of the journal.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A future, then what it came to.
enum Slot<F: Future> {
    Running(Pin<Box<F>>),
    Done(F::Output),
}

/// Runs all futures and gives their results in order. They are begun in that order too: what each does before its first
/// wait, such as queueing an entry, happens in the order of the request.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut slots: Vec<Slot<F>> = futures.into_iter().map(|future| Slot::Running(Box::pin(future))).collect();
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
    let outputs = slots.into_iter().filter_map(|slot| match slot {
        Slot::Done(output) => Some(output),
        // None is left, as the loop above has ended.
        Slot::Running(_) => None,
    });
    outputs.collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::sync::oneshot;

    use super::together;

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
