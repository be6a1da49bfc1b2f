//! Standard output. A reader that has seen enough, such as `head`, is no error.

use std::io::{self, ErrorKind, Write};

use crate::complain;
use crate::exit::Exit;

/// Prints a text.
pub(crate) fn print(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What an outcome of writing to standard output means for the process.
pub(crate) fn written(outcome: io::Result<()>) -> Exit {
    match outcome {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            complain(&error);
            Exit::Failure
        }
    }
}
