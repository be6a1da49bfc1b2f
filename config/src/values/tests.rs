use super::duration::{parse_duration, write_duration};
use super::*;
use std::time::Duration;

fn text(value: &str) -> Raw {
    Raw::Text(value.to_owned())
}

#[test]
fn reads_sizes_with_units_and_writes_them_back() {
    for (written, bytes, shown) in [
        ("256MiB", 256 << 20, "256MiB"),
        ("1 GiB", 1 << 30, "1GiB"),
        ("1.5GiB", 3 << 29, "1536MiB"),
        ("64kb", 64_000, "64000B"),
        ("1048588B", 1_048_588, "1048588B"),
        ("0B", 0, "0B"),
    ] {
        let size = ByteSize::read(&text(written)).unwrap();
        assert_eq!(size.get(), bytes, "{written}");
        assert_eq!(size.to_string(), shown);
        assert_eq!(ByteSize::read(&text(shown)).unwrap(), size);
    }
    for refused in ["", "12", "MiB", "-1MiB", "1.0001KiB", "1.MiB", "99999999999TiB", "1 parsec"] {
        assert!(ByteSize::read(&text(refused)).is_err(), "{refused}");
    }
    assert!(ByteSize::read(&Raw::Integer(-1)).is_err());
}

#[test]
fn reads_times_with_units_and_writes_them_back() {
    for (written, millis, shown) in [
        ("250ms", 250, "250ms"),
        ("10m", 600_000, "10m"),
        ("1h30m", 5_400_000, "90m"),
        ("7d", 604_800_000, "7d"),
    ] {
        assert_eq!(parse_duration(written), Some(millis), "{written}");
        assert_eq!(write_duration(millis), shown);
        assert_eq!(parse_duration(shown), Some(millis));
    }
    for refused in ["", "10", "10 weeks", "1.5s", "-1s", "99999999999999999999d", "213503982335d", "s"] {
        assert_eq!(parse_duration(refused), None, "{refused}");
    }
    assert_eq!(Duration::read(&Raw::Integer(10)), Err(Some("10 has no unit".to_owned())));
}

#[test]
fn buffers_of_sockets_may_be_left_to_the_system() {
    let read = |raw| SocketBuffer::read(&raw);
    assert_eq!(read(text("100KiB")), Ok(SocketBuffer::kib(100)));
    assert_eq!(read(Raw::Integer(102_400)), Ok(SocketBuffer::kib(100)));
    for system in [text("system"), Raw::Integer(-1)] {
        let buffer = read(system).unwrap();
        assert_eq!((buffer.bytes(), buffer.toml().as_deref()), (None, Some("\"system\"")));
    }
    assert_eq!(SocketBuffer::kib(100).toml().as_deref(), Some("\"100KiB\""));
    assert_eq!(SocketBuffer::SYSTEM.kafka().as_deref(), Some("-1"));
    assert_eq!(read(text("3GiB")), Err(Some("too large".to_owned())));
    assert_eq!(read(text("some")), Err(None));
}

#[test]
fn limits_know_what_stands_for_none() {
    assert_eq!(TimeLimit::read(&text("unlimited")), Ok(TimeLimit::new(-1)));
    assert_eq!(TimeLimit::read(&text("7d")), Ok(TimeLimit::new(604_800_000)));
    assert_eq!(Millis::read(&text("unlimited")), Ok(Millis::new(i64::MAX)));
    assert_eq!(SizeLimit::read(&text("1GiB")), Ok(SizeLimit::new(1 << 30)));
    assert_eq!(SizeLimit::read(&Raw::Integer(-1)).unwrap().bytes(), None);
    assert_eq!(TimeLimit::UNLIMITED.duration(), None);
}

#[test]
fn reads_listeners_and_refuses_what_is_not_one() {
    for shown in ["PLAINTEXT://127.0.0.1:9092", "LAN://[::1]:9092", "A://:0"] {
        assert_eq!(Listener::read(&text(shown)).unwrap().to_string(), shown);
    }
    for (refused, why) in [
        ("127.0.0.1:9092", "it has no NAME:// in front"),
        ("PLAINTEXT://host", "the port is missing"),
        ("PLAINTEXT://host:99999", "\"99999\" is not a port (0 to 65535)"),
        ("PLAINTEXT://::1:9092", "an IPv6 address needs brackets: [::1]:9092"),
        ("SASL_SSL://:9092", "the protocol SASL_SSL is not there yet; only PLAINTEXT is"),
        ("PLAINTEXT://a b:9092", "' ' cannot be in a host name"),
    ] {
        assert_eq!(Listener::read(&text(refused)), Err(Some(why.to_owned())));
    }
    assert!(HostPort::new("::", 1).is_wildcard());
    assert!(HostPort::new("0.0.0.0", 1).is_wildcard());
    assert!(!HostPort::new("127.0.0.1", 1).is_wildcard());
}

#[test]
fn lists_come_as_arrays_or_by_comma() {
    let loose = Raw::Loose("delete, compact".to_owned());
    let array = Raw::List(vec![text("delete"), text("compact")]);
    let both = Ok(vec![CleanupPolicy::Delete, CleanupPolicy::Compact]);
    assert_eq!(Vec::<CleanupPolicy>::read(&loose), both);
    assert_eq!(Vec::<CleanupPolicy>::read(&array), both);
    assert_eq!(Vec::<CleanupPolicy>::read(&text("delete")), Err(None));
}

#[test]
fn a_quoted_text_is_a_toml_string() {
    let nasty = "a\"b\\c\n\t\u{1}é";
    let parsed: toml::Table = toml::from_str(&format!("x = {}", quoted(nasty))).unwrap();
    assert_eq!(parsed["x"].as_str(), Some(nasty));
}
