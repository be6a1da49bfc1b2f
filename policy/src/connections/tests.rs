use std::net::Ipv4Addr;
use std::time::Duration;

use chronik_types::{ManualClock, TimestampMs};

use super::*;

fn settings() -> ConnectionLimitSettings {
    ConnectionLimitSettings {
        total: 3,
        per_address: 2,
        per_address_overrides: HashMap::new(),
        creations_per_second: None,
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(TimestampMs::new(0)))
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

#[tokio::test]
async fn one_address_gets_its_share_and_no_more() {
    let limits = ConnectionLimits::new(settings(), clock());
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
async fn an_override_replaces_the_limit_of_its_address() {
    let overrides = HashMap::from([(address(1), 0)]);
    let limits = ConnectionLimits::new(
        ConnectionLimitSettings { per_address_overrides: overrides, ..settings() },
        clock(),
    );
    limits.place().await.take(address(1)).unwrap_err();
    let _other = limits.place().await.take(address(2)).unwrap();
}

#[tokio::test]
async fn a_mapped_address_counts_as_the_address_that_it_maps() {
    let limits = ConnectionLimits::new(ConnectionLimitSettings { per_address: 1, ..settings() }, clock());
    let _plain = limits.place().await.take(address(1)).unwrap();
    let mapped = IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped());
    limits.place().await.take(mapped).unwrap_err();
}

#[tokio::test]
async fn the_acceptor_waits_when_all_places_are_taken() {
    let limits = ConnectionLimits::new(ConnectionLimitSettings { total: 1, ..settings() }, clock());
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

#[test]
fn connections_are_spaced_out_after_the_first_second_of_them() {
    let clock = clock();
    clock.advance(Duration::from_secs(60));
    let rate = CreationRate::new(4, clock.clone());
    let waits: Vec<_> = (0..6).map(|_| rate.reserve().as_millis()).collect();
    assert_eq!(waits, [0, 0, 0, 0, 250, 500]);
    clock.advance(Duration::from_millis(750));
    assert_eq!(rate.reserve(), Duration::ZERO);
    assert_eq!(rate.reserve(), Duration::from_millis(250));
}
