//! What the members of one group did, and the state of one of them: what it owns, where it reads, what it committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use chronik_types::ErrorCode;

use super::board::Board;
use crate::checker::Key;
use crate::client::{
    Committed, Committer, Fetcher, Link, Read, Standing, Topic, commit_offsets, commit_offsets_and_die,
    fetch_offsets,
};
use crate::history::{Completion, Op, Step};
use crate::judges::{Claim, Commit, Commits, Fetched, coverage, ownership};
use crate::stage::{Over, Stage};

/// The history of a group.
#[derive(Debug, Default)]
pub(crate) struct GroupLog {
    pub(crate) ops: Vec<Op>,
    claims: Vec<Claim>,
    pub(crate) commits: Commits,
}

impl GroupLog {
    pub(crate) fn merge(&mut self, other: Self) {
        self.ops.extend(other.ops);
        self.claims.extend(other.claims);
        self.commits.commits.extend(other.commits.commits);
        self.commits.fetched.extend(other.commits.fetched);
    }

    /// Everything that is wrong with it, when these records are there and these offsets are committed in the end.
    pub(crate) fn judge(&self, group: &str, records: &[Read], committed: &[Committed]) -> Vec<String> {
        let records = records.iter().map(|read| (read.key, read.offset)).collect();
        let polled: BTreeSet<(Key, i64)> =
            self.ops.iter().flat_map(Op::reads).map(|(key, offset, _)| (key, offset)).collect();
        let committed: Vec<(Key, i64)> = committed.iter().map(|one| (one.key, one.offset)).collect();
        let mut findings: Vec<String> =
            ownership(group, &self.claims).iter().map(ToString::to_string).collect();
        findings.extend(self.commits.judge(group).iter().map(ToString::to_string));
        findings.extend(coverage(group, &records, &polled, &committed).iter().map(ToString::to_string));
        findings
    }
}

/// One member at work.
#[derive(Debug)]
pub(crate) struct Consumption<'a> {
    stage: &'a Stage,
    topic: Topic,
    group: String,
    member: String,
    process: u64,
    pub(crate) fetcher: Fetcher,
    open: BTreeMap<Key, Claim>,
    /// Owned, but where to start is not known yet.
    unlocated: BTreeSet<Key>,
    /// Positions as of the last commit.
    committed: BTreeMap<Key, i64>,
    /// Where it says what it owns, and its seat there.
    board: (&'a Board, u64),
    pub(crate) log: GroupLog,
}

impl<'a> Consumption<'a> {
    pub(crate) fn new(
        stage: &'a Stage,
        topic: Topic,
        group: &str,
        partition_bytes: i32,
        board: (&'a Board, u64),
    ) -> Self {
        Self {
            stage,
            fetcher: Fetcher::new(topic.clone(), true, partition_bytes),
            topic,
            group: group.to_owned(),
            member: String::new(),
            process: 0,
            open: BTreeMap::new(),
            unlocated: BTreeSet::new(),
            committed: BTreeMap::new(),
            board,
            log: GroupLog::default(),
        }
    }

    /// Another life: under this name, as this process of the history.
    pub(crate) fn reborn(&mut self, member: String, process: u64) {
        self.own(&BTreeSet::new(), 0);
        self.member = member;
        self.process = process;
    }

    /// Owns these partitions from now on, and no others.
    pub(crate) fn own(&mut self, keys: &BTreeSet<Key>, generation: i32) {
        let lost: Vec<Key> = self.open.keys().copied().filter(|key| !keys.contains(key)).collect();
        for key in lost {
            self.log.claims.extend(self.open.remove(&key));
            self.fetcher.positions.remove(&key);
            self.committed.remove(&key);
            self.unlocated.remove(&key);
        }
        for key in keys {
            if !self.open.contains_key(key) {
                let (member, since) = (self.member.clone(), self.stage.tick());
                let claim = Claim { key: *key, member, generation, since, confirmed: since };
                self.open.insert(*key, claim);
                self.unlocated.insert(*key);
            }
        }
        let (board, seat) = self.board;
        board.own(seat, keys.clone());
    }

    /// The coordinator accepted a request that was sent at this instant.
    pub(crate) fn confirm(&mut self, sent: u64) {
        for claim in self.open.values_mut() {
            claim.confirmed = claim.confirmed.max(sent);
        }
    }

    /// Goes back to where the group stands, in all partitions.
    pub(crate) fn rewind(&mut self) {
        self.fetcher.positions.clear();
        self.unlocated = self.open.keys().copied().collect();
    }

    /// Asks where to start in partitions that are new. `Some` is a refusal.
    pub(crate) fn locate(
        &mut self,
        link: &mut Link<'_>,
        committer: Committer<'_>,
    ) -> Result<Option<ErrorCode>, Over> {
        if self.unlocated.is_empty() {
            return Ok(None);
        }
        let began = self.stage.tick();
        let found = match fetch_offsets(link, &self.group, committer, &self.topic)? {
            Ok(found) => found,
            Err(refused) => return Ok(Some(refused)),
        };
        let ended = self.stage.tick();
        for Committed { key, offset, metadata } in found {
            if self.unlocated.remove(&key) {
                self.fetcher.positions.insert(key, offset.max(0));
                self.committed.insert(key, offset.max(0));
                self.log.commits.fetched.push(Fetched { key, offset, metadata, began, ended });
            }
        }
        Ok(None)
    }

    /// Begins an operation with one poll; nothing when it showed nothing.
    pub(crate) fn poll(&mut self, link: &mut Link<'_>) -> Result<Option<(Op, Vec<Read>)>, Over> {
        let began = self.stage.tick();
        let reads = self.fetcher.poll(link, 20)?.unwrap_or_default();
        if reads.is_empty() {
            return Ok(None);
        }
        let records = reads.iter().map(|read| (read.key, read.offset, read.item.value)).collect();
        let op = Op {
            process: self.process,
            began,
            ended: self.stage.tick(),
            completion: Completion::Ok,
            subscribed: true,
            steps: vec![Step::Poll(records)],
        };
        Ok(Some((op, reads)))
    }

    /// What has been read and not committed.
    pub(crate) fn uncommitted(&self) -> Vec<Committed> {
        let number = self.stage.tick();
        let moved =
            self.fetcher.positions.iter().filter(|(key, offset)| self.committed.get(key) != Some(offset));
        moved
            .map(|(key, offset)| Committed { key: *key, offset: *offset, metadata: number.to_string() })
            .collect()
    }

    /// Notes a commit with its outcome.
    pub(crate) fn note_commit(&mut self, offsets: &[Committed], began: u64, completion: Completion) {
        let ended = self.stage.tick();
        for Committed { key, offset, metadata } in offsets {
            let (key, offset, number) = (*key, *offset, metadata.parse().unwrap_or(0));
            self.log.commits.commits.push(Commit { key, offset, number, began, ended, completion });
            if completion == Completion::Ok {
                self.committed.insert(key, offset);
            }
        }
    }

    /// Commits what has been read. `None` when no answer came.
    pub(crate) fn commit(
        &mut self,
        link: &mut Link<'_>,
        standing: &Standing,
    ) -> Result<Option<ErrorCode>, Over> {
        let offsets = self.uncommitted();
        if offsets.is_empty() {
            return Ok(Some(ErrorCode::None));
        }
        let began = self.stage.tick();
        let answer = commit_offsets(link, &self.group, standing, &self.topic, &offsets)?;
        let completion = match answer {
            Some(ErrorCode::None) => Completion::Ok,
            None
            | Some(
                ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator | ErrorCode::RequestTimedOut,
            ) => Completion::Info,
            Some(_) => Completion::Fail,
        };
        self.note_commit(&offsets, began, completion);
        if completion == Completion::Ok {
            self.confirm(began);
            self.stage.counts.commits.fetch_add(1, Ordering::Relaxed);
            self.read_own_commit(link)?;
        }
        Ok(answer)
    }

    /// Commits what has been read, and goes away without the answer.
    pub(crate) fn commit_and_die(&mut self, link: &mut Link<'_>, standing: &Standing) -> Result<(), Over> {
        let offsets = self.uncommitted();
        if !offsets.is_empty() {
            let began = self.stage.tick();
            commit_offsets_and_die(link, &self.group, standing, &self.topic, &offsets)?;
            self.note_commit(&offsets, began, Completion::Info);
        }
        Ok(())
    }

    /// Now and then a member looks whether what it committed is there.
    fn read_own_commit(&mut self, link: &mut Link<'_>) -> Result<(), Over> {
        let began = self.stage.tick();
        if !began.is_multiple_of(8) {
            return Ok(());
        }
        if let Ok(found) = fetch_offsets(link, &self.group, Committer::Anyone, &self.topic)? {
            let ended = self.stage.tick();
            let fetched = found.into_iter().map(|Committed { key, offset, metadata }| Fetched {
                key,
                offset,
                metadata,
                began,
                ended,
            });
            self.log.commits.fetched.extend(fetched);
        }
        Ok(())
    }

    /// Ends: everything that it did.
    pub(crate) fn finish(mut self) -> GroupLog {
        self.own(&BTreeSet::new(), 0);
        self.log
    }
}
