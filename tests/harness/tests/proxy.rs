//! The proxy between a client and a broker that notes in which order requests arrive.
#![cfg(test)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use chronik_harness::{Connection, Fault, Injected, Proxy};
use kafka_protocol::messages::HeartbeatRequest;

const LIMIT: Duration = Duration::from_secs(20);
const VERSION: i16 = 0;

/// A broker that answers the nth request it gets with error code n, and tells the generation of each, or that one was cut.
fn broker() -> (SocketAddr, Receiver<Option<i32>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, arrivals) = sync_channel(100);
    std::thread::spawn(move || {
        let mut count = 0;
        while let Ok((socket, _)) = listener.accept() {
            serve(socket, &mut count, &seen);
        }
    });
    (address, arrivals)
}

/// Serves until the connection ends. Only one connection at a time, or the order would not be known.
fn serve(mut socket: TcpStream, count: &mut i16, seen: &SyncSender<Option<i32>>) {
    let mut length = [0; 4];
    while socket.read_exact(&mut length).is_ok() {
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        if socket.read_exact(&mut frame).is_err() {
            seen.send(None).unwrap();
            return;
        }
        // Key, version, correlation id, client id, an empty group, then the generation.
        let client_id = usize::try_from(i16::from_be_bytes([frame[8], frame[9]])).unwrap();
        let generation = &frame[10 + client_id + 2..][..4];
        seen.send(Some(i32::from_be_bytes(generation.try_into().unwrap()))).unwrap();
        *count += 1;
        let mut answer = vec![0, 0, 0, 6];
        answer.extend_from_slice(&frame[4..8]);
        answer.extend_from_slice(&count.to_be_bytes());
        if socket.write_all(&answer).is_err() {
            return;
        }
    }
}

fn heartbeat(generation_id: i32) -> HeartbeatRequest {
    HeartbeatRequest::default().with_generation_id(generation_id)
}

/// A client behind a proxy, with what arrives.
fn rig() -> (Proxy, Connection, Receiver<Option<i32>>) {
    let (address, arrivals) = broker();
    let proxy = Proxy::start(address).unwrap();
    let client = Connection::open(proxy.address(), LIMIT).unwrap();
    (proxy, client, arrivals)
}

/// Sends requests of generations 1 to `count` at once and gives the codes of their answers.
fn pipeline(client: &mut Connection, count: i32) -> Vec<i16> {
    let sent: Vec<i32> = (1..=count).map(|n| client.send(VERSION, &heartbeat(n)).unwrap()).collect();
    let answers = sent.into_iter().map(|id| client.receive::<HeartbeatRequest>(VERSION, id).unwrap());
    answers.map(|answer| answer.error_code).collect()
}

fn next(arrivals: &Receiver<Option<i32>>) -> Option<i32> {
    arrivals.recv_timeout(LIMIT).unwrap()
}

fn codes(injected: &Injected<HeartbeatRequest>, count: usize) -> Vec<i16> {
    injected.answers(count, LIMIT).iter().map(|answer| answer.error_code).collect()
}

#[test]
fn passes_everything_in_order_without_a_fault() {
    let (_proxy, mut client, arrivals) = rig();
    assert_eq!(pipeline(&mut client, 3), [1, 2, 3]);
    assert_eq!([next(&arrivals), next(&arrivals), next(&arrivals)], [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_held_request_arrives_when_it_is_released_even_after_its_client_has_gone() {
    let (proxy, mut client, arrivals) = rig();
    let held = proxy.inject::<HeartbeatRequest>(Fault::Hold);
    client.send(VERSION, &heartbeat(1)).unwrap();
    client.send(VERSION, &heartbeat(2)).unwrap();
    assert!(held.caught(LIMIT));
    assert_eq!(next(&arrivals), Some(2));
    drop(client);
    assert!(held.release());
    assert_eq!(next(&arrivals), Some(1));
    assert_eq!(codes(&held, 1), [2]);
    assert!(!held.release(), "it is sent once");
}

#[test]
fn a_swapped_request_changes_places_but_its_client_gets_the_answers_in_order() {
    let (proxy, mut client, arrivals) = rig();
    let swapped = proxy.inject::<HeartbeatRequest>(Fault::Swap);
    assert_eq!(pipeline(&mut client, 3), [2, 1, 3]);
    assert_eq!([next(&arrivals), next(&arrivals), next(&arrivals)], [Some(2), Some(1), Some(3)]);
    assert_eq!(codes(&swapped, 1), [2]);
}

#[test]
fn a_duplicated_request_arrives_twice_and_is_answered_once() {
    let (proxy, mut client, arrivals) = rig();
    let twice = proxy.inject::<HeartbeatRequest>(Fault::Duplicate);
    assert_eq!(pipeline(&mut client, 2), [1, 3]);
    assert_eq!([next(&arrivals), next(&arrivals), next(&arrivals)], [Some(1), Some(1), Some(2)]);
    assert_eq!(codes(&twice, 2), [1, 2]);
}

#[test]
fn a_repeated_request_arrives_again_when_it_is_released() {
    let (proxy, mut client, arrivals) = rig();
    let again = proxy.inject::<HeartbeatRequest>(Fault::Repeat);
    assert_eq!(pipeline(&mut client, 2), [1, 2]);
    assert!(again.release());
    assert_eq!([next(&arrivals), next(&arrivals), next(&arrivals)], [Some(1), Some(2), Some(1)]);
    assert_eq!(codes(&again, 2), [1, 3]);
}

#[test]
fn a_lost_answer_ends_the_connection_after_the_request_was_carried_out() {
    let (proxy, mut client, arrivals) = rig();
    let lost = proxy.inject::<HeartbeatRequest>(Fault::LoseAnswer);
    assert!(client.call(VERSION, &heartbeat(1)).is_err());
    assert_eq!(next(&arrivals), Some(1));
    assert_eq!(codes(&lost, 1), [1]);
}

#[test]
fn a_torn_request_never_arrives_whole() {
    let (proxy, mut client, arrivals) = rig();
    let torn = proxy.inject::<HeartbeatRequest>(Fault::Tear(9));
    assert!(client.call(VERSION, &heartbeat(1)).is_err());
    assert!(torn.caught(LIMIT));
    assert_eq!(next(&arrivals), None);
    assert_eq!(codes(&torn, 1), [0; 0]);
}
