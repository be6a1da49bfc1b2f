//! Limits on connections: how many in all, how many from one address, and how fast new ones come.
//!
//! They act where a connection is accepted, before any request exists, so this is no tower layer. As in Kafka, the total
//! and the rate make the acceptor wait (the backlog of the kernel holds who comes next), and the limit of one address
//! closes the connection at once.

mod rate;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chronik_types::Clock;
use parking_lot::Mutex;
use tokio::sync::Notify;

use self::rate::CreationRate;

/// How long a changed limit may take to be seen by an acceptor that waits for a place.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What the limits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimitSettings {
    /// Connections at one time (`max.connections`).
    pub total: usize,
    /// Connections at one time from one address (`max.connections.per.ip`).
    pub per_address: usize,
    /// New connections in a second (`max.connection.creation.rate`); `None` is no limit.
    pub creations_per_second: Option<u32>,
}

/// Tells the limits in force; asked for each connection, so that a change acts at once.
pub type InForce = Box<dyn Fn() -> ConnectionLimitSettings + Send + Sync>;

/// The limits and who counts against them. Clones share the counts.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    shared: Arc<Shared>,
}

struct Shared {
    in_force: InForce,
    rate: CreationRate,
    taken: Mutex<Taken>,
    /// Tells an acceptor that waits that a place is free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    places: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place for one connection, not yet taken by an address.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
}

/// The right to be connected; gives the place back when dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    place: Place,
    address: IpAddr,
}

/// The address has all the connections that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} already has {limit} connections, which is the limit for one address")]
pub struct TooManyFromAddress {
    /// Who asked.
    pub address: IpAddr,
    /// How many it may have.
    pub limit: usize,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl ConnectionLimits {
    /// Limits that nobody counts against yet.
    #[must_use]
    pub fn new(in_force: InForce, clock: Arc<dyn Clock>) -> Self {
        let rate = CreationRate::new(clock);
        let shared = Shared { in_force, rate, taken: Mutex::default(), freed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Waits until there is room for one more connection. A place that an acceptor keeps while it waits for somebody to come
    /// is lost to those who come to another one.
    ///
    /// Cancel safe: a place that was not handed out counts for nobody.
    pub async fn place(&self) -> Place {
        loop {
            match self.try_place() {
                Some(place) => return place,
                // Whichever comes first; a limit that was raised wakes nobody.
                None => drop(tokio::time::timeout(LOOK_AGAIN, self.shared.freed.notified()).await),
            }
        }
    }

    /// A place, if there is room for one more connection now.
    #[must_use]
    pub fn try_place(&self) -> Option<Place> {
        let total = (self.shared.in_force)().total;
        let mut taken = self.shared.taken.lock();
        if taken.places >= total {
            return None;
        }
        taken.places += 1;
        Some(Place { shared: Arc::clone(&self.shared) })
    }

    /// Connections at this moment.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.shared.taken.lock().by_address.values().sum()
    }
}

impl Place {
    /// Waits until the rate allows one more connection.
    ///
    /// Not cancel safe: a turn that was begun counts.
    pub async fn turn(&self) {
        if let Some(rate) = (self.shared.in_force)().creations_per_second {
            self.shared.rate.turn(rate).await;
        }
    }

    /// Takes the place for a connection from `address`.
    ///
    /// # Errors
    /// When the address has all its connections; the place is free again.
    pub fn take(self, address: IpAddr) -> Result<ConnectionPermit, TooManyFromAddress> {
        // An IPv4 client that came through an IPv6 socket is still that IPv4 client.
        let address = address.to_canonical();
        let limit = (self.shared.in_force)().per_address;
        {
            let mut taken = self.shared.taken.lock();
            let count = taken.by_address.get(&address).copied().unwrap_or(0);
            if count >= limit {
                // Giving the place back takes the lock again.
                drop(taken);
                return Err(TooManyFromAddress { address, limit });
            }
            taken.by_address.insert(address, count + 1);
        }
        Ok(ConnectionPermit { place: self, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.taken.lock().places -= 1;
        // A permit is kept for an acceptor that is just about to wait.
        self.shared.freed.notify_one();
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.place.shared.taken.lock();
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}
