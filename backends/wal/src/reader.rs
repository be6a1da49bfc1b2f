//! Threads for what may take long: reading old data, trimming, objects.
//!
//! They are apart from the writers, so that a reader of cold data never delays an acknowledgement. The queue in front
//! of them is bounded: who finds it full waits.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

type Job = Box<dyn FnOnce() + Send>;

/// The threads.
#[derive(Debug)]
pub(crate) struct Workers {
    /// `None` once they are told to stop.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let (jobs, next) = mpsc::channel::<Job>(QUEUED_JOBS);
        // This lock does not spin: on a busy core, giving up the processor to spin on can take longer than a read.
        let next = Arc::new(tokio::sync::Mutex::new(next));
        let thread = |number| {
            let next = Arc::clone(&next);
            let run = move || {
                loop {
                    // One waits for a job, the others for their turn to wait.
                    let job = next.blocking_lock().blocking_recv();
                    let Some(job) = job else { return };
                    job();
                }
            };
            std::thread::Builder::new().name(format!("wal-read-{number}")).spawn(run)
        };
        let threads = (0..count.max(1)).map(thread).collect::<io::Result<_>>()?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), threads: Mutex::new(threads) })
    }

    /// Runs `job` on one of the threads; `None` when they have stopped.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.lock().clone()?;
        let job: Job = Box::new(move || {
            // Nobody listens when the caller has given up.
            drop(answer.send(job()));
        });
        jobs.send(job).await.ok()?;
        answered.await.ok()
    }

    /// Runs `job` on one of the threads, unless too much waits for them already.
    pub(crate) fn try_run(&self, job: impl FnOnce() + Send + 'static) {
        if let Some(jobs) = &*self.jobs.lock() {
            // What is not run is dropped.
            drop(jobs.try_send(Box::new(job)));
        }
    }

    /// Lets queued jobs finish and ends the threads.
    pub(crate) fn stop(&self) {
        drop(self.jobs.lock().take());
        let threads = std::mem::take(&mut *self.threads.lock());
        let current = std::thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != current) {
            if thread.join().is_err() {
                tracing::error!("a reading thread of the log has panicked");
            }
        }
    }
}

/// What a caller is told once the threads have stopped.
pub(crate) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "storage is closed")
}

const QUEUED_JOBS: usize = 256;
