//! Reads an answer to a Fetch piece by piece, as it arrives, and of its records only the headers of the batches. Whoever
//! does not verify records has no need to copy them out of the socket.

use chronik_wire::batch::{BatchHeader, HEADER_LEN};

use super::fetch::{PartitionHead, read_head, read_partition, read_topic};
use super::{Malformed, Reader};
use crate::engine::Used;

/// Something that an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// An error code, of a partition or the whole answer.
    Error(i16),
    /// A whole batch of a partition.
    Batch(i32, BatchHeader),
}

/// How far an answer has been read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skimmer {
    next: Next,
    /// Topics and partitions, of those that the answer announced, that have not ended yet.
    topics: usize,
    partitions: usize,
    /// The partition whose records are being read, and how many bytes of them are still to come.
    partition: PartitionHead,
}

/// What comes next in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Head,
    Topic,
    Partition,
    Records,
    PartitionTags,
    TopicTags,
    Tags,
    Nothing,
}

impl Skimmer {
    /// Reads on in what has arrived, and tells `seen`. What it does not use has to be there again, with more behind it.
    /// After the last byte of an answer nothing is left over.
    pub(crate) fn read(
        &mut self,
        arrived: &[u8],
        mut seen: impl FnMut(Seen) -> Result<(), Malformed>,
    ) -> Result<Used, Malformed> {
        let mut reader = Reader(arrived);
        let mut skip = 0;
        while skip <= reader.0.len() {
            reader.bytes(skip)?;
            // A field that is cut off is read again when more has arrived.
            let mut ahead = reader;
            match self.step(&mut ahead, &mut seen) {
                Some(skipped) => skip = skipped?,
                None => return Ok(Used { bytes: arrived.len() - reader.0.len(), skip: 0 }),
            }
            reader = ahead;
        }
        Ok(Used { bytes: arrived.len() - reader.0.len(), skip })
    }

    /// Whether the whole answer has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.next == Next::Nothing
    }

    /// Reads one part; gives how many bytes behind it are of no interest. `None` when it has not arrived wholly, and at the
    /// end.
    fn step(
        &mut self,
        reader: &mut Reader<'_>,
        seen: &mut impl FnMut(Seen) -> Result<(), Malformed>,
    ) -> Option<Result<usize, Malformed>> {
        let told = match self.next {
            Next::Head => {
                let (error, topics) = read_head(reader).ok()?;
                self.topics = topics;
                self.next = if topics == 0 { Next::Tags } else { Next::Topic };
                (error != 0).then_some(Seen::Error(error))
            }
            Next::Topic => {
                self.partitions = read_topic(reader).ok()?;
                self.next = if self.partitions == 0 { Next::TopicTags } else { Next::Partition };
                None
            }
            Next::Partition => {
                self.partition = read_partition(reader).ok()?;
                self.next = Next::Records;
                (self.partition.error != 0).then_some(Seen::Error(self.partition.error))
            }
            Next::Records => return self.batch(reader, seen),
            Next::PartitionTags => {
                reader.tags().ok()?;
                self.partitions -= 1;
                self.next = if self.partitions == 0 { Next::TopicTags } else { Next::Partition };
                None
            }
            Next::TopicTags => {
                reader.tags().ok()?;
                self.topics -= 1;
                self.next = if self.topics == 0 { Next::Tags } else { Next::Topic };
                None
            }
            Next::Tags => {
                reader.tags().ok()?;
                self.next = Next::Nothing;
                None
            }
            Next::Nothing => return None,
        };
        Some(told.map_or(Ok(()), seen).map(|()| 0))
    }

    /// The header of the next batch; what is cut off at the end of the records is left out.
    fn batch(
        &mut self,
        reader: &mut Reader<'_>,
        seen: &mut impl FnMut(Seen) -> Result<(), Malformed>,
    ) -> Option<Result<usize, Malformed>> {
        let PartitionHead { partition, error, length } = self.partition;
        if length < HEADER_LEN || error != 0 {
            self.next = Next::PartitionTags;
            return Some(Ok(length));
        }
        let header = BatchHeader::parse(reader.bytes(HEADER_LEN).ok()?);
        let size = header.as_ref().map_or(0, BatchHeader::size_in_bytes);
        let Some(body) = size.checked_sub(HEADER_LEN) else { return Some(Err(Malformed)) };
        if size > length {
            self.next = Next::PartitionTags;
            return Some(Ok(length - HEADER_LEN));
        }
        self.partition.length -= size;
        let told = header.map_err(|_| Malformed).and_then(|header| seen(Seen::Batch(partition, header)));
        Some(told.map(|()| body))
    }
}

#[cfg(test)]
mod tests;
