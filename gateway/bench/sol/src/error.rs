//! What can go wrong in a program: the machine refuses something.

/// The machine refused something.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct SolError {
    what: &'static str,
    #[source]
    source: std::io::Error,
}

impl SolError {
    /// For `map_err`: names what was tried.
    pub(crate) fn at<E: Into<std::io::Error>>(what: &'static str) -> impl Fn(E) -> Self {
        move |source| Self { what, source: source.into() }
    }

    /// Something that the system did without an error of its own.
    pub(crate) fn other(what: &'static str, why: &'static str) -> Self {
        Self { what, source: std::io::Error::other(why) }
    }
}
