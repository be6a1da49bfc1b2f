//! The files in `examples/` load.

use std::path::Path;

use chronik_config::{Backend, Settings, Sources};

#[test]
fn every_example_loads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        let loaded = Settings::load(Sources { file: Some(path), env: [], sets: Vec::new() });
        let settings = loaded.unwrap_or_else(|errors| panic!("{errors}")).settings;
        let backend = if names.last().unwrap() == "memory.toml" { Backend::Memory } else { Backend::Wal };
        assert_eq!(settings.storage.backend, backend);
        // The smallest one writes the defaults down.
        assert_eq!(names.last().unwrap() == "minimal.toml", settings == Settings::default());
    }
    names.sort();
    assert_eq!(names, ["lan.toml", "low-memory.toml", "memory.toml", "minimal.toml", "single-node.toml"]);
}
