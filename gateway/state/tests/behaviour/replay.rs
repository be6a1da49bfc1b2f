//! Random lives: nothing panics, the invariants hold, and a replay gives the same state byte for byte.

use chronik_state::{Change, Entry, OffsetsExpired, Outcome, State};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use crate::generator;

fn live(state: &mut State, journal: &[(u64, Entry)]) -> Vec<Outcome> {
    journal.iter().map(|(position, entry)| state.apply(*position, entry)).collect()
}

fn offsets(state: &State) -> Vec<(Vec<u8>, i64, i64)> {
    let mut offsets = Vec::new();
    for topic in state.topics() {
        for (index, partition) in topic.partitions().iter().enumerate() {
            let mut key = topic.id().as_bytes().to_vec();
            key.push(u8::try_from(index).unwrap_or(u8::MAX));
            offsets.push((key, partition.log_start_offset().get(), partition.end_offset().get()));
        }
    }
    offsets
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_living_through_it(journal in generator::journal(80)) {
        let (mut lived, mut replayed) = (State::new(), State::new());
        let outcomes = live(&mut lived, &journal);
        // What is replayed has been through the journal as bytes.
        let stored: Vec<_> = journal.iter().map(|(at, entry)| (*at, Entry::decode(&entry.encode()).unwrap())).collect();
        prop_assert_eq!(live(&mut replayed, &stored), outcomes);
        prop_assert_eq!(replayed.encode(), lived.encode());
        prop_assert_eq!(replayed.hash(), lived.hash());
    }

    #[test]
    fn checkpoint_and_tail_equal_the_whole(journal in generator::journal(80), cut in any::<u16>(), overlap in 0..10usize) {
        let mut whole = State::new();
        live(&mut whole, &journal);
        let cut = usize::from(cut) % (journal.len() + 1);
        let mut head = State::new();
        live(&mut head, &journal[..cut]);
        let mut resumed = State::decode(&head.encode()).unwrap();
        // The tail may start before the place of the checkpoint.
        let outcomes = live(&mut resumed, &journal[cut.saturating_sub(overlap)..]);
        prop_assert!(outcomes.iter().take(overlap.min(cut)).all(|outcome| *outcome == Outcome::AlreadyApplied));
        prop_assert_eq!(resumed.encode(), whole.encode());
    }

    #[test]
    fn the_invariants_hold_after_every_entry(journal in generator::journal(60)) {
        let mut state = State::new();
        for (position, entry) in &journal {
            let before = offsets(&state);
            state.apply(*position, entry);
            // Decoding checks every invariant by name.
            let decoded = State::decode(&state.encode()).unwrap();
            prop_assert_eq!(&decoded, &state);
            if matches!(entry.change, Change::DeleteTopic { .. } | Change::CreateTopic(_)) {
                continue;
            }
            let after = offsets(&state);
            for (key, log_start, end) in before {
                let now = after.iter().find(|(other, ..)| *other == key);
                prop_assert!(now.is_some_and(|(_, start_now, end_now)| *start_now >= log_start && *end_now >= end));
            }
        }
    }

    #[test]
    fn a_refused_change_changes_nothing_but_the_position(journal in generator::journal(60)) {
        let mut state = State::new();
        for (position, entry) in &journal {
            let before = state.clone();
            let refused = match state.apply(*position, entry) {
                Outcome::TopicCreated(result) | Outcome::ConfigsAltered(result) => result.is_err(),
                Outcome::TopicDeleted(result) => result.is_err(),
                Outcome::PartitionsCreated(result) => result.is_err(),
                Outcome::ProducerIdAllocated(result) => result.is_err(),
                Outcome::Appended(results) => {
                    results.iter().all(|result| result.as_ref().map_or(true, |placed| placed.duplicate_of.is_some()))
                }
                Outcome::ConsumerGroupHeartbeat(result) => result.is_err(),
                Outcome::ConsumerGroupJoined(result) => result.is_err(),
                Outcome::ConsumerMembersRemoved(result) => result.as_ref().map_or(true, |all| all.iter().all(Result::is_err)),
                Outcome::OffsetsCommitted(result)
                | Outcome::ClassicGroupStored(result)
                | Outcome::GroupDeleted(result) => result.is_err(),
                Outcome::OffsetsDeleted(Err(_)) => true,
                Outcome::OffsetsDeleted(Ok(results)) => results.iter().all(Result::is_err),
                Outcome::OffsetsExpired(expired) => expired == OffsetsExpired::default(),
                Outcome::LogStartAdvanced(results) => results.iter().all(Result::is_err),
                Outcome::TransactionalProducerInitialized(result) => result.is_err(),
                Outcome::PartitionsAddedToTxn(result) | Outcome::OffsetsAddedToTxn(result) => result.is_err(),
                Outcome::TxnOffsetsCommitted(result) => result.is_err(),
                Outcome::TxnEnded(result) => result.is_err(),
                Outcome::TransactionalIdsExpired(count) => count == 0,
                Outcome::AlreadyApplied | Outcome::ProducersExpired(_) | Outcome::ClusterNamed(_) | Outcome::HashChecked(_) => false,
            };
            if refused {
                prop_assert!(state.topics().eq(before.topics()));
                prop_assert!(state.groups().eq(before.groups()));
                prop_assert!(state.transactional_producers().eq(before.transactional_producers()));
                prop_assert!(state.partitions_with_transactions().eq(before.partitions_with_transactions()));
                prop_assert_eq!(state.default_broker_configs(), before.default_broker_configs());
            }
        }
    }
}
