//! Threads for what may take long: reading old data, trimming, objects.
//!
//! They are apart from the writers, so that a reader of cold data never delays an acknowledgement. The queue in front
//! of them is bounded: who finds it full waits.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The threads.
#[derive(Debug)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Wakes a thread; waits with `queue`.
    work: Condvar,
    /// Room in the queue.
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_stopped: bool,
}

/// Something to do, with its place in the queue.
struct Job {
    run: Box<dyn FnOnce() + Send>,
    place: OwnedSemaphorePermit,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl Workers {
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        Self::start_with(count, |number, run| {
            std::thread::Builder::new().name(format!("wal-read-{number}")).spawn(run)
        })
    }

    /// Starts threads by `spawn`.
    fn start_with(
        count: usize,
        mut spawn: impl FnMut(usize, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            room: Arc::new(Semaphore::new(QUEUED_JOBS)),
        });
        let workers = Self { shared, threads: Mutex::default() };
        for number in 0..count.max(1) {
            let shared = Arc::clone(&workers.shared);
            match spawn(number, Box::new(move || while shared.run_next() {})) {
                Ok(thread) => workers.threads.lock().push(thread),
                Err(error) => {
                    // Those that have started would wait for ever.
                    workers.stop();
                    return Err(error);
                }
            }
        }
        Ok(workers)
    }

    /// Runs `job` on one of the threads; `None` when they have stopped, or it panicked.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let run = Box::new(move || {
            // Nobody listens when the caller has given up.
            drop(answer.send(job()));
        });
        let place = Arc::clone(&self.shared.room).acquire_owned().await.ok()?;
        self.shared.add(vec![Job { run, place }]);
        answered.await.ok()
    }

    /// Runs those of the jobs on the threads for which there is room in the queue; the others are dropped.
    pub(crate) fn try_run_all(&self, jobs: impl IntoIterator<Item: FnOnce() + Send + 'static>) {
        let place = || Arc::clone(&self.shared.room).try_acquire_owned().ok();
        let job = |run| Some(Job { place: place()?, run: Box::new(run) });
        // Collected first: to take them may take longer than the lock should be held.
        self.shared.add(jobs.into_iter().map_while(job).collect());
    }

    /// Lets queued jobs finish and ends the threads.
    pub(crate) fn stop(&self) {
        self.shared.stop();
        let threads = std::mem::take(&mut *self.threads.lock());
        let current = std::thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != current) {
            if thread.join().is_err() {
                tracing::error!("a reading thread of the log has panicked");
            }
        }
    }
}

impl Shared {
    fn add(&self, jobs: Vec<Job>) {
        let mut queue = self.queue.lock();
        // What comes after the end is dropped.
        if !queue.is_stopped {
            queue.jobs.extend(jobs);
        }
        let is_empty = queue.jobs.is_empty();
        drop(queue);
        if !is_empty {
            self.work.notify_one();
        }
    }

    /// Waits for a job and does it; `false` when there will not be any.
    fn run_next(&self) -> bool {
        let mut queue = self.queue.lock();
        let job = loop {
            if let Some(job) = queue.jobs.pop_front() {
                break job;
            }
            if queue.is_stopped {
                return false;
            }
            self.work.wait(&mut queue);
        };
        let has_more = !queue.jobs.is_empty();
        drop(queue);
        // The next thread is woken by this one: whoever brings many jobs has others to serve, and wakes only one.
        if has_more {
            self.work.notify_one();
        }
        drop(job.place);
        // Whoever waits for this job is told by what it drops; the thread is there for the next one.
        if catch_unwind(AssertUnwindSafe(job.run)).is_err() {
            tracing::error!("a job of a reading thread of the log has panicked");
        }
        true
    }

    fn stop(&self) {
        self.queue.lock().is_stopped = true;
        self.room.close();
        self.work.notify_all();
    }
}

/// What a caller is told once the threads have stopped.
pub(crate) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "storage is closed")
}

const QUEUED_JOBS: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test]
    async fn many_jobs_at_once_are_done_by_all_threads() {
        const THREADS: usize = 4;
        let workers = Workers::start(THREADS).unwrap();
        let barrier = Arc::new(std::sync::Barrier::new(THREADS));
        // Each waits until as many are at work as there are threads.
        workers.try_run_all((0..2 * THREADS).map(|_| {
            let barrier = Arc::clone(&barrier);
            move || {
                barrier.wait();
            }
        }));
        assert_eq!(workers.run(|| 7).await, Some(7));
        workers.stop();
        assert_eq!(workers.run(|| 7).await, None);
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_no_thread_with_it() {
        let workers = Workers::start(1).unwrap();
        for _ in 0..2 {
            assert_eq!(workers.run(|| panic!("provoked by a test")).await, None::<()>);
        }
        assert_eq!(workers.run(|| 7).await, Some(7));
        workers.stop();
    }

    #[test]
    fn threads_end_when_not_all_of_them_can_be_started() {
        let (ended, ends) = sync_channel(2);
        let started = Workers::start_with(3, |number, run| match number {
            2 => Err(io::ErrorKind::WouldBlock.into()),
            _ => {
                let ended = ended.clone();
                Ok(std::thread::spawn(move || {
                    run();
                    ended.send(number).unwrap();
                }))
            }
        });
        assert_eq!(started.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut numbers: Vec<_> = ends.try_iter().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1]);
    }

    #[test]
    fn what_the_queue_has_no_room_for_is_dropped_and_the_rest_is_done_before_the_end() {
        let workers = Workers::start(1).unwrap();
        let (done, count) = sync_channel(2 * QUEUED_JOBS);
        let (go, wait) = sync_channel::<()>(0);
        let (begun, begins) = sync_channel(0);
        workers.try_run_all([move || {
            begun.send(()).unwrap();
            wait.recv().unwrap();
        }]);
        begins.recv().unwrap();
        workers.try_run_all((0..QUEUED_JOBS + 3).map(|number| {
            let done = done.clone();
            move || done.send(number).unwrap()
        }));
        go.send(()).unwrap();
        workers.stop();
        drop(done);
        assert_eq!(count.iter().collect::<Vec<_>>(), (0..QUEUED_JOBS).collect::<Vec<_>>());
    }
}
