//! A line of comma-separated values for each interval.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Interval;
use super::progress::name;
use crate::error::BenchError;

const COLUMNS: &str = "at_seconds,phase,seconds,records,records_per_second,megabytes_per_second,requests_per_second,\
                       errors,p50_us,p90_us,p99_us,p99_9_us,p99_99_us,max_us,latencies";

/// The file.
#[derive(Debug)]
pub(crate) struct Csv {
    path: PathBuf,
    file: BufWriter<File>,
    /// The first failure: what comes after it would leave a hole.
    failed: Option<io::Error>,
}

impl Csv {
    /// Creates the file, or empties it.
    pub(crate) fn create(path: &Path) -> Result<Self, BenchError> {
        let failed = |source| BenchError::Output { path: path.to_owned(), source };
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        writeln!(file, "{COLUMNS}").map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, failed: None })
    }

    pub(super) fn interval(&mut self, interval: &Interval) {
        if self.failed.is_none() {
            self.failed = self.write(interval).err();
        }
    }

    fn write(&mut self, interval: &Interval) -> io::Result<()> {
        let Interval { phase, at, seconds, counts, latency, .. } = interval;
        write!(self.file, "{:.3},{},{seconds:.3},{},", at.as_secs_f64(), name(*phase), counts.records)?;
        write!(self.file, "{:.1},{:.3},", interval.records_per_second(), interval.megabytes_per_second())?;
        write!(self.file, "{:.1},{}", interval.requests_per_second(), counts.errors)?;
        for us in [latency.p50, latency.p90, latency.p99, latency.p99_9, latency.p99_99, latency.max] {
            write!(self.file, ",{us:.1}")?;
        }
        writeln!(self.file, ",{}", latency.count)?;
        // Whoever watches the file sees whole lines.
        self.file.flush()
    }

    pub(super) fn finish(self) -> Result<(), BenchError> {
        match self.failed {
            Some(source) => Err(BenchError::Output { path: self.path, source }),
            None => Ok(()),
        }
    }
}
