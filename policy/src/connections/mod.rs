//! Limits on connections: how many in all, how many from one address, and how fast new ones come.
//!
//! They act where a connection is accepted, before any request exists, so this is no tower layer. As in Kafka, the total
//! and the rate make the acceptor wait (the backlog of the kernel holds who comes next), and the limit of one address
//! closes the connection at once.

mod rate;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chronik_types::Clock;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::rate::CreationRate;

/// What the limits are.
#[derive(Clone, Debug)]
pub struct ConnectionLimitSettings {
    /// Connections at one time (`max.connections`).
    pub total: usize,
    /// Connections at one time from one address (`max.connections.per.ip`).
    pub per_address: usize,
    /// Exceptions from `per_address` (`max.connections.per.ip.overrides`).
    pub per_address_overrides: HashMap<IpAddr, usize>,
    /// New connections in a second (`max.connection.creation.rate`); `None` is no limit.
    pub creations_per_second: Option<u32>,
}

/// The limits and who counts against them. Clones share the counts.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: ConnectionLimitSettings,
    total: Arc<Semaphore>,
    rate: Option<CreationRate>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A place for one connection, not yet taken by an address.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    permit: OwnedSemaphorePermit,
}

/// The right to be connected; gives the place back when dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    shared: Arc<Shared>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
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

impl ConnectionLimits {
    /// Limits that nobody counts against yet.
    #[must_use]
    pub fn new(settings: ConnectionLimitSettings, clock: Arc<dyn Clock>) -> Self {
        let total = Arc::new(Semaphore::new(settings.total.min(Semaphore::MAX_PERMITS)));
        let rate = settings.creations_per_second.map(|rate| CreationRate::new(rate, clock));
        Self { shared: Arc::new(Shared { settings, total, rate, by_address: Mutex::default() }) }
    }

    /// Waits until there is room for one more connection, and until the rate allows it.
    ///
    /// Cancel safe: a place that was not handed out counts for nobody.
    pub async fn place(&self) -> Place {
        let shared = Arc::clone(&self.shared);
        let permit = loop {
            // The semaphore is never closed, so that the loop runs once.
            if let Ok(permit) = Arc::clone(&shared.total).acquire_owned().await {
                break permit;
            }
        };
        if let Some(rate) = &shared.rate {
            rate.turn().await;
        }
        Place { shared, permit }
    }

    /// Connections at this moment.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.shared.by_address.lock().values().sum()
    }
}

impl Place {
    /// Takes the place for a connection from `address`.
    ///
    /// # Errors
    /// When the address has all its connections; the place is free again.
    pub fn take(self, address: IpAddr) -> Result<ConnectionPermit, TooManyFromAddress> {
        // An IPv4 client that came through an IPv6 socket is still that IPv4 client.
        let address = address.to_canonical();
        let settings = &self.shared.settings;
        let limit = settings.per_address_overrides.get(&address).copied().unwrap_or(settings.per_address);
        {
            let mut by_address = self.shared.by_address.lock();
            let count = by_address.get(&address).copied().unwrap_or(0);
            if count >= limit {
                return Err(TooManyFromAddress { address, limit });
            }
            by_address.insert(address, count + 1);
        }
        Ok(ConnectionPermit { shared: self.shared, address, _permit: self.permit })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut by_address = self.shared.by_address.lock();
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}
