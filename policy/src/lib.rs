//! Tower layers in front of the handlers.
