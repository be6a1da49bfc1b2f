//! Transactions: four transactional ids, a producer outside of them, and two readers, on one topic.

use super::joined;
use super::last_reads::{last_poll, read_all, wait_stable};
use super::txn_readers::{Account, plain, reader};
use super::txn_worker::TxnWorker;
use crate::client::{Link, Topic, create_topics, delete_topics};
use crate::history::judge;
use crate::judges::openness;
use crate::stage::{Over, Stage};

const PARTITIONS: i32 = 8;
const WORKERS: u64 = 4;
const READERS: u64 = 2;
/// Process of the reads at the end.
const LAST: u64 = 999_000_000;

/// Runs one era.
pub(crate) fn run_era(stage: &Stage, era: u64) -> Result<Vec<String>, Over> {
    let topic = Topic::new(format!("torture-transactions-{era}"), PARTITIONS);
    let mut link = Link::new(stage, "transactions".to_owned());
    create_topics(&mut link, &[&topic])?;
    let Account { mut ops, open, sightings } = run_clients(stage, era, &topic)?;
    let mut findings = wait_stable(&mut link, &topic)?;
    let (reads, differences) = read_all(&mut link, &topic)?;
    findings.extend(differences);
    findings.extend(openness(&open, &sightings).iter().map(ToString::to_string));
    ops.push(last_poll(&link, LAST, &reads));
    findings.extend(judge(&ops).iter().map(ToString::to_string));
    delete_topics(&mut link, &[&topic])?;
    Ok(findings)
}

fn run_clients(stage: &Stage, era: u64, topic: &Topic) -> Result<Account, Over> {
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for number in 0..WORKERS {
            let worker = TxnWorker::new(stage, era, topic.clone(), number);
            clients.push(scope.spawn(|| worker.run()));
        }
        for number in 0..READERS {
            clients.push(scope.spawn(move || reader(stage, era, topic, number)));
        }
        let plain = scope.spawn(move || plain(stage, era, topic, 0, 10));
        let mut account = Account::default();
        for client in clients {
            account.merge(joined(stage, client)?);
        }
        account.ops.extend(joined(stage, plain)?);
        Ok(account)
    })
}
