//! One connection that is opened when it is needed.

use std::time::Duration;

use chronik_harness::{Connection, wait_until};
use kafka_protocol::protocol::Request;

use crate::stage::{Over, Stage};

/// How long an answer may take; a JoinGroup waits for the slowest member.
const TIMEOUT: Duration = Duration::from_secs(45);
/// How long a broker may take to come back.
const RESTART: Duration = Duration::from_secs(120);

/// The connection of one client.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) who: String,
    /// With how often the broker had ended before it was opened.
    open: Option<(Connection, u64)>,
}

impl<'a> Link<'a> {
    pub(crate) fn new(stage: &'a Stage, who: String) -> Self {
        Self { stage, who, open: None }
    }

    /// Asks once. `None` when no answer came: whether the request was carried out is not known.
    ///
    /// # Errors
    /// When the run is over.
    pub(crate) fn call<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<Option<R::Response>, Over> {
        let (connection, ends) = self.connection()?;
        let ends = *ends;
        match connection.call(version, request) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => {
                self.open = None;
                self.stage.connection_failed(&self.who, ends, &error);
                if self.stage.is_over() { Err(Over) } else { Ok(None) }
            }
        }
    }

    /// Asks until an answer comes; for requests that may be carried out twice. Also tells whether it was the first one.
    ///
    /// # Errors
    /// When the run is over.
    pub(crate) fn insist<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<(R::Response, bool), Over> {
        let mut first = true;
        loop {
            if let Some(answer) = self.call(version, request)? {
                return Ok((answer, first));
            }
            first = false;
        }
    }

    /// Sends a request and goes away without reading the answer, as a client that is killed.
    ///
    /// # Errors
    /// When the run is over.
    pub(crate) fn send_and_die<R: Request>(&mut self, version: i16, request: &R) -> Result<(), Over> {
        let (connection, _) = self.connection()?;
        // Whether it arrived is not known in any case.
        let _ = connection.send(version, request);
        self.open = None;
        Ok(())
    }

    /// Drops the connection.
    pub(crate) fn die(&mut self) {
        self.open = None;
    }

    /// Gives the connection away, so that a successor and this client can both go on.
    pub(crate) fn split(&mut self) -> Self {
        Self { stage: self.stage, who: format!("{} (zombie)", self.who), open: self.open.take() }
    }

    /// Whether there is a connection that may still work.
    pub(crate) fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|(_, ends)| *ends == self.stage.ends())
    }

    fn connection(&mut self) -> Result<&mut (Connection, u64), Over> {
        if self.open.is_none() {
            let stage = self.stage;
            let opened = wait_until(RESTART, || {
                if stage.is_over() {
                    return Some(None);
                }
                let ends = stage.ends();
                Connection::open(stage.address, TIMEOUT).ok().map(|connection| Some((connection, ends)))
            });
            if opened.is_none() {
                stage.problem(format!("{}: the broker does not come back", self.who));
                stage.end();
            }
            self.open = opened.flatten();
        }
        self.open.as_mut().ok_or(Over)
    }
}
