//! `chronik log dump`: what is in a write-ahead log, for people and for programs.
//!
//! Every segment, block, entry and batch becomes a [`Line`]; both formats print the same facts. The log is read without
//! opening it, and never written. Exit code 74 says that damage was found.

mod describe;
mod groups;
mod line;
mod transactions;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use chronik_wal::dump::{BlockInfo, Item, LogDump, SegmentInfo};

use crate::args::DumpFormat;
use crate::complain;
use crate::dump::describe::Describer;
use crate::dump::line::Line;
use crate::exit::Exit;
use crate::output::written;

/// Dumps the log in a directory.
pub(crate) fn run(dir: &Path, format: DumpFormat) -> Exit {
    let log = match LogDump::open(dir) {
        Ok(log) => log,
        Err(error) => {
            complain(&error);
            return Exit::Storage;
        }
    };
    if log.identity().is_none() && log.segments().is_empty() {
        eprintln!("chronik: there is no log in {}; give the directory of storage.wal.dir", dir.display());
        return Exit::Failure;
    }
    let mut dump = Dump { out: BufWriter::new(io::stdout().lock()), format, damaged: false };
    match written(dump.log(&log)) {
        Exit::Ok if dump.damaged => Exit::Storage,
        exit => exit,
    }
}

/// Prints a log as it is walked.
struct Dump<W: Write> {
    out: W,
    format: DumpFormat,
    damaged: bool,
}

impl<W: Write> Dump<W> {
    fn log(&mut self, log: &LogDump) -> io::Result<()> {
        if let Some(identity) = log.identity() {
            let id = format!("{:016x}", identity.log_id);
            self.print(&Line::new(0, "log").text("id", &id).number("epoch", identity.epoch))?;
        }
        let mut describer = Describer::new(log);
        for segment in log.segments() {
            self.segment(log, &segment, &mut describer)?;
        }
        self.out.flush()
    }

    fn segment(
        &mut self,
        log: &LogDump,
        segment: &SegmentInfo,
        describer: &mut Describer<'_>,
    ) -> io::Result<()> {
        let line = Line::new(0, "segment")
            .text("file", &segment.file)
            .number("start", segment.start.get())
            .number("bytes", segment.bytes)
            .number("epoch", segment.epoch);
        if segment.defect.is_some() {
            self.damaged = true;
            describer.miss();
        }
        self.print(&line.maybe("defect", segment.defect.as_deref()))?;
        for item in log.items(segment.start)? {
            match item? {
                Item::Block(block) => self.block(&block, describer)?,
                Item::Damage { offset, reason } => {
                    self.damaged = true;
                    describer.miss();
                    let line = Line::new(1, "damage").text("file", &segment.file);
                    self.print(&line.number("offset", offset).text("reason", &reason))?;
                }
                Item::Tail { offset, reason } => {
                    self.print(&Line::new(1, "end").number("offset", offset).text("reason", &reason))?;
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, block: &BlockInfo, describer: &mut Describer<'_>) -> io::Result<()> {
        let mut line = Line::new(1, "block")
            .number("offset", block.offset)
            .number("position", block.position.get())
            .number("bytes", block.bytes)
            .number("epoch", block.epoch)
            .number("committed", block.committed.get())
            .number("data_bytes", block.data_bytes);
        if !block.marks.is_empty() {
            line = line.text("marks", &block.marks.join(","));
        }
        if !block.data_intact {
            self.damaged = true;
            line = line.text("defect", "the checksum of the data does not match");
        }
        self.print(&line)?;
        for entry in &block.entries {
            for line in describer.entry(entry) {
                self.print(&line)?;
            }
        }
        Ok(())
    }

    fn print(&mut self, line: &Line) -> io::Result<()> {
        match self.format {
            DumpFormat::Text => writeln!(self.out, "{}", line.for_people()),
            DumpFormat::Json => writeln!(self.out, "{}", line.for_programs()),
        }
    }
}
