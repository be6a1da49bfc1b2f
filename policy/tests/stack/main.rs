//! Layers as they stand in a stack: the one that the README shows, and those that act on time and count.
#![cfg(test)]

mod layers;
mod readme_layer;
mod support;
