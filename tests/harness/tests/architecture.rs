//! Dependencies point down only. The order is that of the design: each crate names here what it may use, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Crate, and the crates of this workspace that it may depend on (tests aside).
const ALLOWED: &[(&str, &[&str])] = &[
    ("chronik-types", &[]),
    ("chronik-wire", &["chronik-types"]),
    ("chronik-config", &["chronik-types"]),
    ("chronik-backend", &["chronik-types"]),
    ("chronik-state", &["chronik-types"]),
    ("chronik-pages", &[]),
    ("chronik-wal", &["chronik-types", "chronik-backend", "chronik-pages"]),
    (
        "chronik-broker",
        &["chronik-types", "chronik-wire", "chronik-config", "chronik-backend", "chronik-state"],
    ),
    ("chronik-policy", &["chronik-types", "chronik-wire", "chronik-config", "chronik-broker"]),
    (
        "chronik-server",
        &[
            "chronik-types",
            "chronik-wire",
            "chronik-config",
            "chronik-state",
            "chronik-broker",
            "chronik-policy",
        ],
    ),
    ("chronik-admin", &["chronik-types", "chronik-config", "chronik-broker", "chronik-policy"]),
    ("chronik-sol", &[]),
    ("chronik-bench", &["chronik-types", "chronik-wire", "chronik-sol"]),
    (
        "chronik",
        &[
            "chronik-types",
            "chronik-wire",
            "chronik-config",
            "chronik-backend",
            "chronik-wal",
            "chronik-state",
            "chronik-broker",
            "chronik-policy",
            "chronik-server",
            "chronik-admin",
            "chronik-bench",
        ],
    ),
    ("chronik-harness", &["chronik-types", "chronik-wire"]),
    ("chronik-torture", &["chronik-types", "chronik-wire", "chronik-harness"]),
    (
        "chronik-instructions",
        &[
            "chronik-types",
            "chronik-wire",
            "chronik-config",
            "chronik-backend",
            "chronik-state",
            "chronik-broker",
            "chronik-server",
        ],
    ),
];

/// Only the composition root may know which backends there are.
const CONCRETE_BACKENDS: &[&str] = &["chronik-wal"];

#[test]
fn dependencies_point_down_only() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, below)| (*name, below.iter().copied().collect())).collect();
    let members: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let listed: BTreeSet<&str> = allowed.keys().copied().collect();
    assert_eq!(members, listed, "every crate of the workspace is listed here, and no other");
    for package in &metadata.packages {
        let may_use = &allowed[package.name.as_str()];
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if dependency.kind == DependencyKind::Development || !members.contains(name) {
                continue;
            }
            assert!(may_use.contains(name), "{} must not depend on {name}", package.name);
        }
    }
}

#[test]
fn the_table_itself_has_no_cycle_and_hides_the_backends() {
    let order: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    for (place, (name, below)) in ALLOWED.iter().enumerate() {
        for used in *below {
            assert!(order[..place].contains(used), "{name} is listed before {used}, which it uses");
            let root = *name == "chronik";
            assert!(root || !CONCRETE_BACKENDS.contains(used), "{name} names the backend {used}");
        }
    }
}
