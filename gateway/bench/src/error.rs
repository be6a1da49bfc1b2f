//! Why a run could not be started or carried on.

use std::io;
use std::path::PathBuf;

use chronik_types::ErrorCode;
use thiserror::Error;

/// Why there is no report. Errors in answers are no such reason: they are counted in the report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The arguments contradict each other or ask for what cannot be done.
    #[error("{0}")]
    Usage(String),
    /// None of the brokers could be reached.
    #[error("cannot connect to {address}: is a broker listening there? Say where with --bootstrap HOST:PORT")]
    Connect {
        /// What was tried.
        address: String,
        /// The system's error, of the last address tried.
        #[source]
        source: io::Error,
    },
    /// A connection failed or was closed while answers were due.
    #[error("the connection to {address} failed with {in_flight} requests unanswered")]
    Connection {
        /// The peer.
        address: String,
        /// Requests without an answer.
        in_flight: u64,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// An answer does not read as Kafka's protocol has it.
    #[error("{address} answers {api} with what cannot be read: {what}")]
    Protocol {
        /// The peer.
        address: String,
        /// The API.
        api: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The broker refused something that the run needs.
    #[error("the broker refuses to {what}: {} {detail}", name_of(*code))]
    Refused {
        /// What was asked.
        what: String,
        /// Kafka's error code.
        code: i16,
        /// The broker's words, or what to do about it.
        detail: String,
    },
    /// The broker does not have what the run needs.
    #[error("{0}")]
    Unsupported(String),
    /// Something did not happen in time.
    #[error("{0}")]
    Late(String),
    /// It was asked to stop before anything was measured.
    #[error("stopped before the warm-up had ended: nothing was measured")]
    Stopped,
    /// An output could not be written.
    #[error("cannot write {}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A program that shows what the machine allows could not run.
    #[error("what the machine allows cannot be measured")]
    Program {
        /// What was refused.
        #[source]
        source: chronik_sol::SolError,
    },
    /// The system refused something else.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl BenchError {
    pub(crate) const fn program(source: chronik_sol::SolError) -> Self {
        Self::Program { source }
    }

    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}

/// Kafka's name of an error code, or its number.
pub(crate) fn name_of(code: i16) -> String {
    ErrorCode::from_code(code).map_or_else(|| format!("error code {code}"), |known| known.name().to_owned())
}
