//! What is measured on: without it no figure means anything to somebody else.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crc_fast::CrcAlgorithm::Crc32Iscsi;
use serde::Serialize;

use super::args::CompareArgs;
use super::ours;
use crate::cpu;

/// The head of all tables.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// File system of the directory, its device, and how its caches are set.
    pub(crate) disk: String,
    /// Load averages at the start.
    pub(crate) load: String,
    /// Share of all time that the hypervisor has withheld since the machine was started.
    pub(crate) steal_percent: f64,
    pub(crate) chronik: String,
    pub(crate) peer: Option<String>,
    pub(crate) pinning: String,
    pub(crate) verified: bool,
}

impl Machine {
    /// Looks at this machine.
    pub(crate) fn look(args: &CompareArgs) -> Self {
        let cores = args.cores();
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: field("/proc/meminfo", "MemTotal")
                .trim_end_matches(" kB")
                .parse::<u64>()
                .unwrap_or_default()
                >> 20,
            kernel: read("/proc/sys/kernel/osrelease"),
            disk: disk(&args.dir),
            load: read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            steal_percent: steal_percent(&read("/proc/stat")).unwrap_or_default(),
            chronik: format!("{} {}", build(args), args.ours.join(" ")).trim().to_owned(),
            peer: args.peer.as_ref().map(|_| format!("{}, {}", args.peer_name, args.peer_durability.name())),
            pinning: match (cores.server, cores.client) {
                (Some(server), Some(client)) => format!("server on core {server}, client on core {client}"),
                _ => "none".to_owned(),
            },
            verified: !args.unverified,
        }
    }

    /// `name: value`, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("processor: {}, {} cores, {} GiB", self.processor, self.cores, self.memory_gib),
            format!("kernel: {}; disk: {}", self.kernel, self.disk),
            format!("load: {}; steal since boot: {:.2} %", self.load, self.steal_percent),
            format!("pinning: {}", self.pinning),
            format!("ours: {}", self.chronik),
        ];
        lines.extend(self.peer.iter().map(|peer| format!("peer: {peer}")));
        if !self.verified {
            lines.push("not verified: acknowledged records were not read back".to_owned());
        }
        lines.push(
            "D0: acknowledged before it is on disk; D1: after. Ratio: how many times better ours is"
                .to_owned(),
        );
        lines
    }
}

/// Uses half of the free memory once, 8 GiB at most, so that not the first server pays for the machine's first use of it.
pub(crate) fn touch_memory() {
    let kib: usize =
        field("/proc/meminfo", "MemAvailable").trim_end_matches(" kB").parse().unwrap_or_default();
    let bytes = (kib << 10) / 2;
    let touched = vec![1_u8; bytes.min(8 << 30)];
    std::hint::black_box(&touched);
}

/// Which build of ours is measured.
fn build(args: &CompareArgs) -> String {
    if let (Some(address), None) = (&args.bootstrap, &args.binary) {
        return format!(
            "a gateway that ran at {address} before, of an unknown build (--binary FILE names it)"
        );
    }
    ours::binary(args).map_or_else(|_| UNKNOWN.to_owned(), |path| program(&path))
}

/// What a program says about itself, and the checksum of its file: builds of one version say the same.
fn program(path: &Path) -> String {
    let said = Command::new(path).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = said.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let version =
        said.and_then(|text| Some(String::from_utf8_lossy(&text).lines().next()?.trim().to_owned()));
    let version = version.unwrap_or_else(|| UNKNOWN.to_owned());
    match fs::read(path) {
        Ok(file) => format!("{version}, CRC-32C of the binary {:08x}", crc_fast::checksum(Crc32Iscsi, &file)),
        Err(_) => version,
    }
}

const UNKNOWN: &str = "unknown version";

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// The value of the first line `key: value` of a file of `/proc`.
fn field(path: &str, key: &str) -> String {
    let text = read(path);
    let line =
        text.lines().find_map(|line| line.strip_prefix(key)?.split_once(':').map(|(_, value)| value.trim()));
    line.unwrap_or("unknown").to_owned()
}

/// The mount that holds a directory is the one with the longest path above it.
fn disk(dir: &Path) -> String {
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mounts = read("/proc/mounts");
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, at, kind) = (words.next()?, words.next()?, words.next()?);
            dir.starts_with(at).then_some((at.len(), device, kind))
        })
        .max();
    let Some((_, device, kind)) = mount else { return "unknown".to_owned() };
    let name = device.rsplit('/').next().unwrap_or_default();
    let queue = |what: &str| read(&format!("/sys/block/{name}/queue/{what}"));
    match (queue("write_cache"), queue("fua")) {
        (cache, _) if cache.is_empty() => format!("{kind} on {device}"),
        (cache, fua) => format!("{kind} on {device}, {cache}, fua {fua}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an f64 holds the ticks of a million years")]
fn steal_percent(stat: &str) -> Option<f64> {
    let cpu::Machine { steal, all } = cpu::Machine::parse(stat)?;
    (all > 0).then(|| steal as f64 * 100.0 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_told_by_what_it_says_and_its_checksum() {
        let said = program(Path::new(env!("CARGO")));
        let (version, sum) = said.split_once(", CRC-32C of the binary ").unwrap();
        assert!(version.starts_with("cargo "), "{said}");
        assert_eq!(sum.len(), 8, "{said}");
        assert_eq!(program(Path::new("/nowhere/chronik")), UNKNOWN);
    }

    #[test]
    fn steal_is_a_share_of_all_time() {
        assert_eq!(steal_percent("cpu  10 0 20 60 0 0 5 5 0 0\ncpu0 1 1"), Some(5.0));
        assert_eq!(steal_percent("cpu  1 2 3"), None);
        assert_eq!(steal_percent(""), None);
    }
}
