use std::net::Ipv4Addr;
use std::time::Duration;

use chronik_types::{ManualClock, TimestampMs};

use super::*;

fn settings() -> ConnectionLimitSettings {
    ConnectionLimitSettings { total: 3, per_address: 2, creations_per_second: None }
}

fn limits(settings: ConnectionLimitSettings) -> ConnectionLimits {
    ConnectionLimits::new(Box::new(move || settings), clock())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(TimestampMs::new(0)))
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

#[tokio::test]
async fn one_address_gets_its_share_and_no_more() {
    let limits = limits(settings());
    let first = limits.place().await.take(address(1)).unwrap();
    let _second = limits.place().await.take(address(1)).unwrap();
    let refused = limits.place().await.take(address(1)).unwrap_err();
    assert_eq!(refused, TooManyFromAddress { address: address(1), limit: 2 });
    let _other = limits.place().await.take(address(2)).unwrap();
    assert_eq!(limits.connected(), 3);
    drop(first);
    assert_eq!(limits.connected(), 2);
    let _again = limits.place().await.take(address(1)).unwrap();
}

#[tokio::test]
async fn a_mapped_address_counts_as_the_address_that_it_maps() {
    let limits = limits(ConnectionLimitSettings { per_address: 1, ..settings() });
    let _plain = limits.place().await.take(address(1)).unwrap();
    let mapped = IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped());
    limits.place().await.take(mapped).unwrap_err();
}

#[tokio::test]
async fn the_acceptor_waits_when_all_places_are_taken() {
    let limits = limits(ConnectionLimitSettings { total: 1, ..settings() });
    let only = limits.place().await.take(address(1)).unwrap();
    let waiting = tokio::spawn({
        let limits = limits.clone();
        async move { limits.place().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(only);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_changed_limit_is_in_force_at_once() {
    let total = Arc::new(std::sync::atomic::AtomicUsize::new(1));
    let seen = Arc::clone(&total);
    let in_force = move || {
        let total = seen.load(std::sync::atomic::Ordering::SeqCst);
        ConnectionLimitSettings { total, ..settings() }
    };
    let limits = ConnectionLimits::new(Box::new(in_force), clock());
    let _first = limits.place().await;
    let waiting = tokio::spawn({
        let limits = limits.clone();
        async move { limits.place().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    total.store(2, std::sync::atomic::Ordering::SeqCst);
    waiting.await.unwrap();
}

#[test]
fn connections_are_spaced_out_after_the_first_second_of_them() {
    let clock = clock();
    clock.advance(Duration::from_secs(60));
    let rate = CreationRate::new(clock.clone());
    let waits: Vec<_> = (0..6).map(|_| rate.reserve(4).as_millis()).collect();
    assert_eq!(waits, [0, 0, 0, 0, 250, 500]);
    clock.advance(Duration::from_millis(750));
    assert_eq!(rate.reserve(4), Duration::ZERO);
    assert_eq!(rate.reserve(4), Duration::from_millis(250));
}
